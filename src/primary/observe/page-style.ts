/** The style of the status page, in both colour schemes. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --back: #f6f7f9; --card: #fff; --text: #1b1f24; --dim: #5c6570; --line: #d9dee4;
  --good: #137a3a; --warn: #9a5b00; --bad: #b3261e; --mark-exit: #b3261e; --mark-reload: #5b5bd6;
}
@media (prefers-color-scheme: dark) {
  :root {
    --back: #12151a; --card: #1b2027; --text: #e8ebef; --dim: #9aa5b1; --line: #333b46;
    --good: #4fcf83; --warn: #f0b354; --bad: #ff8a80; --mark-exit: #ff8a80; --mark-reload: #a5a5ff;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--text); font: 15px/1.45 system-ui, sans-serif; }
header { display: flex; flex-wrap: wrap; gap: 0 1rem; align-items: baseline; padding: 1rem 1.5rem 0; }
h1 { font-size: 1.3rem; margin: 0; }
h2 { font-size: 1rem; margin: 0 0 .5rem; }
header p { margin: 0; color: var(--dim); }
#phase.running { color: var(--good); } #phase.lost { color: var(--bad); }
main { display: grid; grid-template-columns: minmax(0, 1fr); gap: 1rem; padding: 1rem 1.5rem 2rem; }
dl { display: flex; flex-wrap: wrap; gap: .75rem; margin: 0; }
dl > div, figure, section:not(.plots), #reload {
  background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: .75rem 1rem;
}
dl > div { flex: 1 1 8rem; }
dt { color: var(--dim); font-size: .85rem; }
dd { margin: 0; font-size: 1.35rem; font-variant-numeric: tabular-nums; }
.plots { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 22rem), 1fr)); }
figure { margin: 0; min-width: 0; overflow: hidden; }
figcaption { color: var(--dim); font-size: .85rem; margin-bottom: .25rem; }
.u-legend { color: var(--text); font-size: .8rem; text-align: left; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .3rem .6rem; white-space: nowrap; }
th { color: var(--dim); font-weight: 500; font-size: .85rem; border-bottom: 1px solid var(--line); }
th:nth-child(3), td:nth-child(3) { text-align: left; }
.ready { color: var(--good); } .starting, .draining, .stopping { color: var(--warn); }
.hung, .dead, .problem { color: var(--bad); }
#reload { display: flex; gap: .75rem; align-items: center; }
#reload[hidden] { display: none; }
progress { flex: 1; accent-color: var(--mark-reload); }
ol { list-style: none; margin: 0; padding: 0; max-height: 16rem; overflow: auto; }
ol time { color: var(--dim); margin-right: .75rem; font-variant-numeric: tabular-nums; }
ol .reload { color: var(--mark-reload); }
`;
