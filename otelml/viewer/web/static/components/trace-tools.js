/** What one can do with a waterfall: zoom, fold, the critical path, clocks. */
import * as format from "../lib/format.js";
import { cls, html } from "../lib/html.js";
import { href, setParams } from "../lib/router.js";
import { moved, scaled } from "../lib/view.js";
import { Icon } from "./icons.js";
import { ServiceMarks } from "./service-mark.js";

export const ZOOM = 2;
const PAN = 0.25;

/** Each tool once: its key, its name, and what it does. */
export function toolsOf({ view, trace, critical, setFolded, onView, onWhole }) {
  const parents = () => new Set(trace.spans.filter((span) => span.children && span.depth > 0).map((span) => span.span_id));
  return {
    "+": { label: "Zoom in", icon: "plus", run: () => onView(...scaled(view, 1 / ZOOM)) },
    "-": { label: "Zoom out", icon: "minus", run: () => onView(...scaled(view, ZOOM)), off: view.whole },
    0: { label: "Whole trace", icon: "whole", run: onWhole, off: view.whole },
    "<": { label: "Earlier", run: () => onView(...moved(view, -PAN, trace.duration)) },
    ">": { label: "Later", run: () => onView(...moved(view, PAN, trace.duration)) },
    c: { label: "Collapse all", run: () => setFolded(parents()) },
    e: { label: "Expand all", run: () => setFolded(new Set()) },
    p: { label: "Critical path", run: () => setParams({ path: critical ? "0" : "" }) },
  };
}

const IconTool = ({ tool, shortcut }) => html`<button class="icon-button small" disabled=${tool.off} title=${`${tool.label}  ${shortcut}`} aria-label=${tool.label}
  aria-keyshortcuts=${shortcut} onClick=${tool.run}><${Icon} name=${tool.icon} /></button>`;

const TextTool = ({ tool, shortcut, on }) => html`<button class=${cls("toggle", on && "on")} aria-pressed=${on} title=${`${tool.label}  ${shortcut}`}
  aria-keyshortcuts=${shortcut} onClick=${tool.run}>${tool.label}</button>`;

function Clocks({ trace, adjusted }) {
  if (adjusted && !trace.shifted) return null;
  const label = adjusted ? `Clocks adjusted: ${format.count(trace.shifted)} span${trace.shifted > 1 ? "s" : ""} shifted` : "Times as sent";
  return html`<button class=${cls("toggle", adjusted && "on")} aria-pressed=${adjusted}
    title="Spans of another machine that lie outside their parent are moved into it. Click for the other."
    onClick=${() => setParams({ adjust: adjusted ? "0" : "" })}>${label}</button>`;
}

/** @param {{trace: object, tools: object, critical: boolean, adjusted: boolean}} props */
export const TraceTools = ({ trace, tools, critical, adjusted }) => html`
  <div class="trace-tools" role="group" aria-label="Waterfall">
    <span class="zoom-tools">${["-", "+", "0"].map((key) => html`<${IconTool} key=${key} tool=${tools[key]} shortcut=${key} />`)}</span>
    ${["c", "e"].map((key) => html`<${TextTool} key=${key} tool=${tools[key]} shortcut=${key} />`)}
    <${TextTool} tool=${tools.p} shortcut="p" on=${critical} />
    <${Clocks} trace=${trace} adjusted=${adjusted} />
    <a class="button link" href=${href("/compare/traces", { a: trace.trace_id })}>Compare with …</a>
    <span class="grow"></span><${ServiceMarks} names=${trace.services} />
  </div>`;
