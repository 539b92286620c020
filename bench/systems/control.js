// How bench/systems/node-system.ts talks to the first process of a system.

/** Says that the system is up, and answers what it is asked for. */
export function serve({ port, processes, deploy }) {
  process.on("message", async ({ ask }) => {
    if (ask === "processes") process.send({ bench: "processes", processes: processes() });
    if (ask !== "deploy") return;
    try {
      await deploy();
      process.send({ bench: "deployed" });
    } catch (error) {
      process.send({ bench: "deployed", error: error.message });
    }
  });
  process.on("disconnect", () => process.exit());
  process.send({ bench: "ready", port });
}
