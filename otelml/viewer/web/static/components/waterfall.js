/** Tree and waterfall of a trace, drawn only where in view. */
import * as format from "../lib/format.js";
import { html, useLayoutEffect, useMemo, useRef } from "../lib/html.js";
import { scaled } from "../lib/view.js";
import { Minimap } from "./minimap.js";
import { useRangeDrag } from "./range-drag.js";
import { SpanRow } from "./span-row.js";
import { VirtualList } from "./virtual.js";

const ROW_PX = 24;
const TICKS = [0, 0.25, 0.5, 0.75, 1];
const WHEEL = 0.0015;
const LEAF = [];

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

function Ruler({ view, onView, onWhole }) {
  const { drag, handlers } = useRangeDrag((from, to) => onView(view.from + from * view.span, view.from + to * view.span));
  const digits = (tick) => format.duration(view.from + view.span * tick);
  return html`
    <div class="ruler" aria-hidden="true">
      <span class="span-name">Span</span>
      <span class="span-lane scale" title="Drag to zoom, double click for everything" ...${handlers} onDblClick=${onWhole}>
        ${TICKS.map((tick) => html`<span key=${tick} class=${`tick tick-${tick * 4}`}>${digits(tick)}</span>`)}
        ${drag && html`<span class="minimap-drag" style=${{ left: `${100 * drag[0]}%`, width: `${100 * (drag[1] - drag[0])}%` }}></span>`}</span>
      <span class="num span-self" title="Time in no child span">Self</span><span class="num span-total">Total</span>
    </div>`;
}

/** When lines come in above, the reader's line stays where it is. */
function useAnchor(rows) {
  const box = useRef(null);
  const top = useRef(null);
  useLayoutEffect(() => {
    const element = box.current;
    if (top.current && element.scrollTop > 0) {
      const at = rows.findIndex((span) => span.span_id === top.current.id);
      if (at >= 0) element.scrollTop = at * ROW_PX + top.current.rest;
    }
  }, [rows]);
  const note = () => {
    const at = box.current.scrollTop;
    const span = rows[Math.floor(at / ROW_PX)];
    top.current = span ? { id: span.span_id, rest: at % ROW_PX } : null;
  };
  return { box, note };
}

/**
 * @param {{trace: object, rows: object[], folded: Set<string>, selected: string, found: Set<string>|null, view: object, critical: boolean,
 *   onSelect: (id: string) => void, onFold: (id: string) => void, onView: (from: number, to: number) => void, onWhole: () => void}} props
 */
export function Waterfall({ trace, rows, folded, selected, found, view, critical, onSelect, onFold, onView, onWhole }) {
  const families = useMemo(() => childrenOf(trace.spans), [trace]);
  const keep = rows.findIndex((span) => span.span_id === selected);
  const anchor = useAnchor(rows);
  const onWheel = (event) => {
    if (!event.ctrlKey) return;
    const lane = event.target.closest(".span-lane")?.getBoundingClientRect();
    if (!lane) return;
    event.preventDefault();
    onView(...scaled(view, Math.exp(event.deltaY * WHEEL), (event.clientX - lane.left) / lane.width));
  };
  const row = (span, index) => html`<${SpanRow} key=${span.span_id} span=${span} index=${index} view=${view}
    children=${families.get(span.span_id) ?? LEAF} folded=${folded.has(span.span_id)} selected=${span.span_id === selected} critical=${critical}
    dim=${found !== null && !found.has(span.span_id)} onSelect=${onSelect} onFold=${onFold} />`;
  return html`
    <div class="waterfall" onWheel=${onWheel}>
      <${Minimap} trace=${trace} view=${view} onView=${onView} onWhole=${onWhole} />
      <${Ruler} view=${view} onView=${onView} onWhole=${onWhole} />
      <${VirtualList} class="span-list" role="tree" label="Spans" rows=${rows} height=${ROW_PX} row=${row} keep=${keep} keepKey=${selected}
        boxRef=${anchor.box} onScroll=${anchor.note} attrs=${{ "aria-activedescendant": `span-${selected}` }} />
    </div>`;
}
