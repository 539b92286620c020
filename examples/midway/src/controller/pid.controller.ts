import { Controller, Get } from "@midwayjs/core";

@Controller("/")
export class PidController {
  @Get("/pid")
  async pid() {
    return String(process.pid);
  }
}
