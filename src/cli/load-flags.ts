import { LOAD_FLAGS } from "../load/options.js";
import { THRESHOLD_FLAGS } from "../load/thresholds.js";

/** All options of `socket-supervisor load`. */
export const FLAGS = {
  ...LOAD_FLAGS,
  ...THRESHOLD_FLAGS,
  help: { type: "boolean", short: "h" },
  json: { type: "boolean" },
  ca: { type: "string" },
  name: { type: "string" },
  socket: { type: "string" },
  scenario: { type: "string" },
  script: { type: "string" },
  html: { type: "string" },
  csv: { type: "string" },
  "i-own-this-host": { type: "boolean" },
} as const;
