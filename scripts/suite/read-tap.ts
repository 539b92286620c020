import { once } from "node:events";
import type { Readable } from "node:stream";
import { Parser, type Result } from "tap-parser";

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
  /** Names and reasons of those that did not run or do not count. */
  skips: string[];
  failures: Failure[];
  /** Of its tests, without the start of its process (ms). */
  duration: number;
}

/**
 * Reads what scripts/suite/run.ts writes.
 *
 * @param onFile is called whenever a file has ended
 * @returns all of them; a run that broke off counts as a file that failed
 */
export async function readTap(
  input: Readable,
  onFile: (file: FileResult) => void = () => {},
): Promise<FileResult[]> {
  const files: FileResult[] = [];
  const open = new Map<string, FileResult>();
  const parser = new Parser();
  const end = (file: FileResult): void => {
    files.push(file);
    onFile(file);
  };
  parser.on("child", (child: Parser) => {
    const file = emptyResult(child.name);
    open.set(child.name, file);
    count(child, file, []);
  });
  parser.on("assert", (result: Result) => {
    const file = open.get(result.name) ?? emptyResult(result.name);
    open.delete(result.name);
    file.ok = result.ok;
    file.duration = result.time ?? 0;
    // It ended otherwise than by an assertion: a timeout, an exit code, a missing plan.
    if (!file.ok && file.failures.length === 0) fail(file, result, []);
    end(file);
  });
  const completed = once(parser, "complete");
  input.pipe(parser as unknown as NodeJS.WritableStream);
  const [results] = (await completed) as [{ ok: boolean; bailout: unknown }];
  if (!results.ok && files.every(({ ok }) => ok)) {
    const broken = emptyResult("the run itself");
    broken.ok = false;
    broken.failed = 1;
    broken.failures.push({ name: "the output broke off", diag: results.bailout });
    end(broken);
  }
  return files;
}

function emptyResult(name: string): FileResult {
  return {
    name,
    ok: true,
    passed: 0,
    failed: 0,
    skipped: 0,
    skips: [],
    failures: [],
    duration: 0,
  };
}

function count(parser: Parser, file: FileResult, path: readonly string[]): void {
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
    if (skip || todo) {
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

function fail(file: FileResult, { name, diag }: Result, path: readonly string[]): void {
  file.failed++;
  file.failures.push({ name: [...path, name].join(" > "), diag });
}
