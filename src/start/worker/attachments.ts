import { EventEmitter } from "node:events";
import type { Server as HttpServer } from "node:http";
import { Server as NetServer } from "node:net";
import type { PublicEngineServer, SocketIoServer } from "../../worker/sessions/engine.js";

/** What answers the WebSockets and polls of an HTTP server. */
export type Attached = SocketIoServer | { httpServer: HttpServer; engine: PublicEngineServer };

interface SocketIoClass extends EventEmitter, SocketIoServer {
  initEngine(server: object, options: object): void;
}

interface EngineClass extends EventEmitter, PublicEngineServer {
  attach(server: HttpServer, options?: object): void;
}

/**
 * Which Socket.IO and Engine.IO servers are attached to which HTTP servers, of whichever copy of
 * those packages, loaded in whichever way, or bundled.
 *
 * What they have in common is that they are event emitters: `EventEmitter.init` sees each of them
 * before its own constructor runs (`node:domain` hangs there too), and their classes are told by
 * their methods. Only those classes are changed, once each.
 */
export class Attachments extends EventEmitter<{ attached: [HttpServer] }> {
  readonly #engines = new WeakMap<HttpServer, Set<PublicEngineServer>>();
  /** By their Engine.IO server. */
  readonly #owners = new WeakMap<object, SocketIoServer>();
  readonly #known = new WeakSet<object>();

  /** Begins to look; for once in a process. */
  watch(): void {
    const emitters = EventEmitter as unknown as { init(this: object, options?: object): void };
    const { init } = emitters;
    const look = (emitter: object): void => this.#look(emitter);
    emitters.init = function (options) {
      look(this);
      init.call(this, options);
    };
  }

  of(server: HttpServer): Attached[] {
    return [...(this.#engines.get(server) ?? [])].map((engine) => {
      const owner = this.#owners.get(engine);
      // Attached to a second HTTP server, a Socket.IO server forgets its first engine.
      if (owner !== undefined && owner.engine === engine) return owner;
      return { httpServer: server, engine };
    });
  }

  #look(emitter: Partial<SocketIoClass & EngineClass>): void {
    if (typeof emitter.initEngine === "function" && typeof emitter.of === "function") {
      this.#patch(emitter, "initEngine", (io) => {
        this.#owners.set((io as SocketIoServer).engine, io as SocketIoServer);
      });
    } else if (
      typeof emitter.handleUpgrade === "function" &&
      typeof emitter.attach === "function"
    ) {
      if (typeof emitter.handleRequest !== "function") return;
      this.#patch(emitter, "attach", (engine, server) => {
        if (server instanceof NetServer) this.#add(server as HttpServer, engine as EngineClass);
      });
    }
  }

  /** From now on `after` is called when `method` of this instance's class has been. */
  #patch(instance: object, method: string, after: (self: object, server: unknown) => void): void {
    let holder: object | null = instance;
    while (holder !== null && !Object.hasOwn(holder, method))
      holder = Object.getPrototypeOf(holder);
    if (holder === null || this.#known.has(holder)) return;
    this.#known.add(holder);
    const methods = holder as Record<string, (...args: unknown[]) => unknown>;
    const original = methods[method];
    methods[method] = function (this: object, ...args) {
      const result = original?.apply(this, args);
      after(this, args[0]);
      return result;
    };
  }

  #add(server: HttpServer, engine: PublicEngineServer): void {
    const engines = this.#engines.get(server) ?? new Set();
    engines.add(engine);
    this.#engines.set(server, engines);
    this.emit("attached", server);
  }
}
