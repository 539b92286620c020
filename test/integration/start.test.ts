import { connect } from "node:http2";
import t from "tap";
import { makeServerCertificate, noOpenssl } from "../helpers/certificates.js";
import { onlyInGate } from "../helpers/gate.js";
import { startUnchanged, thirtyClients } from "../helpers/unchanged.js";

/** The pids that answer 12 requests, each on a connection of its own. */
async function pidsAt(url: string): Promise<Set<string>> {
  const pids = new Set<string>();
  for (let n = 0; n < 12; n++) {
    const answer = await fetch(url, { headers: { connection: "close" } });
    pids.add(await answer.text());
  }
  return pids;
}

for (const [file, page] of [
  ["express.mjs", "/pid"],
  ["app-listen.cjs", "/pid"],
  ["io-listen.cjs", undefined],
  ["new-server.mjs", undefined],
  ["koa.mjs", "/"],
  ["fastify.mjs", "/pid"],
] as const) {
  const skip = file.startsWith("express") || file.startsWith("io-listen") ? false : onlyInGate;
  t.test(`${file}: 30 clients over 3 workers`, { skip }, async (t) => {
    const { running, port } = await startUnchanged(t, file);
    // Fastify listens on both addresses of localhost, the others where they say.
    const host = file === "fastify.mjs" ? "localhost" : "127.0.0.1";
    await thirtyClients(t, `http://${host}:${port}`);
    if (page !== undefined) t.equal((await pidsAt(`http://${host}:${port}${page}`)).size, 3);
    running.child.kill("SIGTERM");
    t.strictSame(await running.exit(), { code: 0, signal: null });
    t.notMatch(running.stderr, /Warning|Error/);
  });
}

t.test("Socket.IO that is attached a while after listen()", async (t) => {
  const { running } = await startUnchanged(t, "late.mjs");
  await running.says(/(attached [\s\S]*){3}/);
  t.strictSame(running.stdout.match(/attached .*/g), Array(3).fill("attached []"));
});

t.test("NestJS in TypeScript, by tsx", { skip: onlyInGate }, async (t) => {
  const { port } = await startUnchanged(t, "nest.ts");
  await thirtyClients(t, `http://127.0.0.1:${port}`);
  t.equal((await pidsAt(`http://127.0.0.1:${port}/pid`)).size, 3);
});

t.test("several servers, on ports of the system's choice", { skip: onlyInGate }, async (t) => {
  const { running } = await startUnchanged(t, "several.mjs");
  const [, first, second, plain] = await running.says(/ports (\d+) (\d+) (\d+)/);
  const lines = running.stdout.match(/ports .*/g);
  t.equal(new Set(lines).size, 1, "the same in all workers");
  await thirtyClients(t, `http://127.0.0.1:${first}`);
  await thirtyClients(t, `http://127.0.0.1:${second}`, { path: "/second" });
  t.equal((await pidsAt(`http://127.0.0.1:${plain}`)).size, 3);
});

t.test("a server without Socket.IO is shared in turn", async (t) => {
  const { port } = await startUnchanged(t, "plain-http.mjs");
  t.equal((await pidsAt(`http://127.0.0.1:${port}`)).size, 3);
});

t.test("https, and HTTP/2", { skip: onlyInGate || noOpenssl }, async (t) => {
  const dir = t.testdir({});
  await makeServerCertificate(dir);
  const env = { TLS_DIR: dir };
  for (const file of ["https.mjs", "http2.mjs"]) {
    const { port } = await startUnchanged(t, file, ["--workers", "3"], env);
    await thirtyClients(t, `https://127.0.0.1:${port}`, { rejectUnauthorized: false });
  }
  const only = await startUnchanged(t, "http2.mjs", ["--workers", "2"], {
    ...env,
    HTTP2_ONLY: "1",
  });
  const clear = await startUnchanged(t, "h2c.mjs", ["--workers", "2"]);
  for (const url of [`https://127.0.0.1:${only.port}`, `http://127.0.0.1:${clear.port}`]) {
    const pids = new Set([await pidOverHttp2(url), await pidOverHttp2(url)]);
    t.equal(pids.size, 2, url);
  }
  for (const { running } of [only, clear]) {
    running.child.kill("SIGTERM");
    t.equal((await running.exit()).code, 0);
  }
});

async function pidOverHttp2(url: string): Promise<string> {
  const session = connect(url, { rejectUnauthorized: false });
  try {
    const stream = session.request({ ":path": "/" }).setEncoding("utf8");
    let text = "";
    for await (const chunk of stream) text += chunk;
    return text;
  } finally {
    session.close();
  }
}
