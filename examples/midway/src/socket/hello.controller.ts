import { App, Inject, OnWSConnection, OnWSMessage, WSController, WSEmit } from "@midwayjs/core";
import type { Application, Context } from "@midwayjs/socketio";

@WSController("/")
export class HelloSocketController {
  @App("socketIO")
  app!: Application;

  @Inject()
  ctx!: Context;

  @OnWSConnection()
  @WSEmit("welcome")
  async onConnection() {
    return { worker: process.pid };
  }

  @OnWSMessage("hello")
  async onHello() {
    this.app.emit("hello", { from: this.ctx.id, worker: process.pid });
  }
}
