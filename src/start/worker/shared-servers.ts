import type { Server as HttpServer } from "node:http";
import { type AddressInfo, Server as NetServer } from "node:net";
import { Server as TlsServer } from "node:tls";
import type { ListenAnswer } from "../../protocol/messages.js";
import type { PrimaryChannel } from "../../worker/primary-channel.js";
import { type PortCall, readListenCall } from "./listen-call.js";
import { isHttpServer } from "./server-classes.js";
import { SharedServer } from "./shared-server.js";

type Close = (error?: Error) => void;

/** What happens to servers that are shared. */
export interface Sharing {
  /** `server` listens, as far as the application can tell. */
  opened(shared: SharedServer): void;
  /** The error that tells why the application cannot be started like this. */
  refuse(what: string): Error;
}

/**
 * Catches `listen()` of every HTTP server in this process: the primary listens there, and hands its
 * connections over. Other servers are left to Node, which shares their ports among the workers in
 * turn; so are sockets that a process opens for itself (`exclusive`), as this package's gateway.
 */
export class SharedServers {
  readonly #channel: Pick<PrimaryChannel, "send" | "on">;
  readonly #sharing: Sharing;
  readonly #servers = new WeakMap<NetServer, SharedServer>();
  readonly #asked = new Map<number, SharedServer>();
  #lastId = 0;
  /** How many calls with port 0 there were: the n-th of one worker is the n-th of all. */
  #anyPorts = 0;
  /** Those that the application has not closed, and those whose connections have not ended. */
  #open = 0;
  #alive = 0;
  /** This package's gateway. */
  #own: NetServer | undefined;

  constructor(channel: Pick<PrimaryChannel, "send" | "on">, sharing: Sharing) {
    this.#channel = channel;
    this.#sharing = sharing;
    channel.on("supervisor:port", (answer) => this.#onAnswer(answer));
  }

  get(server: NetServer): SharedServer | undefined {
    return this.#servers.get(server);
  }

  /** Takes the place of Node's own methods. */
  install(): void {
    const all = this;
    const prototype = NetServer.prototype;
    const { listen, close, address } = prototype;
    const listening = Object.getOwnPropertyDescriptor(prototype, "listening");
    prototype.listen = function (this: NetServer, ...args: unknown[]) {
      return all.#listen(this, args) ? this : listen.apply(this, args as never);
    } as typeof listen;
    prototype.close = function (this: NetServer, callback?: Close) {
      const shared = all.#servers.get(this);
      if (shared === undefined || !shared.isTaken) return close.call(this, callback);
      shared.close(callback);
      all.#onClose();
      return this;
    };
    prototype.address = function (this: NetServer): AddressInfo | string | null {
      const shared = all.#servers.get(this);
      return shared?.isListening && shared.address ? { ...shared.address } : address.call(this);
    };
    Object.defineProperty(prototype, "listening", {
      configurable: true,
      enumerable: true,
      get(this: NetServer): boolean {
        return all.#servers.get(this)?.isListening === true || listening?.get?.call(this) === true;
      },
    });
  }

  /** @returns whether the call was caught */
  #listen(server: NetServer, args: unknown[]): boolean {
    const call = readListenCall(args);
    if (call.kind === "path" && !call.exclusive) {
      throw this.#sharing.refuse(`listens on the path ${call.path}`);
    }
    if (call.kind === "fd") throw this.#sharing.refuse(`listens on file descriptor ${call.fd}`);
    if (call.kind === "path") this.#own = server;
    if (call.kind !== "port" || !isHttpServer(server)) return false;
    if (this.#servers.get(server)?.isTaken) {
      throw Object.assign(
        new Error("Listen method has been called more than once without closing."),
        { code: "ERR_SERVER_ALREADY_LISTEN" },
      );
    }
    this.#share(server, call);
    return true;
  }

  #share(server: HttpServer, call: PortCall): void {
    const shared = new SharedServer(server, call, () => this.#onClosed());
    this.#servers.set(server, shared);
    this.#open++;
    this.#alive++;
    const id = ++this.#lastId;
    this.#asked.set(id, shared);
    const { port, host, backlog, ipv6Only } = call;
    this.#channel.send({
      type: "supervisor:open-port",
      id,
      port,
      order: port === 0 ? this.#anyPorts++ : 0,
      secure: server instanceof TlsServer,
      ipv6Only,
      ...(host !== undefined && { host }),
      ...(backlog !== undefined && { backlog }),
    });
  }

  /** A turn later: `io.listen(port)` listens before it attaches. */
  #onAnswer({ id, name, address, failure }: ListenAnswer): void {
    const shared = this.#asked.get(id);
    this.#asked.delete(id);
    if (shared === undefined) return;
    setImmediate(() => {
      if (failure !== undefined) {
        this.#open--;
        this.#alive--;
        shared.failed(failure);
      } else if (address !== undefined && shared.isTaken) {
        shared.opened(name, address);
        this.#sharing.opened(shared);
      }
    });
  }

  #onClose(): void {
    if (--this.#open === 0) this.#channel.send({ type: "supervisor:unlisten" });
  }

  /** When its last server has closed nothing of ours keeps the process from ending by itself. */
  #onClosed(): void {
    if (--this.#alive > 0) return;
    this.#own?.unref();
    process.channel?.unref();
  }
}
