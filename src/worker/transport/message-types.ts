import { MessageType } from "socket.io-adapter";

/** The messages of socket.io-adapter's cluster adapters. */
export const Type: Readonly<Record<keyof typeof MessageType, number>> = MessageType;
