import { readFileSync } from "node:fs";
import t from "tap";
import { METRICS } from "../../../../src/primary/observe/metric-table.js";

const read = (path: string): string =>
  readFileSync(new URL(`../../../../${path}`, import.meta.url), "utf8");

t.test("names keep to Prometheus's conventions", async (t) => {
  for (const [name, { type, help }] of Object.entries(METRICS)) {
    t.match(name, /^socket_supervisor_[a-z_]+$/);
    t.equal(name.endsWith("_total"), type === "counter", `${name} is a ${type}`);
    t.notMatch(name, /_(ms|milliseconds|kb|mb|megabytes|percent)\b/, "base units");
    t.match(help, /\.$/);
  }
});

t.test("docs/metrics.md has the same table", async (t) => {
  const rows = [...read("docs/metrics.md").matchAll(/^\| `(\w+)` \| (.*) \| (.*) \| (.*) \|$/gm)];
  const documented = Object.fromEntries(
    rows.map(([, name, type, labels = "", help]) => [
      name,
      { type, labels: [...labels.matchAll(/`(\w+)`/g)].map(([, label]) => label), help },
    ]),
  );
  t.equal(rows.length, Object.keys(METRICS).length, "each once");
  t.strictSame(documented, METRICS);
});

t.test("dashboard and alerts ask for metrics that there are", async (t) => {
  for (const file of ["grafana.json", "alerts.yml"]) {
    const text = read(`examples/observe/${file}`);
    const names = new Set(text.match(/socket_supervisor_\w+/g));
    t.ok(names.size > 5, file);
    t.strictSame(
      [...names].filter((name) => {
        const histogram = METRICS[name.replace(/_(bucket|sum|count)$/, "") as keyof typeof METRICS];
        return !Object.hasOwn(METRICS, name) && histogram?.type !== "histogram";
      }),
      [],
      file,
    );
  }
  const dashboard = JSON.parse(read("examples/observe/grafana.json")) as { panels: object[] };
  t.equal(dashboard.panels.length, 8);
});
