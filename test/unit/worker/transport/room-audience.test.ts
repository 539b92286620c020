import { createRequire } from "node:module";
import t from "tap";
import { Peer } from "../../../../src/worker/mesh/peer.js";
import { RoomAudience, roomSeeds } from "../../../../src/worker/transport/room-audience.js";

const base64id = createRequire(import.meta.url)("base64id") as { generateId(): string };

/** Another worker that has told these rooms. */
function peerWith(hashes: number[]): Peer {
  const peer = new Peer(1, {
    onAdapter() {},
    onAdapterGone() {},
    onMessage() {},
    onBreak() {},
    onQueue() {},
  });
  const known = new Set(hashes);
  peer.has = (hash) => known.has(hash);
  peer.knows = peer.has;
  return peer;
}

const seeds = roomSeeds(1, "/");

const concerned = (rooms: string[], peers: Peer[], here: string[] = []): boolean[] => {
  const audience = new RoomAudience(seeds, rooms, (id) => here.includes(id));
  return peers.map(audience.among(peers));
};

t.test("M3 rooms concern those who have a member; none, those who have a client", async (t) => {
  const peers = [
    peerWith([seeds.namespace, seeds.room("a")]),
    peerWith([seeds.namespace, seeds.room("b")]),
    peerWith([]),
  ];
  t.strictSame(concerned(["a"], peers), [true, false, false]);
  t.strictSame(concerned(["b", "a"], peers), [true, true, false]);
  t.strictSame(concerned(["c"], peers), [false, false, false]);
  t.strictSame(concerned([], peers), [true, true, false]);
});

t.test("M2 a socket's own room concerns everybody until somebody has told of it", async (t) => {
  for (let n = 0; n < 1_000; n++) if (!seeds.isOwnRoom(base64id.generateId())) t.fail("an id");
  const id = base64id.generateId();
  const other = peerWith([seeds.room(id)]); // somebody who has joined it there, by that name
  t.strictSame(concerned([id], [peerWith([]), other]), [true, true]);
  const owner = peerWith([seeds.ownRoom(id)]);
  t.strictSame(concerned([id], [peerWith([]), owner, other]), [false, true, true]);
  t.strictSame(concerned([id], [peerWith([]), other], [id]), [false, true], "it is ours");
});

t.test("M3 names of other rooms are not taken for ids", async (t) => {
  const names = ["lobby", "user:12345678901234567", "abcdefghijklmnopqrst", "12345678-1234-1234"];
  for (const name of names) t.notOk(seeds.isOwnRoom(name), name);
});
