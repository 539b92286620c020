export const START_HELP = `Usage: socket-supervisor start <file> [options] [-- args]

Runs an unchanged server, of Socket.IO or plain HTTP, on all cores: each worker
runs <file>; where it would listen, this process does, and hands connections to
the worker that has their session.

  --workers <n>       how many, or "max": one for each core (max; with --watch 1)
  --watch             reload when a file changes that the server has loaded
  --name <name>       what the other commands call it ("name" of package.json)
  --status-port <n>   a page, /metrics and health checks on 127.0.0.1
  --log-prefix        the worker's number before each line that it writes: [2]
  --import <module>   load it first in each worker, as Node's --import; again
                      for more
  --config <file>     instead of socket-supervisor.config.js, .mjs, .cjs, .json
  -- args             what the server gets in process.argv

Options of ClusterManager, and these, may also be in that file, or as
"socket-supervisor" in package.json. What the command line says comes first.
`;
