import { createServer } from "node:http";
import https from "node:https";
import t from "tap";
import { adapterScope, ServerNames } from "../../../../src/worker/adapter/server-names.js";
import { HttpServers } from "../../../../src/worker/connections/http-servers.js";

const plain = (index: number, name?: string) => ({ secure: false, name, index });
const tls = (index: number, name?: string) => ({ secure: true, name, index });

t.test("names are the same in any order of different paths", async (t) => {
  const one = new ServerNames();
  const other = new ServerNames();
  t.equal(one.next("/socket.io"), "/socket.io");
  t.equal(one.next("/admin"), "/admin");
  t.equal(other.next("/admin"), "/admin");
  t.equal(other.next("/socket.io"), "/socket.io");
});

t.test("the same path needs the order of calls, or names", async (t) => {
  const names = new ServerNames();
  const all = [
    names.next("/a"),
    names.next("/a"),
    names.next("/a", "x"),
    names.next("/a", "x"),
    names.next("/a"),
  ];
  t.equal(new Set(all).size, 5);
  t.equal(new ServerNames().next("/a", "x"), all[2]);
});

t.test("only the ordinary server talks like @socket.io/cluster-adapter", async (t) => {
  t.equal(adapterScope("/socket.io"), "");
  for (const name of ["/socket.io#1", "/socket.io x", "/admin", "engine"]) {
    t.notOk(`${adapterScope(name)}/`.startsWith("/"));
  }
});

t.test("the only server of a kind gets all connections of that kind", async (t) => {
  const servers = new HttpServers();
  const http = createServer();
  const secure = https.createServer();
  t.equal(servers.find(plain(0)), undefined);
  servers.add(http, undefined);
  servers.add(http, undefined); // a second Socket.IO server on it
  t.equal(servers.find(plain(0)), http);
  t.equal(servers.find(plain(7)), http);
  t.equal(servers.find(plain(0, "any")), http);
  t.equal(servers.find(tls(0)), undefined, "TLS needs a server that speaks it");
  servers.add(secure, undefined);
  t.equal(servers.find(tls(0)), secure);
});

t.test("several servers: by number, or by name, and never by chance", async (t) => {
  const servers = new HttpServers();
  const [first, second, admin] = [createServer(), createServer(), createServer()];
  servers.add(admin, "admin");
  t.equal(servers.find(plain(0)), undefined, "a named server gets what is meant for it");
  servers.add(first, undefined);
  servers.add(second, undefined);
  t.equal(servers.find(plain(0)), first);
  t.equal(servers.find(plain(1)), second);
  t.equal(servers.find(plain(2)), undefined);
  t.equal(servers.find(plain(0, "admin")), admin);
  t.equal(servers.find(plain(0, "other")), undefined);
});
