/** Tree and waterfall of a trace, drawn only where in view. */
import * as format from "../lib/format.js";
import { html, useMemo } from "../lib/html.js";
import { SpanRow } from "./span-row.js";
import { VirtualList } from "./virtual.js";

const ROW_PX = 24;
const TICKS = [0, 0.25, 0.5, 0.75, 1];

/** Children by parent, in the order of the list. */
function childrenOf(spans) {
  const map = new Map();
  for (const span of spans) {
    if (!span.parent_id) continue;
    if (!map.has(span.parent_id)) map.set(span.parent_id, []);
    map.get(span.parent_id).push(span);
  }
  return map;
}

/** The lines that no folded span hides. */
export function visible(spans, folded) {
  const shown = [];
  let hidden = Infinity;
  for (const span of spans) {
    if (span.depth > hidden) continue;
    hidden = folded.has(span.span_id) ? span.depth : Infinity;
    shown.push(span);
  }
  return shown;
}

const Ruler = ({ view }) => html`
  <div class="ruler" aria-hidden="true">
    <span class="span-name">Span</span>
    <span class="span-lane">${TICKS.map((tick) => html`<span key=${tick} class=${`tick tick-${tick * 4}`}>${format.duration(view.from + view.span * tick)}</span>`)}</span>
    <span class="num span-self" title="Time in no child span">Self</span><span class="num span-total">Total</span>
  </div>`;

/**
 * @param {{trace: object, rows: object[], folded: Set<string>, selected: string, found: Set<string>|null,
 *   onSelect: (id: string) => void, onFold: (id: string) => void}} props
 */
export function Waterfall({ trace, rows, folded, selected, found, onSelect, onFold }) {
  const view = { from: 0, span: trace.duration || 1e-6 };
  const families = useMemo(() => childrenOf(trace.spans), [trace]);
  const keep = rows.findIndex((span) => span.span_id === selected);
  const row = (span, index) => html`<${SpanRow} key=${span.span_id} span=${span} index=${index} view=${view}
    children=${families.get(span.span_id) ?? []} folded=${folded.has(span.span_id)} selected=${span.span_id === selected}
    dim=${found !== null && !found.has(span.span_id)} onSelect=${onSelect} onFold=${onFold} />`;
  return html`
    <div class="waterfall">
      <${Ruler} view=${view} />
      <${VirtualList} class="span-list" role="tree" label="Spans" rows=${rows} height=${ROW_PX} row=${row} keep=${keep}
        attrs=${{ "aria-activedescendant": `span-${selected}` }} />
    </div>`;
}
