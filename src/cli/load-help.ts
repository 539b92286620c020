export const LOAD_HELP = `Usage: socket-supervisor load <url> [options]

Connects many socket.io-client clients to any Socket.IO server, and tells what
users would have seen. A server with io.on("connection", answerLoadTest), which
"socket-supervisor" exports, is asked for more; --script plays your own events.
docs/load.md says what each number means. Needs: npm install socket.io-client

Clients:
  --clients <n>           how many (100)
  --ramp <s>              over which they start (1 for each 200 clients)
  --transports <t>        upgrade (as Socket.IO does), websocket, polling, mixed
  --namespace <path>      (/)
  --path <path>           (/socket.io/)
  --auth <json>           what the handshake's auth has
  --header <name: value>  one more header; may be repeated
  --ca <file>             certificates to trust
  --insecure              trust any certificate

Messages:
  --rate <n>              per second of each client (1)
  --payload <bytes>       of each (64)
  --binary <share>        whose payload is binary, 0 to 1 (0)
  --broadcasts <n>        per second, of all clients together (0)
  --rooms <n>             spread clients over rooms; broadcasts go to one each

Script:
  --script <file>         users with events of your own, instead of the above:
                          JSON or a module, as docs/load.md has it

Test:
  --duration <s>          that are measured (10)
  --warm-up <s>           before that, after the ramp (2)
  --grace <s>             to wait for answers at the end (5)
  --seed <n>              of the schedule (1)
  --processes <n>         that generate the load (1)
  --source-addresses <n>  connect from 127.0.0.1 to 127.0.0.<n>; by itself as
                          many as the ports need
  --i-own-this-host       allow a server that is not on a loopback address

Result:
  --json                  one line of JSON
  --html <file>           the report with plots, in one file
  --csv <file>            a line for each second
  --max-errors <n>        exit with 1 when there are more errors,
  --max-p99 <ms>          when echoes or broadcasts take longer,
  --max-lost <n>          or when more messages are lost

A local cluster, for its workers' sessions, CPU and memory:
  --name <name>           its name
  --socket <path>         its control socket
  --scenario <s>          reload it, kill (a worker at each quarter, with
                          SIGKILL) or scale it (one worker more, then less)

Ctrl-C ends it with the report so far; exit code 130.
`;
