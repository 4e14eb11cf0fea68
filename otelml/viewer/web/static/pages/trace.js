/** One trace: where did the time go? */
import { When } from "../components/bits.js";
import { Copy, Failed, Loaded } from "../components/feedback.js";
import { SpanDetail } from "../components/span-detail.js";
import { visible, Waterfall } from "../components/waterfall.js";
import { useData } from "../lib/data.js";
import * as format from "../lib/format.js";
import { html, useEffect, useMemo, useRef, useState } from "../lib/html.js";
import { ATTRIBUTE } from "../lib/names.js";
import { back, href, path, setParams } from "../lib/router.js";

const typing = () => /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement?.tagName);

/** Spans whose name, service or attributes hold the text; null when nothing is asked. */
export function find(spans, text) {
  const wanted = text.trim().toLowerCase();
  if (!wanted) return null;
  const holds = (span) => `${span.name} ${span.service} ${JSON.stringify(span.attributes)}`.toLowerCase().includes(wanted);
  return new Set(spans.filter(holds).map((span) => span.span_id));
}

function useKeys({ rows, at, folded, fold, select, input }) {
  const now = useRef(null);
  now.current = { rows, at, folded, fold, select };
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
      const action = actions[event.key];
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
    <h1 class="ellipsis"><a class="crumb" href=${href("/traces")}>Traces</a><span class="faint"> / </span>${root.name}</h1>
    <span class="facts muted">
      <span><b>${format.duration(trace.duration)}</b></span><span>${format.count(trace.spans.length)} spans</span><span>${trace.services.join(", ")}</span>
      ${predicted && html`<span>model <a href=${href(path("models", predicted.model), { version: predicted.attributes[ATTRIBUTE.version] })}>${predicted.model}</a></span>`}
      <${When} ms=${trace.start} millis />
      <span class="mono trace-id">${trace.trace_id}<${Copy} text=${trace.trace_id} label="Copy trace id" /></span>
    </span>`;
}

function Trace({ trace, params }) {
  const [folded, setFolded] = useState(new Set());
  const [text, setText] = useState("");
  const input = useRef(null);
  const rows = useMemo(() => visible(trace.spans, folded), [trace, folded]);
  const wanted = rows.findIndex((span) => span.span_id === params.span);
  const at = Math.max(0, wanted);
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
  useKeys({ rows, at, folded, fold, select, input });
  return html`
    <div class="trace-page">
      <div class="page-head"><${Title} trace=${trace} /><span class="grow"></span>
        <${Finder} innerRef=${input} text=${text} onText=${setText} found=${found} onNext=${onNext} /></div>
      ${trace.truncated && html`<p class="note">Only the first ${format.count(trace.spans.length)} spans are shown.</p>`}
      <${Waterfall} trace=${trace} rows=${rows} folded=${folded} selected=${span.span_id} found=${found} onSelect=${select} onFold=${fold} />
      <${SpanDetail} span=${span} trace=${trace} />
    </div>`;
}

export function TracePage({ name, params }) {
  const state = useData(path("traces", name));
  if (state.error?.status === 404) {
    return html`<div class="page-head"><h1><a class="crumb" href=${href("/traces")}>Traces</a><span class="faint"> / </span>${format.shortId(name)}</h1></div>
      <${Failed} what=${`Trace ${name}`} error=${state.error} onRetry=${state.reload} />`;
  }
  return html`<${Loaded} state=${state} what="Trace" rows=${16}>${(trace) => html`<${Trace} key=${trace.trace_id} trace=${trace} params=${params} />`}<//>`;
}
