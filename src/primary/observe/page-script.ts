/**
 * The script of the status page, as the browser runs it: no build step, no module. What it shows is
 * set as text, so nothing that a cluster is called can become markup.
 */
export const SCRIPT = `"use strict";
const MAX_SAMPLES = 300;
const LIGHT = ["#1f6feb", "#c2410c", "#0f766e", "#9333ea", "#a16207", "#be185d", "#4d7c0f", "#475569"];
const DARK = ["#6cb0ff", "#ff9d5c", "#4fd1c0", "#c79bff", "#e3c04a", "#ff8fc0", "#a6d95b", "#b4c0cf"];
const dark = matchMedia("(prefers-color-scheme: dark)");
const byId = (id) => document.getElementById(id);
let samples = [];
let marks = [];
let pids = [];
let plots = [];

const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function make(tag, text, className) {
  const element = document.createElement(tag);
  element.textContent = text;
  if (className) element.className = className;
  return element;
}

function duration(ms) {
  const s = Math.floor(ms / 1000);
  if (s < 60) return s + " s";
  if (s < 3600) return Math.floor(s / 60) + " m " + (s % 60) + " s";
  if (s < 86400) return Math.floor(s / 3600) + " h " + Math.floor(s / 60) % 60 + " m";
  return Math.floor(s / 86400) + " d " + Math.floor(s / 3600) % 24 + " h";
}
const percent = (share) => Math.round(share * 100) + " %";
const megabytes = (bytes) => Math.round(bytes / 1048576) + " MB";

const PLOTS = [
  ["sessions", (worker) => worker.sessions],
  ["delay", (worker) => Math.round(worker.delay * 10) / 10],
  ["memory", (worker) => Math.round(worker.rss / 104857.6) / 10],
];

function drawMarks(plot) {
  const { ctx, bbox } = plot;
  const [from, to] = [plot.scales.x.min, plot.scales.x.max];
  ctx.save();
  for (const mark of marks) {
    const at = mark.at / 1000;
    if (at < from || at > to || mark.kind === "exit") continue;
    const x = Math.round(plot.valToPos(at, "x", true)) + 0.5;
    ctx.strokeStyle = color(mark.kind === "reload" ? "--mark-reload" : "--mark-exit");
    ctx.setLineDash([4, 3]);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
  }
  ctx.restore();
}

function dataOf(read) {
  const times = samples.map(({ at }) => at / 1000);
  const series = pids.map((pid) =>
    samples.map(({ workers }) => {
      const worker = workers.find((one) => one.pid === pid);
      return worker === undefined ? null : read(worker);
    }));
  return [times, ...series];
}

function build() {
  for (const plot of plots) plot.destroy();
  const palette = dark.matches ? DARK : LIGHT;
  const axis = { stroke: color("--dim"), grid: { stroke: color("--line"), width: 1 }, ticks: { stroke: color("--line") } };
  plots = PLOTS.map(([id, read]) => {
    const parent = byId(id);
    return new uPlot({
      width: Math.max(200, parent.clientWidth), height: 200,
      cursor: { drag: { x: false, y: false } },
      legend: { show: pids.length <= 8 },
      scales: { y: { range: (_plot, _min, max) => [0, Math.max(1, max * 1.1)] } },
      axes: [axis, { ...axis, size: 55 }],
      hooks: { draw: [drawMarks] },
      series: [{}, ...pids.map((pid, n) => ({
        label: String(pid), stroke: palette[n % palette.length], width: 2, points: { show: false },
      }))],
    }, dataOf(read), parent);
  });
}

/** Lines are made anew only when other workers are there. */
function draw() {
  const seen = new Set(samples.flatMap(({ workers }) => workers.map(({ pid }) => pid)));
  const wanted = [...seen];
  if (wanted.join() !== pids.join() || plots.length === 0) {
    pids = wanted;
    build();
  } else {
    plots.forEach((plot, n) => plot.setData(dataOf(PLOTS[n][1])));
  }
}

function cells(row, values) {
  for (const [value, className] of values) row.append(make("td", value, className));
  return row;
}

let before = new Map();
function cpuOf(pid, cpuTime, at) {
  const last = before.get(pid);
  if (last !== undefined && at - last.at < 900) return last.text;
  const text = last === undefined ? "-" : percent(Math.max(0, (cpuTime - last.cpuTime) / ((at - last.at) / 1000)));
  before.set(pid, { cpuTime, at, text });
  return text;
}

function vitalsOf(pid, vitals) {
  if (vitals === null) return [["-"], ["-"], ["-"], ["-"]];
  return [
    [percent(vitals.eventLoopUtilization)],
    [Math.round(vitals.eventLoopDelay) + " ms"],
    [cpuOf(pid, vitals.cpuTime, performance.now())],
    [megabytes(vitals.rss)],
  ];
}

function show({ status, primary, reload, events }) {
  const ready = status.workers.filter(({ state }) => state === "ready").length;
  byId("phase").textContent = status.phase;
  byId("phase").className = status.phase;
  byId("address").textContent = "primary " + status.pid + ", generation " + status.generation;
  const memory = status.workers.reduce((sum, { vitals }) => sum + (vitals?.rss ?? 0), primary.rss);
  const numbers = [
    ["Workers ready", ready + " of " + status.count],
    ["Sessions", String(status.sessions)],
    ["Restarts", String(status.restarts)],
    ["Memory of all", megabytes(memory)],
  ];
  byId("numbers").replaceChildren(...numbers.map(([name, value]) => {
    const group = document.createElement("div");
    group.append(make("dt", name), make("dd", value));
    return group;
  }));
  byId("reload").hidden = !reload.running;
  byId("progress").max = Math.max(1, reload.workers);
  byId("progress").value = reload.replaced;
  byId("replaced").textContent = reload.replaced + " of " + reload.workers + " workers replaced";
  byId("workers").replaceChildren(
    cells(document.createElement("tr"), [
      [""], [String(status.pid)], ["primary"], [""], [""],
      ...vitalsOf(status.pid, primary), [""], [""],
    ]),
    ...status.workers.map((worker) => cells(document.createElement("tr"), [
      [String(worker.number)], [String(worker.pid ?? "-")], [worker.state, worker.state],
      [String(worker.generation)], [String(worker.sessions)],
      ...vitalsOf(worker.pid, worker.vitals),
      [duration(worker.uptime)], [String(worker.restarts)],
    ])));
  byId("events").replaceChildren(...[...events].reverse().map(({ at, kind, text }) => {
    const item = document.createElement("li");
    item.append(make("time", new Date(at).toLocaleTimeString()), make("span", text, kind));
    return item;
  }));
  marks = events;
}

const source = new EventSource("events");
source.addEventListener("past", ({ data }) => {
  const past = JSON.parse(data);
  samples = past.samples;
  byId("name").textContent = past.name;
  document.title = past.name + " - socket-supervisor";
});
source.addEventListener("now", ({ data }) => {
  const news = JSON.parse(data);
  show(news);
  if (news.sample !== null && news.sample.at !== samples.at(-1)?.at) samples.push(news.sample);
  if (samples.length > MAX_SAMPLES) samples.shift();
  draw();
});
source.addEventListener("error", () => {
  byId("phase").textContent = "not connected; trying again";
  byId("phase").className = "lost";
});
dark.addEventListener("change", build);
addEventListener("resize", () => {
  plots.forEach((plot, n) => plot.setSize({ width: Math.max(200, byId(PLOTS[n][0]).clientWidth), height: 200 }));
});
`;
