import { readFile, writeFile } from "node:fs/promises";
import { run } from "../helpers/spawned.js";

const KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];

const many = (count: number): string =>
  Array.from({ length: count }, (_, n) => `DNS:name-${n}.example`).join(",");

/** Subjects and extensions that somebody on the way may not expect. */
const ODD: Record<string, string[]> = {
  empty: ["-subj", "/"],
  unicode: ["-utf8", "-subj", "/CN=日本語 \u{1f600} é"],
  control: ["-subj", "/CN=a\x01\x7f\tb\r\nX-Evil: 1"],
  quoted: ["-subj", '/CN="a", b=c\\/d+e/OU=*.x\\,y'],
  several: ["-multivalue-rdn", "-subj", "/CN=a+OU=b/CN=c/CN=__proto__/O=constructor"],
  proto: ["-subj", "/CN=__proto__/OU=constructor/O=toString"],
  names: ["-subj", "/CN=n", "-addext", 'subjectAltName=DNS:*,DNS:a b,IP:::1,URI:x:"y,email:a@b'],
  other: ["-subj", "/CN=o", "-addext", "subjectAltName=otherName:1.2.3.4;UTF8:ü, DNS:x"],
  // In base64 longer than a head may be; longer than all heads together.
  long: ["-subj", "/CN=long", "-addext", `subjectAltName=${many(600)}`],
  huge: ["-subj", "/CN=huge", "-addext", `subjectAltName=${many(3_000)}`],
};

let made: { dir: string; names: Promise<string[]> } | undefined;

/** Clients' certificates of odd content in `dir`, made once. @returns their names */
export function makeOddCertificates(dir: string): Promise<string[]> {
  if (made?.dir !== dir) made = { dir, names: make(dir) };
  return made.names;
}

async function make(dir: string): Promise<string[]> {
  for (const [name, options] of Object.entries(ODD)) {
    const files = ["-keyout", `${dir}/${name}-key.pem`, "-out", `${dir}/${name}-cert.pem`];
    // Long lists of names do not fit into an argument of every system, but into these.
    await run("openssl", ["req", "-x509", ...KEY, ...files, ...options]);
  }
  // A chain of the same certificates twice, and one that nothing links.
  const read = (name: string) => readFile(`${dir}/${name}.pem`, "utf8");
  const [client, ca, other] = await Promise.all(["client-cert", "ca", "unicode-cert"].map(read));
  await writeFile(`${dir}/chain-cert.pem`, `${client}${ca}${ca}${other}${client}`);
  await writeFile(`${dir}/chain-key.pem`, await read("client-key"));
  return [...Object.keys(ODD), "chain", "client"];
}
