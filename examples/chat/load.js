// @ts-check
// What `socket-supervisor load` can play against the chat, which runs after `node bootstrap.js`:
// npx socket-supervisor load http://localhost:7001 --script examples/chat/load.js --html report.html

/** @type {import("socket-supervisor").LoadScript} */
export default {
  data: "load-users.csv",
  phases: [
    { name: "warm up", duration: 5, arrivalRate: 2 },
    { name: "more and more", duration: 10, arrivalRate: 2, rampTo: 10 },
  ],
  thresholds: { errors: 0, "ack say": { p99: 1_000 }, "wait message": { p99: 1_000 } },
  scenarios: [
    {
      name: "talks",
      weight: 3,
      flow: [
        { wait: "welcome" },
        {
          emit: ["join", { name: "{{ name }}", room: "{{ room }}" }],
          ack: true,
          expect: { ok: true },
        },
        {
          loop: [
            { emit: ["say", "{{ i }} from {{ user }}"], ack: true, expect: { ok: true } },
            { wait: "message", expect: { text: "{{ i }} from {{ user }}" } },
            { think: [0.5, 1.5] },
          ],
          count: 3,
        },
      ],
    },
    { name: "looks who is there", flow: lookAround },
  ],
};

/**
 * The same kind of thing as code.
 * @param {import("socket-supervisor").ScriptUser} user
 */
async function lookAround(user) {
  const { name, room } = user.data;
  await user.ask("join", { name, room });
  await user.think(1);
  const reply = /** @type {{ members?: { name: string }[] }} */ (await user.ask("who"));
  if (!JSON.stringify(reply).includes(String(name))) throw new Error("who does not tell of me");
}
