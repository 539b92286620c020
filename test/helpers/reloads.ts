import { request } from "node:http";
import type { TestCluster } from "./cluster.js";

/** Opens fresh sessions until it is stopped; collects what went wrong. */
export function openSessionsAllTheTime(port: number, loops: number) {
  const errors: string[] = [];
  let opened = 0;
  let stopped = false;
  const loop = async () => {
    while (!stopped) {
      await new Promise<void>((resolve) => {
        const req = request(
          { port, host: "127.0.0.1", agent: false, path: "/socket.io/?EIO=4&transport=polling" },
          async (res) => {
            let body = "";
            for await (const chunk of res.setEncoding("utf8")) body += chunk;
            if (res.statusCode === 200 && body.startsWith("0{")) opened++;
            else errors.push(`${res.statusCode} ${body}`);
            resolve();
          },
        );
        req.once("error", (error) => {
          errors.push(error.message);
          resolve();
        });
        req.end();
      });
    }
  };
  const done = Promise.all(Array.from({ length: loops }, loop));
  return {
    async stop() {
      stopped = true;
      await done;
      return { errors, opened };
    },
  };
}

/** Asks for the status over and over. */
export function watchProcesses(cluster: TestCluster) {
  let fewestReady = Number.POSITIVE_INFINITY;
  let mostProcesses = 0;
  let stopped = false;
  const done = (async () => {
    while (!stopped) {
      const { workers } = await cluster.status();
      fewestReady = Math.min(fewestReady, workers.filter(({ state }) => state === "ready").length);
      mostProcesses = Math.max(mostProcesses, workers.length);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  })();
  return {
    async stop() {
      stopped = true;
      await done;
      return { fewestReady, mostProcesses };
    },
  };
}
