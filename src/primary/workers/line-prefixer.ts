/** Characters of a line that are kept until it ends; a longer one is broken. */
const MAX_LINE = 65_536;

/** Passes text on in whole lines, each with a prefix: lines of several workers do not mix. */
export class LinePrefixer {
  readonly #prefix: string;
  readonly #write: (text: string) => void;
  #rest = "";

  constructor(prefix: string, write: (text: string) => void) {
    this.#prefix = prefix;
    this.#write = write;
  }

  push(text: string): void {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    if (this.#rest.length > MAX_LINE) {
      lines.push(this.#rest);
      this.#rest = "";
    }
    if (lines.length > 0) this.#write(lines.map((line) => `${this.#prefix}${line}\n`).join(""));
  }

  /** Nothing more will come. */
  end(): void {
    if (this.#rest !== "") this.push("\n");
  }
}
