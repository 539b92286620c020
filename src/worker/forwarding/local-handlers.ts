import type { EngineServer } from "../sessions/engine.js";

/** Engine.IO's own handlers, without our look for foreign sids in front. */
export interface LocalHandlers {
  /** See server-names.ts. */
  name: string;
  engine: EngineServer;
  handleRequest: EngineServer["handleRequest"];
  handleUpgrade: EngineServer["handleUpgrade"];
}
