import { EventEmitter } from "node:events";
import { type FSWatcher, statSync, watch } from "node:fs";
import { basename, dirname } from "node:path";

/** An editor writes a file in several steps: what follows within this time belongs together (ms). */
const SETTLE = 100;

/**
 * Tells when one of some files has changed. Folders are watched, since editors and git replace a
 * file by another one, and a file that is not there may come back.
 */
export class FileWatcher extends EventEmitter<{ change: [string[]] }> {
  readonly #folders = new Map<string, FSWatcher>();
  /** What each file looked like, when it was last looked at. */
  readonly #files = new Map<string, string>();
  readonly #warn: (text: string) => void;
  #touched = new Set<string>();
  #timer: NodeJS.Timeout | undefined;

  constructor(warn: (text: string) => void) {
    super();
    this.#warn = warn;
  }

  add(files: readonly string[]): void {
    for (const file of files) {
      if (this.#files.has(file)) continue;
      this.#files.set(file, lookOf(file));
      this.#watchFolder(dirname(file));
    }
  }

  close(): void {
    clearTimeout(this.#timer);
    for (const watcher of this.#folders.values()) watcher.close();
    this.#folders.clear();
  }

  #watchFolder(folder: string): void {
    if (this.#folders.has(folder)) return;
    try {
      const watcher = watch(folder, { persistent: false }, (_event, name) => {
        if (name === null) this.#touch([...this.#files.keys()]);
        else this.#touch([...this.#files.keys()].filter((file) => isIn(file, folder, name)));
      });
      watcher.on("error", (error) => this.#warn(`${folder} is not watched: ${error.message}`));
      this.#folders.set(folder, watcher);
    } catch (error) {
      this.#warn(`${folder} is not watched: ${(error as Error).message}`);
    }
  }

  #touch(files: readonly string[]): void {
    if (files.length === 0) return;
    for (const file of files) this.#touched.add(file);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#look(), SETTLE);
  }

  #look(): void {
    const changed: string[] = [];
    for (const file of this.#touched) {
      const look = lookOf(file);
      if (look === this.#files.get(file)) continue;
      this.#files.set(file, look);
      // While it is being replaced there is none; its return will be seen.
      if (look !== GONE) changed.push(file);
    }
    this.#touched = new Set();
    if (changed.length > 0) this.emit("change", changed);
  }
}

const GONE = "";

function lookOf(file: string): string {
  const stats = statSync(file, { throwIfNoEntry: false });
  return stats === undefined ? GONE : `${stats.mtimeMs} ${stats.size} ${stats.ino}`;
}

function isIn(file: string, folder: string, name: string): boolean {
  return dirname(file) === folder && basename(file) === name;
}
