// NestJS 12. Start it with: npx tsc -p examples/nestjs && node examples/nestjs/dist/main.js
// PORT and WORKERS come from the environment.
// The primary listens, so there is app.init() instead of app.listen().
import { Controller, Get, Module } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import { SubscribeMessage, WebSocketGateway, WebSocketServer } from "@nestjs/websockets";
import type { Server, Socket } from "socket.io";
import { ClusterManager } from "socket-supervisor";
import { SupervisorAdapter } from "./supervisor.adapter.js";

@Controller()
class PidController {
  @Get("pid") pid() {
    return String(process.pid);
  }
}

@WebSocketGateway()
class HelloGateway {
  @WebSocketServer() readonly io!: Server;
  @SubscribeMessage("hello") hello(socket: Socket) {
    this.io.emit("hello", { from: socket.id, worker: process.pid });
  }
}

@Module({ controllers: [PidController], providers: [HelloGateway] })
class AppModule {}

const { PORT = 7001, WORKERS = 4 } = process.env;
const manager = new ClusterManager({ port: Number(PORT), count: Number(WORKERS) });

if (manager.isPrimary()) {
  await manager.start();
} else {
  const app = await NestFactory.create(AppModule);
  const adapter = new SupervisorAdapter(app);
  app.useWebSocketAdapter(adapter);
  await app.init();
  await adapter.setupWorkers();
}
