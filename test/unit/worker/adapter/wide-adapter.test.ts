import { Server } from "socket.io";
import t, { type Test } from "tap";
import { WideAdapter } from "../../../../src/worker/adapter/wide-adapter.js";
import { Mesh } from "../../../../src/worker/mesh/mesh.js";
import { MeshTransport } from "../../../../src/worker/transport/mesh-transport.js";
import { MemoryNet } from "../../../helpers/mesh.js";

interface Worker {
  io: Server;
  mesh: Mesh;
  adapter(nsp: string): WideAdapter;
  /** A client of a namespace that this worker opens, in `rooms`; as far as `fetchSockets()` looks. */
  connect(nsp: string, id: string, ...rooms: string[]): void;
}

/** Workers of one mesh, in this process. */
async function workers(t: Test, count: number): Promise<Worker[]> {
  const net = new MemoryNet();
  const members: { id: number; address: string }[] = [];
  const all: Worker[] = [];
  for (let id = 1; id <= count; id++) {
    const meshes: Mesh[] = [];
    const transport = new MeshTransport((listener) => {
      const made = new Mesh(net.wire(), 1, 1_000_000, { ...listener, onStuck: () => {} });
      meshes.push(made);
      return made;
    });
    const [mesh] = meshes as [Mesh];
    const address = await mesh.listen();
    for (const other of all) other.mesh.joined({ id, address });
    mesh.enter({ id, key: "key", seed: 1, members: [...members] });
    members.push({ id, address });
    const io = new Server({
      adapter: function adapter(nsp: ConstructorParameters<typeof WideAdapter>[0]) {
        return new WideAdapter(nsp, transport, "");
      } as never,
    });
    const adapter = (nsp: string) => io.of(nsp).adapter as unknown as WideAdapter;
    const connect = (nsp: string, socketId: string, ...rooms: string[]) => {
      const socket = { id: socketId, handshake: {}, rooms: new Set(rooms), data: {} };
      (io.of(nsp).sockets as Map<string, unknown>).set(socketId, socket);
      void adapter(nsp).addAll(socketId, new Set([socketId, ...rooms]));
    };
    all.push({ io, mesh, adapter, connect });
    t.teardown(() => {
      for (const peer of mesh.peers.values()) peer.close();
    });
  }
  await Promise.all(all.map(({ mesh }) => mesh.ready()));
  return all;
}

const everybody = () => ({ rooms: new Set<string>(), except: new Set<string>(), flags: {} });
const ids = (sockets: unknown[]) => (sockets as { id: string }[]).map(({ id }) => id).sort();

t.test("C1 sockets of all workers are found", async (t) => {
  const [a, b, c] = (await workers(t, 3)) as [Worker, Worker, Worker];
  a.connect("/", "in a");
  b.connect("/", "in b", "room");
  c.io.of("/");
  t.strictSame(ids(await c.adapter("/").fetchSockets(everybody())), ["in a", "in b"]);
  t.strictSame(
    ids(await a.adapter("/").fetchSockets({ ...everybody(), rooms: new Set(["room"]) })),
    ["in b"],
  );
  const local = { ...everybody(), flags: { local: true } };
  t.strictSame(ids(await a.adapter("/").fetchSockets(local)), ["in a"]);
});

t.test("C1 a namespace that opens between a question and its sending is waited for", async (t) => {
  const [a, b] = (await workers(t, 2)) as [Worker, Worker];
  a.connect("/late", "in a");
  const found = a.adapter("/late").fetchSockets(everybody());
  b.connect("/late", "in b");
  t.strictSame(ids(await found), ["in a", "in b"]);

  a.io.of("/later");
  await a.adapter("/later").serverCount();
  const answer = new Promise((resolve) => {
    void a.adapter("/later").serverSideEmit(["who", (...args: unknown[]) => resolve(args)]);
  });
  b.io.of("/later").on("who" as never, ((done: (name: string) => void) => done("b")) as never);
  t.strictSame(await answer, [null, ["b"]]);
});

t.test(
  "C2 as many servers are told of as are counted, also those that come meanwhile",
  async (t) => {
    const [a, b, c] = (await workers(t, 3)) as [Worker, Worker, Worker];
    for (const [nsp, flags] of [
      ["/all", { timeout: 5_000 }],
      ["/local", { timeout: 5_000, local: true }],
    ] as const) {
      a.io.of(nsp);
      b.io.of(nsp);
      await a.adapter(nsp).serverCount();
      let counted = 0;
      const complete = new Promise<number>((resolve) => {
        const packet = { type: 2, nsp, data: ["news"] };
        let expected = -1;
        const check = (): void => {
          if (expected === counted) resolve(counted);
        };
        a.adapter(nsp).broadcastWithAck(
          packet as never,
          { ...everybody(), flags },
          () => {
            counted++;
            check();
          },
          () => {},
        );
        void a
          .adapter(nsp)
          .serverCount()
          .then((count) => {
            expected = count;
            check();
          });
      });
      c.io.of(nsp);
      t.equal(await complete, 3, nsp);
    }
  },
);

t.test("C2 who is gone is not waited for", async (t) => {
  const [a, b] = (await workers(t, 2)) as [Worker, Worker];
  b.connect("/", "in b");
  a.io.of("/");
  await a.adapter("/").serverCount();
  for (const peer of b.mesh.peers.values()) peer.close(); // it answers nothing any more
  const found = a.adapter("/").fetchSockets(everybody());
  await a.adapter("/").serverCount();
  a.mesh.gone(2);
  t.strictSame(await found, []);
  t.equal(await a.adapter("/").serverCount(), 1);
});
