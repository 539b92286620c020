export interface WorkloadPlan {
  name: string;
  title: string;
  /** What one operation is. */
  op: string;
  clients: number;
  /** How it is measured: over a window of time, as one act, or while the system is deployed. */
  kind: "window" | "act" | "deploy";
  /** Smaller, for `--quick`; absent: left out there. */
  quick?: { clients: number };
}

export const WORKLOADS: readonly WorkloadPlan[] = [
  {
    name: "polling-own",
    title: "Long-polling echo, own connections",
    op: "round (POST + GET)",
    clients: 30,
    kind: "window",
    quick: { clients: 30 },
  },
  {
    name: "polling-pool",
    title: "Long-polling echo, one shared pool of 64 connections",
    op: "round (POST + GET)",
    clients: 30,
    kind: "window",
    quick: { clients: 30 },
  },
  {
    name: "polling-closing",
    title: "Long-polling echo, a connection for each request",
    op: "round (POST + GET)",
    clients: 20,
    kind: "window",
  },
  {
    name: "websocket-echo",
    title: "WebSocket echo",
    op: "message and answer",
    clients: 100,
    kind: "window",
    quick: { clients: 50 },
  },
  {
    name: "websocket-connect",
    title: "WebSocket connect + close",
    op: "connection",
    clients: 20,
    kind: "window",
    quick: { clients: 20 },
  },
  {
    name: "default-connect",
    title: "Default client: poll, upgrade, close",
    op: "connection",
    clients: 20,
    kind: "window",
  },
  {
    name: "burst",
    title: "400 handshakes at once",
    op: "handshake",
    clients: 400,
    kind: "act",
  },
  {
    name: "broadcast",
    title: "Broadcast to 1,000 clients",
    op: "broadcast",
    clients: 1_000,
    kind: "window",
    quick: { clients: 200 },
  },
  {
    name: "targeted",
    title: "Emit to one socket on another process",
    op: "message",
    clients: 60,
    kind: "window",
  },
  {
    name: "fetch-sockets",
    title: "fetchSockets() of 2,000 sockets",
    op: "call",
    clients: 2_000,
    kind: "window",
  },
  {
    name: "deploy",
    title: "Deploy under load: 40 users stay, others come",
    op: "handshake",
    clients: 40,
    kind: "deploy",
  },
];
