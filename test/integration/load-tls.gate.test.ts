import t from "tap";
import { makeServerCertificate, noOpenssl } from "../helpers/certificates.js";
import { startCluster } from "../helpers/cluster.js";
import { load, loadReport, SMALL } from "../helpers/load.js";

t.test("TLS: --ca, --insecure, and neither", { skip: noOpenssl }, async (t) => {
  const dir = t.testdir();
  await makeServerCertificate(dir);
  const { port } = await startCluster(t, {
    exec: "load-worker.js",
    count: 2,
    sticky: { tls: true },
    env: { TLS_DIR: dir },
  });
  const url = `https://localhost:${port}`;
  const args = [...SMALL, "--transports", "mixed"];
  const refused = await load(t, url, ...args);
  t.equal(refused.code, 1);
  t.match(refused.stderr, /could not connect .*SELF_SIGNED.* Use --ca <file>, or --insecure\./);
  for (const trust of [["--ca", `${dir}/cert.pem`], ["--insecure"]]) {
    const { report } = await loadReport(t, url, ...args, ...trust);
    t.match(report, { clients: { connected: 9 }, badRequests: 0, lostMessages: 0, errors: 0 });
  }
});
