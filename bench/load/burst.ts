import { request } from "node:http";
import { portOf, sourceAddress, type Workload } from "./target.js";

/** All clients open a session at the same moment; `stop` tells how it went. */
export const burst: Workload = async ({ ports, clients }, meter) => {
  const perProcess = new Map<string, number>();
  const since = performance.now();
  await Promise.all(
    Array.from({ length: clients }, async (_, n) => {
      try {
        const pid = await handshake(portOf({ ports }, n), n);
        perProcess.set(pid, (perProcess.get(pid) ?? 0) + 1);
        meter.op(since);
      } catch (error) {
        meter.error(error);
      }
    }),
  );
  meter.facts.ms = performance.now() - since;
  // The largest process's part; half of them is best with two.
  meter.facts.largest = Math.max(0, ...perProcess.values()) / clients;
  return async () => {};
};

function handshake(port: number, n: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const req = request({
      host: "127.0.0.1",
      port,
      path: "/socket.io/?EIO=4&transport=polling&pid=1",
      agent: false,
      localAddress: sourceAddress(n),
      timeout: 15_000,
    });
    req.on("timeout", () => req.destroy(new Error("no answer within 15 s")));
    req.on("error", reject);
    req.on("response", (res) => {
      res.resume();
      if (res.statusCode === 200) resolve(String(res.headers["x-pid"]));
      else reject(new Error(`status ${res.statusCode}`));
    });
    req.end();
  });
}
