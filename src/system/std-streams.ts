/** What becomes of stdout and stderr when nobody reads them, or not fast enough. */

/**
 * What of the workers may wait for a slow reader of this process's stderr, and of its stdout; what
 * comes beyond it is dropped and counted (bytes).
 */
export const MAX_STDERR_WAITING = 1024 * 1024;

const guarded = new WeakSet<object>();

/**
 * From now on this process outlives the readers of its stdout and stderr: a log collector that was
 * restarted, a terminal that was closed, a full disk. What is written then is lost, as to a closed
 * descriptor; without this, Node ends the process at the first write (EPIPE).
 */
export function outliveReaders(
  streams: readonly NodeJS.WriteStream[] = [process.stdout, process.stderr],
): void {
  for (const stream of streams) {
    if (guarded.has(stream)) continue;
    guarded.add(stream);
    // There is nowhere left to say it.
    stream.on("error", () => {});
  }
}

type Target = Pick<NodeJS.WriteStream, "write" | "writableLength" | "once">;

/**
 * Passes text on to a stream, and bounds what waits for its reader: on Linux a pipe's writes wait in
 * memory, so that workers that write much and a reader that stands still would fill it.
 */
export class BoundedRelay {
  readonly #stream: Target;
  readonly #name: string;
  #dropped = 0;

  constructor(stream: Target, name = "stderr") {
    this.#stream = stream;
    this.#name = name;
  }

  write(text: string): void {
    const bytes = Buffer.byteLength(text);
    if (this.#dropped > 0 || this.#stream.writableLength + bytes > MAX_STDERR_WAITING) {
      if (this.#dropped === 0) this.#stream.once("drain", this.#onDrain);
      this.#dropped += bytes;
    } else {
      this.#stream.write(text);
    }
  }

  readonly #onDrain = (): void => {
    const dropped = this.#dropped;
    this.#dropped = 0;
    this.#stream.write(
      `[socket-supervisor] ${dropped} bytes of the workers' ${this.#name} were dropped: nobody read them\n`,
    );
  };
}

let stdout: BoundedRelay | undefined;
let stderr: BoundedRelay | undefined;

/** The relay to this process's stdout. */
export function stdoutRelay(): BoundedRelay {
  stdout ??= new BoundedRelay(process.stdout, "stdout");
  return stdout;
}

/** The relay to this process's stderr. */
export function stderrRelay(): BoundedRelay {
  stderr ??= new BoundedRelay(process.stderr);
  return stderr;
}
