import { EventEmitter } from "node:events";
import { createServer } from "node:http";
import { Server, type Socket } from "socket.io";
import t from "tap";
import { answerLoadTest, type LoadSocket } from "../../../src/load/server.js";

class FakeSocket extends EventEmitter {
  readonly sent: unknown[] = [];
  readonly rooms: string[] = [];
  readonly nsp = {
    emit: (event: string, message: object) => this.sent.push(["all", event, message]),
    to: (room: string) => ({
      emit: (event: string, message: object) => this.sent.push([room, event, message]),
    }),
  };

  join(room: string): void {
    this.rooms.push(room);
  }

  /** What the acknowledgement of an event has. */
  ask(event: string, ...args: unknown[]): Promise<unknown[]> {
    return new Promise((resolve) =>
      this.emit(event, ...args, (...reply: unknown[]) => resolve(reply)),
    );
  }
}

t.test("answerLoadTest() does what docs/load.md asks of a server", async (t) => {
  const socket = new FakeSocket();
  answerLoadTest(socket as LoadSocket);
  t.same(await socket.ask("echo", { n: 1 }), [{ n: 1 }]);
  t.same(await socket.ask("worker"), [process.pid]);
  t.same(await socket.ask("join", "blue"), []);
  t.same(socket.rooms, ["blue"]);
  t.same(await socket.ask("broadcast", { n: 2 }), []);
  t.same(await socket.ask("broadcast", { n: 3, room: "blue" }), []);
  t.same(socket.sent, [
    ["all", "broadcast", { n: 2 }],
    ["blue", "broadcast", { n: 3, room: "blue" }],
  ]);
});

t.test("clients that send nonsense do no harm", async (t) => {
  const socket = new FakeSocket();
  answerLoadTest(socket as LoadSocket);
  for (const event of ["echo", "worker", "join", "broadcast"]) {
    for (const args of [[], [null], ["text"], [1, 2]]) {
      t.doesNotThrow(() => socket.emit(event, ...args), `${event} ${JSON.stringify(args)}`);
    }
  }
});

t.test("it fits Socket.IO's own types", async (t) => {
  const io = new Server(createServer());
  io.on("connection", answerLoadTest);
  io.of("/x").on("connection", (socket: Socket) => answerLoadTest(socket));
  t.equal(io.listeners("connection").length, 1);
  await io.close();
});
