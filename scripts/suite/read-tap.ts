import { once } from "node:events";
import type { Readable } from "node:stream";
import { type FinalResults, Parser, type Result } from "tap-parser";

/** The reason with which tests skip that only the gate runs; see test/helpers/gate.ts. */
const LEFT_TO_GATE = "left to the gate";

/** A failed assertion. */
export interface Failure {
  /** The tests that it is in, and its own name. */
  name: string;
  diag: unknown;
}

/** What one process of tests has told. Only assertions are counted, not the tests they are in. */
export interface FileResult {
  name: string;
  ok: boolean;
  passed: number;
  failed: number;
  skipped: number;
  /** Tests that only the gate runs. */
  leftOut: number;
  /** Names and reasons of those that did not run or do not count. */
  skips: string[];
  failures: Failure[];
  /** From the start to the end of its process (ms). */
  duration: number;
}

/** Reads what one process of tests writes: TAP, to its end. */
export async function readTap(input: Readable): Promise<Counts> {
  const file: Counts = {
    ok: true,
    passed: 0,
    failed: 0,
    skipped: 0,
    leftOut: 0,
    skips: [],
    failures: [],
  };
  const parser = new Parser();
  count(parser, file, []);
  const completed = once(parser, "complete");
  input.pipe(parser as unknown as NodeJS.WritableStream);
  const [results] = (await completed) as [FinalResults];
  if (file.failed === 0 && (!results.ok || results.count === 0)) {
    const name = "the file itself"; // it did not say how many assertions there are, for one
    fail(file, { name, diag: { failures: results.failures, bailout: results.bailout } }, []);
  }
  return file;
}

type Counts = Omit<FileResult, "name" | "duration">;

function count(parser: Parser, file: Counts, path: readonly string[]): void {
  let hasFailed = false;
  parser.on("child", (child: Parser) => {
    const before = file.failed;
    child.on("complete", () => {
      hasFailed = file.failed > before;
    });
    count(child, file, [...path, child.name]);
  });
  parser.on("assert", (result: Result) => {
    const { skip, todo } = result;
    if (skip === LEFT_TO_GATE) {
      file.leftOut++;
    } else if (skip || todo) {
      file.skipped++;
      file.skips.push(`${[...path, result.name].join(" > ")}: ${skip || todo}`);
    } else if (!result.closingTestPoint) {
      if (result.ok) file.passed++;
      else fail(file, result, path);
    } else if (!result.ok && !hasFailed) {
      fail(file, result, path); // the test as a whole: it timed out, for one
    }
    if (result.closingTestPoint) hasFailed = false;
  });
}

function fail(
  file: Counts,
  { name, diag }: Pick<Result, "name" | "diag">,
  path: readonly string[],
): void {
  file.ok = false;
  file.failed++;
  file.failures.push({ name: [...path, name].join(" > "), diag });
}
