// What the compiler accepts and refuses; `npm run lint` checks it. The values are checked, too.
import { Server } from "socket.io";
import type { Socket } from "socket.io-client";
import t from "tap";
import * as v from "valibot";
import { z } from "zod";
import {
  type AckOf,
  type ArgsOf,
  type ClientOf,
  createSocketApp,
  defineEvents,
  type ErrorReply,
  OnWSMessage,
  typed,
} from "../../../src/app/index.js";
import { startApp } from "../../helpers/app-server.js";

type Same<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const same = <T extends true>(value: T) => value;

const chat = defineEvents({
  listen: {
    message: { args: [z.object({ text: z.string() })], ack: typed<{ id: number }>() },
    move: { args: [v.number(), v.number()] },
    age: { args: [z.coerce.number()] },
    ping: {},
  },
  emit: {
    message: { args: [typed<{ text: string; from: string }>()] },
    question: { args: [typed<string>()], ack: typed<boolean>() },
  },
});
type Chat = ClientOf<typeof chat>;
type ChatClient = Socket<Chat["listen"], Chat["emit"]>;

same<Same<ArgsOf<typeof chat, "message">, [{ text: string }]>>(true);
same<Same<ArgsOf<typeof chat, "move">, [number, number]>>(true);
same<Same<ArgsOf<typeof chat, "age">, [number]>>(true);
same<Same<ArgsOf<typeof chat, "ping">, []>>(true);
same<Same<AckOf<typeof chat, "message">, { id: number }>>(true);

t.test("handlers and clients have the types of one declaration", async (t) => {
  const server = await startApp(t, {
    namespaces: {
      "/plain": { connectionMiddleware: [(ctx, next) => (ctx.socket.id ? next() : undefined)] },
      "/chat": { events: chat, onError: (error) => void error.message },
    },
  });
  server.app
    .of("/chat")
    .route("message", async (ctx, message) => {
      same<Same<typeof message, { text: string }>>(true);
      ctx.socket.emit("message", { text: message.text, from: ctx.socket.id });
      // @ts-expect-error the declaration has `from`
      if (message.text === "") ctx.socket.emit("message", { text: "" });
      // @ts-expect-error not declared
      if (message.text === "") ctx.socket.emit("other");
      const isSure: boolean = await ctx.socket.emitWithAck("question", "sure?");
      return { id: isSure ? 1 : 0 };
    })
    .route("move", (_ctx, x, y) => void (x.toFixed() + y.toFixed()))
    .route("age", (_ctx, age) => void age.toFixed())
    .route("ping", function () {
      this.socket.emit("message", { text: "pong", from: "server" });
      // @ts-expect-error the declaration has `from`
      if (this.answered) this.socket.emit("message", { text: "pong" });
    })
    .route("connection", (_ctx, socket) => void socket.handshake)
    .route("disconnect", (_ctx, reason) => void reason.length)
    .route("error", (_ctx, error) => void error.message);

  const client = (await server.connect("/chat")) as ChatClient;
  client.on("question", (question, ack) => ack(question === "sure?"));
  client.on("error", (reply: ErrorReply) => t.fail(reply.error.message));
  const heard = new Promise<string>((resolve) => {
    client.on("message", ({ text, from }) => resolve(text + from));
  });
  const answer = await client.emitWithAck("message", { text: "hi" });
  same<Same<typeof answer, { id: number } | ErrorReply>>(true);
  t.strictSame(answer, { id: 1 });
  t.equal(await heard, `hi${client.id}`);
  client.emit("move", 1, 2);
  client.emit("ping");
  // What comes in may be of another type than what the handler gets.
  client.emit("age", "42");
});

t.test("what is not declared is refused", async (t) => {
  const app = createSocketApp(new Server(), { namespaces: { "/chat": { events: chat }, "/": {} } });
  const routes = app.of("/chat");
  const never = (..._args: unknown[]) => {};
  // @ts-expect-error no such event
  routes.route("mesage", never);
  // @ts-expect-error it has to answer { id }
  routes.route("message", never);
  // @ts-expect-error the first argument is a number
  routes.route("move", (_ctx, x: string) => x);

  const send = (client: ChatClient) => {
    // @ts-expect-error a string is missing
    client.emit("message", {}, never);
    // @ts-expect-error the second number is missing
    client.emit("move", 1);
    // @ts-expect-error the declaration has an acknowledgement
    client.emit("message", { text: "" });
    // @ts-expect-error not declared
    client.on("mesage", never);
    // @ts-expect-error no text
    client.on("message", (message: number) => message);
  };
  t.type(send, "function");

  // Without a declaration everything goes, but arguments need a type.
  app.of("/").route("anything", (_ctx, first: string, second?: number) => [first, second]);
  // @ts-expect-error never
  app.of("/").route("else", (_ctx, first) => first.length);

  // @ts-expect-error unknown option
  t.throws(() => createSocketApp(new Server(), { namespace: {} }), { code: /OPTION/ });
  // @ts-expect-error unknown option
  t.throws(() => app.of("/new", { connectionMiddlewares: [] }), { code: /OPTION/ });
});

t.test("a schema in @OnWSMessage() and the types of the method have to fit", async (t) => {
  class Controller {
    @OnWSMessage("fits", { args: [z.string()] })
    fits(text: string) {
      return text;
    }
    // @ts-expect-error the schema gives a string
    @OnWSMessage("wrong", { args: [z.string()] })
    wrong(count: number) {
      return count;
    }
    @OnWSMessage("any")
    any(first: Date, second: RegExp) {
      return [first, second];
    }
  }
  t.type(Controller, "function");
});
