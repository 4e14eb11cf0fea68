/** One trace: where did the time go? */
import { When } from "../components/bits.js";
import { Copy, Loaded } from "../components/feedback.js";
import { SpanDetail } from "../components/span-detail.js";
import { toolsOf, TraceTools } from "../components/trace-tools.js";
import { TraceLabels } from "../components/trace-labels.js";
import { visible, Waterfall } from "../components/waterfall.js";
import { useData } from "../lib/data.js";
import * as format from "../lib/format.js";
import { html, useEffect, useMemo, useRef, useState } from "../lib/html.js";
import { ATTRIBUTE } from "../lib/names.js";
import { back, href, path, setParams } from "../lib/router.js";
import { viewOf, viewText } from "../lib/view.js";

const typing = () => /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement?.tagName);

/** Spans whose name, service or attributes hold the text; null when nothing is asked. */
export function find(spans, text) {
  const wanted = text.trim().toLowerCase();
  if (!wanted) return null;
  const holds = (span) => `${span.title} ${span.name} ${span.service} ${JSON.stringify(span.attributes)}`.toLowerCase().includes(wanted);
  return new Set(spans.filter(holds).map((span) => span.span_id));
}

/** The line of a span, or of the closest one above it that no fold hides; the first without any. */
function nearest(spans, rows, id) {
  const parents = new Map(spans.map((span) => [span.span_id, span.parent_id]));
  const lines = new Map(rows.map((span, index) => [span.span_id, index]));
  for (let each = id, steps = 0; each && steps < spans.length; each = parents.get(each), steps += 1) {
    if (lines.has(each)) return lines.get(each);
  }
  return 0;
}

const ALIASES = { "=": "+", _: "-" };

function useKeys({ rows, at, folded, fold, select, input, tools }) {
  const now = useRef(null);
  now.current = { rows, at, folded, fold, select, tools };
  useEffect(() => {
    const actions = {
      ArrowDown: ({ rows: list, at: here }) => list[here + 1] && now.current.select(list[here + 1].span_id),
      ArrowUp: ({ rows: list, at: here }) => list[here - 1] && now.current.select(list[here - 1].span_id),
      ArrowLeft: ({ rows: list, at: here, folded: shut }) => {
        const span = list[here];
        if (span.children && !shut.has(span.span_id)) now.current.fold(span.span_id);
        else if (span.parent_id) now.current.select(span.parent_id);
      },
      ArrowRight: ({ rows: list, at: here, folded: shut }) => {
        const span = list[here];
        if (shut.has(span.span_id)) now.current.fold(span.span_id);
        else if (span.children) now.current.select(list[here + 1].span_id);
      },
      "/": () => input.current.focus(),
      Escape: () => back("/traces"),
    };
    const onKey = (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || typing()) return;
      const pan = event.shiftKey && { ArrowLeft: "<", ArrowRight: ">" }[event.key];
      const tool = now.current.tools[pan || (ALIASES[event.key] ?? event.key)];
      const action = tool ? tool.run : actions[event.key];
      if (!action) return;
      event.preventDefault();
      action(now.current);
    };
    document.addEventListener("keydown", onKey, true);
    return () => document.removeEventListener("keydown", onKey, true);
  }, []);
}

function Finder({ innerRef, text, onText, found, onNext }) {
  const onKeyDown = (event) => {
    if (event.key === "Escape") { onText(""); event.currentTarget.blur(); event.stopPropagation(); }
    if (event.key === "Enter") onNext();
  };
  return html`<label class="field finder"><span class="vh">Find in this trace</span>
    <input ref=${innerRef} type="search" placeholder="Find span  /" value=${text} spellcheck="false" autocomplete="off"
      onInput=${(event) => onText(event.target.value)} onKeyDown=${onKeyDown} />
    <span class="field-unit" role="status">${found ? `${found.size} found` : ""}</span></label>`;
}

