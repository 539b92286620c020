// NestJS 12. Start it with: npx tsc -p examples/nestjs && node examples/nestjs/dist/main.js
// PORT and WORKERS come from the environment.
// The primary listens, so there is app.init() instead of app.listen().
import { NestFactory } from "@nestjs/core";
import { ClusterManager } from "socket-supervisor";
import { AppModule } from "./app.module.js";
import { SupervisorAdapter } from "./supervisor.adapter.js";

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
