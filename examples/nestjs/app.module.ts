// An application of Nest, as without a cluster.
import { Controller, Get, Module } from "@nestjs/common";
import { SubscribeMessage, WebSocketGateway, WebSocketServer } from "@nestjs/websockets";
import type { Server, Socket } from "socket.io";

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
export class AppModule {}
