/** The package's `socket-supervisor/testing`, as users import it: what was built. */
const name = "socket-supervisor/testing";

export const testing: typeof import("../../src/testing/index.js") = await import(name);
