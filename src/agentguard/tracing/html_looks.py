"""What the page of `html_page.py` looks like, and its one convenience. Nothing in it comes from a trace."""

from __future__ import annotations

STYLE = """
:root { color-scheme: light dark; --back: #fff; --text: #1b1f24; --dim: #57606a; --line: #d0d7de; --lane: #f3f5f7;
  --ok: #1a7f37; --error: #cf222e; --denied: #9a6700; --timeout: #8250df; --cancelled: #0969da; --unknown: #57606a; }
@media (prefers-color-scheme: dark) { :root { --back: #0d1117; --text: #e6edf3; --dim: #9198a1; --line: #30363d;
  --lane: #161b22; --ok: #3fb950; --error: #f85149; --denied: #d29922; --timeout: #bc8cff; --cancelled: #58a6ff;
  --unknown: #9198a1; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 110rem; background: var(--back); color: var(--text);
  font: 14px/1.45 system-ui, sans-serif; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .25rem; overflow-wrap: anywhere; }
p { margin: .25rem 0; } .dim { color: var(--dim); }
section { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; min-width: 56rem; table-layout: fixed; }
caption { text-align: left; color: var(--dim); padding: .25rem 0; }
th { text-align: left; font-weight: 600; border-bottom: 1px solid var(--line); padding: .25rem .5rem .25rem 0; }
td { vertical-align: top; border-bottom: 1px solid var(--line); padding: .2rem .5rem .2rem 0; overflow-wrap: anywhere; }
th:nth-child(1) { width: 38%; } th:nth-child(2) { width: 9.5rem; } th:nth-child(3) { width: 3.5rem; }
th:nth-child(4), th:nth-child(5) { width: 5.5rem; }
td:nth-child(3), td:nth-child(4), td:nth-child(5) { text-align: right; font-variant-numeric: tabular-nums; }
summary { cursor: pointer; } summary:focus-visible, input:focus-visible { outline: 2px solid var(--cancelled); }
code, pre { font: 12.5px/1.4 ui-monospace, monospace; }
pre { white-space: pre-wrap; background: var(--lane); padding: .5rem; margin: .25rem 0; max-height: 24rem;
  overflow: auto; }
.lane { position: relative; height: 1.1rem; background: var(--lane); }
.bar { position: absolute; top: .15rem; bottom: .15rem; min-width: 2px; background: var(--unknown); }
.attempt .bar { opacity: .55; }
.ok .bar, .stopped_early .bar { background: var(--ok); } .error .bar { background: var(--error); }
.denied .bar { background: var(--denied); } .timeout .bar { background: var(--timeout); }
.cancelled .bar { background: var(--cancelled); }
.ok .status, .stopped_early .status { color: var(--ok); } .error .status { color: var(--error); }
.denied .status { color: var(--denied); } .timeout .status { color: var(--timeout); }
.cancelled .status { color: var(--cancelled); } .status { font-weight: 600; }
.levels { position: relative; display: flex; align-items: flex-end; height: 2.2rem; background: var(--lane); }
.levels span { flex: 1; background: var(--cancelled); }
[hidden] { display: none; }
@media print { pre { max-height: none; } }
"""

# Reads and hides rows; never makes markup out of text. Without it the whole page is there, and only the filter is not.
SCRIPT = """
const box = document.getElementById("filter"), count = document.getElementById("count");
const rows = [...document.querySelectorAll("tbody tr[data-row]")];
const texts = rows.map((row) => row.textContent.toLowerCase());
document.getElementById("search").hidden = false;
box.addEventListener("input", () => {
  const wanted = box.value.toLowerCase();
  let shown = 0;
  rows.forEach((row, at) => { row.hidden = !texts[at].includes(wanted); shown += !row.hidden; });
  count.textContent = wanted ? shown + " of " + rows.length + " rows" : "";
});
"""
