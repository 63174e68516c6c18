"""How the report looks: one sheet, for wide and narrow windows, light and dark, and paper."""

STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --dim: #57606a; --sheet: #ffffff; --panel: #f6f8fa; --edge: #d0d7de;
  --ok: #1a7f37; --bad: #cf222e; --warn: #9a6700; --info: #0969da; --unknown: #8250df; --fill: #ddeeff; }
@media (prefers-color-scheme: dark) {
:root { --ink: #e6edf3; --dim: #9da7b1; --sheet: #0d1117; --panel: #161b22; --edge: #30363d; --ok: #56d364;
  --bad: #ff8f86; --warn: #e3b341; --info: #79c0ff; --unknown: #d2a8ff; --fill: #16324f; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 960px; padding: 16px; color: var(--ink); background: var(--sheet);
  font: 15px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.5em; margin: 0; } h2 { font-size: 1.2em; margin: 2em 0 .5em; }
h3 { font-size: 1em; margin: 1.2em 0 .3em; }
.dim { color: var(--dim); } .about { display: grid; grid-template-columns: max-content 1fr; gap: 0 1em; margin: 1em 0; }
.about dt { color: var(--dim); } .about dd { margin: 0; }
.verdict { border-left: 6px solid var(--bad); background: var(--panel); padding: .7em 1em; margin: 1em 0; }
.verdict.ready { border-color: var(--ok); } .verdict p { margin: .2em 0; } .verdict p:first-child { font-weight: 600; }
code, pre { font: 13px/1.45 ui-monospace, monospace; } pre { background: var(--panel); border: 1px solid var(--edge);
  border-radius: 6px; padding: .7em; white-space: pre-wrap; margin: .5em 0; }
.finding { border-top: 1px solid var(--edge); padding: .5em 0; } .finding p { margin: .1em 0 .1em 5.5em; }
.finding p.title { margin-left: 0; padding-left: 5.5em; text-indent: -5.5em; }
.level { display: inline-block; width: 5.5em; text-indent: 0; font-weight: 600; }
.ok { color: var(--ok); } .fail { color: var(--bad); } .warn { color: var(--warn); } .info { color: var(--info); }
.unknown { color: var(--unknown); } .wide { overflow-x: auto; } .wide svg { display: block; min-width: 720px;
  width: 100%; height: auto; } table { border-collapse: collapse; width: 100%; } th { text-align: left; }
th, td { border-top: 1px solid var(--edge); padding: .3em .8em .3em 0; vertical-align: top; }
summary { cursor: pointer; padding: .3em 0; }
.cpus { display: flex; flex-wrap: wrap; gap: 10px; } .cache { border: 1px solid var(--edge); border-radius: 8px;
  padding: 8px; background: var(--panel); } .cache > p { margin: 0 0 6px; }
.cache > div { display: flex; flex-wrap: wrap; gap: 6px; }
.core { border: 1px solid var(--edge); border-radius: 6px; padding: 4px 8px; min-width: 92px; background: var(--sheet);
  font-size: 13px; } .core.guest { background: var(--fill); border-color: var(--info); }
@media (max-width: 560px) { .about { display: block; } .about dd { margin: 0 0 .4em; }
  .finding p, .finding p.title { margin-left: 0; padding-left: 0; text-indent: 0; } .level { width: auto;
  margin-right: .6em; } }
@media print { details > * { display: block; } }
"""
