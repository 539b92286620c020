import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./spawned.js";

/** A block of a page between two fences. */
export interface Block {
  page: string;
  /** Of its first line, from 1. */
  line: number;
  language: string;
  /** What its first line says, in a comment, or the line above it; `undefined`: neither does. */
  name: string | undefined;
  code: string;
}

const FENCE = /^```(\w*)\n([\s\S]*?)^```$/gm;

/** All pages for readers, but for the generated one, which has no programs. */
export function pages(): string[] {
  const inside = (folder: string) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" }).map(
      (path) => `${folder}/${path.replaceAll("\\", "/")}`,
    );
  return ["README.md", "SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md"]
    .concat(inside("docs"), inside("examples"), "bench/README.md")
    .filter((path) => path.endsWith(".md") && path !== "docs/api.md")
    .filter((path) => !path.includes("node_modules"))
    .sort();
}

/** All blocks of a page. */
export function blocksOf(page: string): Block[] {
  const text = readFileSync(join(ROOT, page), "utf8");
  return [...text.matchAll(FENCE)].map(({ 1: language = "", 2: code = "", index }) => ({
    page,
    line: text.slice(0, index).split("\n").length + 1,
    language,
    name: (/^\/\/ (\S+\.\w+)\n/.exec(code) ?? /`([\w.-]+)`:\n\n$/.exec(text.slice(0, index)))?.[1],
    code,
  }));
}

/** The command lines of a block, without their comments; a line that ends in "\\" goes on. */
export function commandsOf({ code }: Block): string[] {
  return code
    .replaceAll("\\\n", "")
    .split("\n")
    .map((line) => line.replace(/\s+#.*$/, "").trim())
    .filter((line) => line !== "");
}
