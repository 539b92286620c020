import type { Server as HttpServer } from "node:http";
import type { Server } from "socket.io";

/** A chat on one HTTP server, ready to be started: nothing listens yet. */
export declare function createChat(): { httpServer: HttpServer; io: Server };
