import { closeSync, openSync, readFileSync } from "node:fs";
import { devNull } from "node:os";

/** Whether an error says that this process, or the machine, has no file descriptor left. */
export function isOutOfDescriptors(error: unknown): boolean {
  const { code } = (error ?? {}) as NodeJS.ErrnoException;
  return code === "EMFILE" || code === "ENFILE";
}

/**
 * Notices when this process has no file descriptor left, and says so once; and once that it has some
 * again. Most of what fails for want of one fails without a trace (Node sheds connections, the kernel
 * drops sockets on their way from one process to another), so it is looked for.
 */
export class DescriptorWatch {
  readonly #warn: (message: string) => void;
  readonly #tryOne: () => void;
  #isOut = false;

  constructor(warn: (message: string) => void, tryOne: () => void = openOne) {
    this.#warn = warn;
    this.#tryOne = tryOne;
  }

  look(): void {
    let isOut = false;
    try {
      this.#tryOne();
    } catch (error) {
      isOut = isOutOfDescriptors(error);
    }
    if (isOut === this.#isOut) return;
    this.#isOut = isOut;
    this.#warn(
      isOut
        ? `process ${process.pid} has no file descriptor left: new connections are refused until ` +
            "others close. Raise the limit (ulimit -n, LimitNOFILE=)."
        : `process ${process.pid} has file descriptors again`,
    );
  }
}

function openOne(): void {
  closeSync(openSync(devNull, "r"));
}

/** For processes without a logger of ours. */
export function warnOfDescriptors(message: string): void {
  process.emitWarning(message, { code: "SUPERVISOR_DESCRIPTORS" });
}

/** How many descriptors this process may have; Infinity where that is not known. */
export function descriptorLimit(): number {
  let limits: string;
  try {
    limits = readFileSync("/proc/self/limits", "utf8");
  } catch {
    return Number.POSITIVE_INFINITY; // no /proc here
  }
  const soft = /^Max open files\s+(\d+)/m.exec(limits)?.[1];
  return soft === undefined ? Number.POSITIVE_INFINITY : Number(soft);
}
