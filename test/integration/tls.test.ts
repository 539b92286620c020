import { spawnSync } from "node:child_process";
import t from "tap";
import { ALL_TRANSPORTS, connectClient, upgraded } from "../helpers/clients.js";
import { startCluster } from "../helpers/cluster.js";
import { run } from "../helpers/spawned.js";

const hasOpenssl = spawnSync("openssl", ["version"]).status === 0;

t.test(
  "TLS ends in the workers: polling, WebSocket and upgrade, each session with its owner",
  { skip: hasOpenssl ? false : "openssl is not installed: apt-get install openssl" },
  async (t) => {
    const dir = t.testdir();
    const files = ["-keyout", `${dir}/key.pem`, "-out", `${dir}/cert.pem`];
    const subject = ["-days", "2", "-subj", "/CN=localhost"];
    await run("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-nodes", ...files, ...subject]);
    const cluster = await startCluster(t, { env: { TLS_DIR: dir } });
    const url = `https://127.0.0.1:${cluster.port}`;
    const served = new Set<number>();
    for (let n = 0; n < 18; n++) {
      const socket = await connectClient(t, url, ALL_TRANSPORTS[n % 3], {
        rejectUnauthorized: false,
      });
      if (n % 3 === 2) await upgraded(socket);
      const pid: number = await socket.timeout(5_000).emitWithAck("pid");
      t.equal(await socket.timeout(5_000).emitWithAck("pid"), pid);
      t.equal(await socket.timeout(5_000).emitWithAck("address"), "127.0.0.1");
      served.add(pid);
    }
    t.equal(served.size, 3);
    for (const { sessions } of (await cluster.status()).workers) {
      t.ok(Math.abs(sessions - 6) <= 2, `R6: ${sessions} of 18`);
    }
  },
);
