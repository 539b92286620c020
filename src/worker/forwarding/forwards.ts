import { channel } from "node:diagnostics_channel";

/** What is published for each request that goes to another worker. */
export interface Forward {
  /** Path of the other worker's gateway. */
  gateway: string;
  upgrade: boolean;
}

/** `diagnostics_channel`; its messages are {@link Forward}. */
export const forwards = channel("socket-supervisor:forward");
