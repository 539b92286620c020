import { createServer } from "node:net";
import t from "tap";
import { readListenCall } from "../../../src/start/worker/listen-call.js";

const callback = () => {};

t.test("every form of listen() with a port", async (t) => {
  for (const [args, expected] of [
    [[], { port: 0 }],
    [[callback], { port: 0, callback }],
    [[undefined, callback], { port: 0, callback }],
    [[null], { port: 0 }],
    [[3000], { port: 3000 }],
    [["3000", callback], { port: 3000, callback }],
    [[3000, "127.0.0.1"], { port: 3000, host: "127.0.0.1" }],
    [[3000, "::", 100, callback], { port: 3000, host: "::", backlog: 100, callback }],
    [[3000, 100], { port: 3000, backlog: 100 }],
    [[3000, undefined, undefined, callback], { port: 3000, callback }],
    [[{ port: 3000, host: "a", ipv6Only: true }], { port: 3000, host: "a", ipv6Only: true }],
    [[{ port: "3000", exclusive: true }], { port: 3000 }],
    [[{ port: undefined }, callback], { port: 0, callback }],
    [[{ port: 3000, path: "/x" }], { port: 3000 }],
  ] as const) {
    t.strictSame(
      readListenCall([...args]),
      {
        kind: "port",
        host: undefined,
        backlog: undefined,
        ipv6Only: false,
        signal: undefined,
        callback: undefined,
        ...expected,
      },
      JSON.stringify(args),
    );
  }
});

t.test("paths, descriptors, and what is Node's to refuse", async (t) => {
  const path = (name: string, exclusive = false) => ({ kind: "path", path: name, exclusive });
  t.strictSame(readListenCall(["/run/app.sock", callback]), path("/run/app.sock"));
  t.strictSame(readListenCall([{ path: "/run/app.sock" }]), path("/run/app.sock"));
  t.strictSame(readListenCall([{ path: "/x", exclusive: true }]), path("/x", true));
  t.strictSame(readListenCall([{ fd: 3 }]), { kind: "fd", fd: 3 });
  for (const args of [
    [70_000],
    [-1],
    [{ port: 1.5 }],
    [true],
    [createServer()],
    [{ port: "" }],
    [{ host: "a" }],
    [{}],
  ]) {
    t.strictSame(readListenCall(args).kind, "other", JSON.stringify(args.map(String)));
  }
});

t.test("a port is read as Node reads it", async (t) => {
  for (const port of ["3000", " 3000 ", "0x10", 3000]) {
    t.match(readListenCall([{ port }]), { kind: "port", port: Number(port) });
  }
});
