// pm2 start ecosystem.config.js
//
// Fork mode and one instance: the primary forks the workers itself, and pm2 watches the primary.
export const apps = [
  {
    name: "socket-supervisor",
    script: "./bootstrap.js",
    exec_mode: "fork",
    instances: 1,
    env: { PORT: process.env.PORT ?? "7001" },
    // "online" only when every worker is ready; longer than workerInitTimeout (30,000).
    wait_ready: true,
    listen_timeout: 40_000,
    // The primary stops its workers in order, within stopTimeout (10,000): pm2 must neither signal
    // them on its own, nor lose patience earlier.
    treekill: false,
    kill_timeout: 15_000,
    // Without the code that pm2 loads into primary and workers: it only logs unhandled rejections,
    // so that a process that could not start stays, or ends with exit code 0.
    pmx: false,
  },
];
