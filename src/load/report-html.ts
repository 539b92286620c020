import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { Report } from "./report.js";
import { reportText } from "./report-text.js";

const STYLE = `
:root { color-scheme: light dark; --back: #f6f7f9; --card: #fff; --text: #1b1f24; --dim: #5c6570; --line: #d9dee4; --bad: #b3261e; --good: #137a3a; }
@media (prefers-color-scheme: dark) { :root { --back: #12151a; --card: #1b2027; --text: #e8ebef; --dim: #9aa5b1; --line: #333b46; --bad: #ff8a80; --good: #4fcf83; } }
* { box-sizing: border-box; }
body { margin: 0; padding: 1rem 1.5rem 2rem; background: var(--back); color: var(--text); font: 15px/1.45 system-ui, sans-serif; }
h1 { font-size: 1.3rem; margin: 0 0 .25rem; }
p { margin: 0 0 1rem; color: var(--dim); }
p.good { color: var(--good); } p.bad { color: var(--bad); }
.plots { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); }
figure, pre { margin: 0; background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: .75rem 1rem; min-width: 0; overflow: hidden; }
figcaption { color: var(--dim); font-size: .85rem; margin-bottom: .25rem; }
pre { margin-top: 1rem; overflow-x: auto; font: 13px/1.5 ui-monospace, monospace; }
.u-legend { color: var(--text); font-size: .8rem; text-align: left; }
`;

const SCRIPT = `
const { moments, marks } = JSON.parse(document.getElementById("data").textContent);
const dark = matchMedia("(prefers-color-scheme: dark)");
const colours = () => dark.matches
  ? { text: "#9aa5b1", grid: "#333b46", lines: ["#7aa7ff", "#4fcf83", "#ff8a80"], mark: "#a5a5ff" }
  : { text: "#5c6570", grid: "#e4e8ed", lines: ["#2563c9", "#137a3a", "#b3261e"], mark: "#5b5bd6" };
const plots = [
  ["connected", ["connected"]],
  ["messages", ["sent", "answered", "errors"]],
  ["latency", ["p50", "p99"]],
];
const seconds = (value) => value === null || value === undefined ? "–" : value + " s";
function draw() {
  const { text, grid, lines, mark } = colours();
  for (const [id, names] of plots) {
    const box = document.getElementById(id);
    box.replaceChildren();
    const axis = { stroke: text, grid: { stroke: grid }, ticks: { stroke: grid } };
    new uPlot({
      width: box.clientWidth, height: 220,
      scales: { x: { time: false }, y: { range: (u, min, max) => [0, Math.max(1, max * 1.1)] } },
      axes: [{ ...axis, values: (u, all) => all.map(seconds) }, { ...axis, size: 60 }],
      series: [{ label: "time", value: (u, v) => seconds(v) },
        ...names.map((label, n) => ({ label, stroke: lines[label === "errors" ? 2 : n], width: 2, spanGaps: true }))],
      hooks: { draw: [(u) => {
        u.ctx.save(); u.ctx.strokeStyle = mark; u.ctx.setLineDash([4, 4]);
        for (const { at } of marks) {
          const x = u.valToPos(at, "x", true);
          u.ctx.beginPath(); u.ctx.moveTo(x, u.bbox.top); u.ctx.lineTo(x, u.bbox.top + u.bbox.height); u.ctx.stroke();
        }
        u.ctx.restore();
      }] },
    }, [moments.map((m) => m.at), ...names.map((name) => moments.map((m) => m[name]))], box);
  }
}
draw();
dark.addEventListener("change", draw);
addEventListener("resize", draw);
`;

/** The report as one file that needs no other: the same words as on the terminal, and plots. */
export function reportHtml(report: Report, failures: readonly string[]): string {
  const { options, timeline, events } = report;
  // What was done is told from the measurement's beginning, the plots from the test's.
  const lead = (options.ramp + options.warmUp) / 1_000;
  const marks = events.map(({ at, what }) => ({ at: at + lead, what }));
  const data = JSON.stringify({ moments: timeline, marks }).replaceAll("<", "\\u003c");
  const uplot = dirname(createRequire(import.meta.url).resolve("uplot"));
  const asset = (name: string): string => readFileSync(join(uplot, name), "utf8");
  const verdict =
    failures.length === 0
      ? '<p class="good">Nothing failed.</p>'
      : `<p class="bad">${failures.map(escaped).join("<br>")}</p>`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Load test of ${escaped(options.url)}</title>
<link rel="icon" href="data:,">
<style>${asset("uPlot.min.css")}</style>
<style>${STYLE}</style>
</head>
<body>
<h1>Load test of ${escaped(options.url)}</h1>
${verdict}
<div class="plots">
<figure><figcaption>Clients with a connection</figcaption><div id="connected"></div></figure>
<figure><figcaption>Messages and errors per second</figcaption><div id="messages"></div></figure>
<figure><figcaption>Answers (ms)</figcaption><div id="latency"></div></figure>
</div>
<pre>${escaped(reportText(report, failures))}</pre>
<script type="application/json" id="data">${data}</script>
<script>${asset("uPlot.iife.min.js")}</script>
<script>${SCRIPT}</script>
</body>
</html>
`;
}

function escaped(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}