function Title({ trace }) {
  const root = trace.spans[0];
  const predicted = trace.spans.find((span) => span.model);
  return html`
    <h1 title=${root.name}><a class="crumb" href=${href("/traces")}>Traces</a><span class="faint"> / </span>${root.title}</h1>
    <span class="facts muted">
      <span><b>${format.duration(trace.duration)}</b></span><span>${format.count(trace.spans.length)} spans</span>      ${predicted && html`<span>model <a href=${href(path("models", predicted.model), { version: predicted.attributes[ATTRIBUTE.version] })}>${predicted.model}</a></span>`}
      <${When} ms=${trace.start} millis />
      <span class="mono trace-id">${trace.trace_id}<${Copy} text=${trace.trace_id} label="Copy trace id" /></span>
      <a href=${`/api${path("traces", trace.trace_id)}/otlp`} download=${`trace-${trace.trace_id}.json`} title="All its spans as OTLP JSON">Download</a>
    </span>`;
}

/** Zoom in the URL; where an earlier span comes in later, what is shown stays the same. */
function useView(trace, text) {
  const start = useRef(trace.start);
  const onView = (from, to) => setParams({ view: viewText(from, to, trace.duration) });
  const late = start.current - trace.start;
  useEffect(() => {
    start.current = trace.start;
    if (!late || !text) return;
    const [from, to] = text.split("~").map(Number);
    onView(from + late, to + late);
  }, [trace.start]);
  return { view: viewOf(text, trace.duration), onView, onWhole: () => setParams({ view: "" }) };
}

function Trace({ trace, params, tick }) {
  const [folded, setFolded] = useState(new Set());
  const [text, setText] = useState("");
  const input = useRef(null);
  const rows = useMemo(() => visible(trace.spans, folded), [trace, folded]);
  const at = useMemo(() => nearest(trace.spans, rows, params.span), [trace, rows, params.span]);
  const span = rows[at];
  const found = useMemo(() => find(trace.spans, text), [trace, text]);
  const select = (id) => setParams({ span: id });
  const fold = (id) => setFolded((old) => {
    const next = new Set(old);
    if (!next.delete(id)) next.add(id);
    return next;
  });
  const onNext = () => {
    const order = [...rows.slice(at + 1), ...rows.slice(0, at + 1)];
    const next = order.find((each) => found?.has(each.span_id));
    if (next) select(next.span_id);
  };
  const { view, onView, onWhole } = useView(trace, params.view);
  const critical = params.path !== "0";
  const tools = toolsOf({ view, trace, critical, setFolded, onView, onWhole });
  useKeys({ rows, at, folded, fold, select, input, tools });
  return html`
    <div class="trace-page">
      <div class="page-head"><${Title} trace=${trace} /><span class="grow"></span>
        <${Finder} innerRef=${input} text=${text} onText=${setText} found=${found} onNext=${onNext} />
        <${TraceLabels} trace=${trace} tick=${tick} /></div>
      ${trace.truncated && html`<p class="note">Only the root and the first spans are shown: ${format.count(trace.left_out)} of ${format.count(trace.total_spans)} are left out.</p>`}
      <${TraceTools} trace=${trace} tools=${tools} critical=${critical} adjusted=${params.adjust !== "0"} />
      <${Waterfall} trace=${trace} rows=${rows} folded=${folded} selected=${span.span_id} found=${found} view=${view} critical=${critical}
        onSelect=${select} onFold=${fold} onView=${onView} onWhole=${onWhole} />
      <${SpanDetail} span=${span} trace=${trace} />
    </div>`;
}

/** An open trace is read again only when something of it has arrived. */
function useTrace(name, adjust, tick) {
  const at = path("traces", name);
  const newest = useData(`${at}/version`, {}, { tick }).data?.version;
  const state = useData(at, { adjust });
  const kept = useRef(null);
  if (state.data) kept.current = state.data;
  const shown = state.data?.version;
  useEffect(() => {
    if (newest && newest !== shown && (shown || state.error)) state.reload();
  }, [newest, shown]);
  // Turning the adjustment on or off leaves the page as it is until the answer comes.
  return state.data || state.error ? state : { ...state, data: kept.current };
}

export function TracePage({ name, params, tick }) {
  const state = useTrace(name, params.adjust, tick);
  const head = html`<div class="page-head"><h1><a class="crumb" href=${href("/traces")}>Traces</a><span class="faint"> / </span>${format.shortId(name)}</h1></div>`;
  return html`<${Loaded} state=${state} what="The trace" rows=${16} head=${head}>${(trace) => html`<${Trace} key=${trace.trace_id} trace=${trace} params=${params} tick=${tick} />`}<//>`;
}
