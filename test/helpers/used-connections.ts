import { Agent, type AgentOptions, type ClientRequestArgs } from "node:http";
import type { Duplex } from "node:stream";
import type { Test } from "tap";
import { RawConnection } from "./raw.js";
import { workerOf } from "./sessions.js";

/**
 * Every connection has carried a request of somebody else already, as those of a proxy: it is
 * some worker's, and most often another one's than the session's.
 */
class UsedConnections extends Agent {
  override createConnection(
    options: ClientRequestArgs,
    done: (error: Error | null, socket: Duplex) => void,
  ): undefined {
    const open = async () => {
      const connection = await RawConnection.open(Number(options.port));
      await workerOf(connection);
      return connection.release();
    };
    open().then(
      (socket) => done(null, socket),
      (error: Error) => done(error, undefined as never),
    );
  }
}

/** An agent for the `agent` option of clients; its connections end with the test. */
export function usedConnections(t: Test, options: AgentOptions = { keepAlive: true }): never {
  const agent = new UsedConnections(options);
  t.teardown(() => agent.destroy());
  return agent as never; // the clients' types want what browsers have
}
