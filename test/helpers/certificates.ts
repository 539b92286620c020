import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { run } from "./spawned.js";

/** Why tests with certificates skip; `false`: they do not. */
export const noOpenssl =
  spawnSync("openssl", ["version"]).status === 0
    ? false
    : "openssl is not installed: apt-get install openssl";

const KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

/** key.pem and cert.pem for 127.0.0.1 and localhost, signed by itself. */
export async function makeServerCertificate(dir: string, name = "localhost"): Promise<void> {
  await run("openssl", [
    "req",
    "-x509",
    ...KEY,
    "-keyout",
    `${dir}/key.pem`,
    "-out",
    `${dir}/cert.pem`,
    "-days",
    "2",
    "-subj",
    `/CN=${name}`,
    "-addext",
    "subjectAltName=IP:127.0.0.1,DNS:localhost",
  ]);
}

/**
 * ca.pem, and a client's <file>-key.pem and <file>-cert.pem that it has signed.
 *
 * @param name the subject's common name
 */
export async function makeClientCertificate(
  dir: string,
  name: string,
  basename = name,
): Promise<void> {
  const file = (what: string): string => `${dir}/${what}.pem`;
  const ca = ["-keyout", file("ca-key"), "-out", file("ca"), "-subj", "/CN=test authority"];
  await run("openssl", ["req", "-x509", ...KEY, ...ca, "-days", "2"]);
  const request = [
    "-keyout",
    file(`${basename}-key`),
    "-out",
    file(`${basename}-csr`),
    "-utf8",
    "-subj",
    `/CN=${name.replaceAll("\\", "\\\\")}`,
  ];
  await run("openssl", ["req", ...KEY, ...request]);
  writeFileSync(file("extensions"), "extendedKeyUsage=clientAuth\n");
  await run("openssl", [
    "x509",
    "-req",
    "-in",
    file(`${basename}-csr`),
    "-out",
    file(`${basename}-cert`),
    "-days",
    "2",
    "-CA",
    file("ca"),
    "-CAkey",
    file("ca-key"),
    "-CAcreateserial",
    "-extfile",
    file("extensions"),
  ]);
}
