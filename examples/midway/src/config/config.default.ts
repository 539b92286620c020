export const keys = "cookies are signed with this";

// No `port`: the primary listens, and the workers get their connections from it.
export const koa = {};
export const socketIO = {};

// To stdout and stderr only.
export const midwayLogger = { default: { enableFile: false, enableError: false } };
