import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { Server } from "socket.io";
import t from "tap";
import { isAlive, startCluster } from "../helpers/cluster.js";
import { until } from "../helpers/loopback.js";
import { missing, PROXIES, recipe, startProxy } from "../helpers/proxies.js";
import { childrenOf, ROOT } from "../helpers/spawned.js";

const DOC = readFileSync(join(ROOT, "docs/proxies.md"), "utf8");
const TESTED = [
  ...PROXIES.map(({ heading }) => heading),
  "HAProxy, two machines",
  "nginx, two machines",
];

t.test("each configuration in docs/proxies.md is run, or said to be untested", async (t) => {
  const files = [...DOC.matchAll(/^`([\w.-]+)`:$/gm)];
  t.equal(
    files.length,
    TESTED.reduce((sum, heading) => sum + recipe(heading).files.size, 0),
  );
  t.match(DOC, /^## Traefik\n\n\*\*Not tested here\*\*/m);
});

t.test("docs/proxies.md names what there is", async (t) => {
  for (const [, path = ""] of DOC.matchAll(/\]\((?!#|http)([^)#]+)[^)]*\)/g)) {
    t.ok(existsSync(join(ROOT, "docs", path)), path);
  }
  const anchors = [...DOC.matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) => {
    return heading
      .toLowerCase()
      .replaceAll(/[^\w -]/g, "")
      .replaceAll(" ", "-");
  });
  for (const [, anchor = ""] of DOC.matchAll(/\]\(#([\w-]+)\)/g)) {
    t.ok(anchors.includes(anchor), anchor);
  }
});

t.test("the times and sizes fit the defaults of Socket.IO and Node", async (t) => {
  const {
    pingInterval = 0,
    pingTimeout = 0,
    maxHttpBufferSize = 0,
  } = new Server(createServer()).engine.opts;
  t.ok(pingInterval && pingTimeout && maxHttpBufferSize);
  const seconds = (pattern: RegExp) => [...DOC.matchAll(pattern)].map(([, n]) => Number(n));
  const waits = seconds(
    /^ *(?:proxy_(?:read|send)_timeout|timeout (?:client|server|tunnel)) +(\d+)s/gm,
  );
  waits.push(...seconds(/^Timeout (\d+)$/gm), ...seconds(/ timeout=(\d+)$/gm));
  t.equal(waits.length, 2 * 2 + 2 * 3 + 2);
  for (const wait of waits) t.ok(wait * 1_000 > pingInterval + pingTimeout);

  const { keepAliveTimeout } = createServer();
  const idles = seconds(/^\s*(?:keepalive_timeout|keepalive|idleConnTimeout:) (\d+)s/gm);
  idles.push(...seconds(/ ttl=(\d+)/g), ...seconds(/keepAlive: true, timeout: (\d)_000/g));
  t.equal(idles.length, 2 + 1 + 1 + 1 + 1);
  for (const idle of idles) t.ok(idle * 1_000 < keepAliveTimeout);

  t.ok(maxHttpBufferSize <= 2 ** 20, "1m in nginx");
  t.match(DOC, /^LimitRequestBody 1048576$/m);
});

t.test("a proxy's own processes end with it", { skip: missing("nginx") }, async (t) => {
  const cluster = await startCluster(t);
  const proxy = await startProxy(t, recipe("nginx"), cluster.port);
  const children = await childrenOf(proxy.pid);
  t.ok(children.length > 0);
  await proxy.stop();
  await until("they are gone", () => ![proxy.pid, ...children].some(isAlive));
});
