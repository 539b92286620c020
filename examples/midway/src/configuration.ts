import { Configuration } from "@midwayjs/core";
import * as koa from "@midwayjs/koa";
import * as socketio from "@midwayjs/socketio";
import * as defaultConfig from "./config/config.default.js";

@Configuration({
  imports: [koa, socketio],
  importConfigs: [{ default: defaultConfig }],
})
export class MainConfiguration {}
