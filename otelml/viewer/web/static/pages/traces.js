/** Traces and their spans: search, duration over time, and the table, page by page. */
import { TraceChip, When } from "../components/bits.js";
import { Loaded, Nothing, Onboarding } from "../components/feedback.js";
import { Choice, Filters, Select, TextFilter, Toggle } from "../components/filters.js";
import { OpenFile } from "../components/open-file.js";
import { Scatter } from "../components/scatter.js";
import { ServiceMark } from "../components/service-mark.js";
import { Table } from "../components/table.js";
import { useData } from "../lib/data.js";
import * as format from "../lib/format.js";
import { html, useEffect, useMemo, useRef, useState } from "../lib/html.js";
import { useStatus } from "../lib/live.js";
import { STAGES } from "../lib/names.js";
import { href, path, setParams } from "../lib/router.js";
import { zoom } from "../lib/time.js";

const LIMIT = 200;
const QUERY_WAIT_MS = 500;
const FILTERS = ["query", "service", "model", "stage", "label", "error", "min_ms", "max_ms", "max_confidence", "labelled"];
const EXAMPLES = [
  ["deadlock", "a word, anywhere in the span"],
  ["error~timeout", "in what the span says about its failure"],
  ["service=loan-api operation=\"POST /loans\"", "who did what; also kind=, peer=, caller="],
  ["http.route=/loans user.id!=17", "any attribute of the span, its events, its sender"],
  ["http.url~checkout", "an attribute that holds a text"],
  ["duration>200ms http.response.status_code>=500", "numbers are compared"],
];
const ORDER_OF = { start: "newest", duration: "slowest" };

const none = () => html`<span class="faint">–</span>`;
const COLUMNS = [
  { key: "start", label: "Start", cell: (row) => html`<${When} ms=${row.start} millis />` },
  { key: "name", label: "Name", class: "title-cell", cell: (row) => html`<span class=${row.error ? "fail" : ""} title=${row.title === row.name ? row.name : `${row.title} (${row.name})`}>${row.title}</span>` },
  { key: "duration", label: "Duration", num: true, cell: (row) => format.duration(row.duration) },
  { key: "spans", label: "Spans", num: true, minor: 1, cell: (row) => format.count(row.spans) },
  { key: "service", label: "Service", minor: 1, cell: (row) => html`<${ServiceMark} name=${row.service} />` },
  { key: "model", label: "Model", minor: 1, cell: (row) => (row.model ? html`${row.model} <span key=${row.trace_id} class="muted">${row.version}</span>` : none()) },
  { key: "label", label: "Label", minor: 1, cell: (row) => row.label ?? none() },
  { key: "confidence", label: "Confidence", num: true, minor: 1, cell: (row) => format.ratio(row.confidence) },
  { key: "error", label: "Status", cell: (row) => (row.error ? html`<span class="fail">${typeof row.error === "string" ? row.error : "error"}</span>` : html`<span class="faint">ok</span>`) },
  { key: "trace_id", label: "Trace", grow: true, minor: 1, sort: false, cell: (row) => html`<${TraceChip} id=${row.trace_id} span=${row.span_id} /> <a class="compare-link" href=${href("/compare/traces", { a: row.trace_id })} aria-label=${`Compare trace ${row.trace_id}`}>compare</a>` },
];
const SPAN_COLUMNS = [
  COLUMNS[0], COLUMNS[1], COLUMNS[2],
  { key: "service", label: "Service", cell: (row) => html`<${ServiceMark} name=${row.service} />` },
  { key: "kind", label: "Kind", minor: 1, cell: (row) => row.work ?? row.kind },
  { key: "error", label: "Status", class: "title-cell", cell: (row) => (row.error ? html`<span class="fail" title=${row.status_message}>${row.status_message || "error"}</span>` : html`<span class="faint">ok</span>`) },
  COLUMNS.at(-1),
];

const link = (row) => href(path("traces", row.trace_id), { span: row.span_id });
const inside = (box) => (row) => row.start / 1000 >= box.x[0] && row.start / 1000 <= box.x[1] && row.duration >= box.y[0] && row.duration <= box.y[1];

const Selection = ({ box, found, onClear }) => html`
  <div class="selection" role="status">
    <span>${format.count(found)} selected: ${format.stamp(box.x[0] * 1000)} – ${format.clock(box.x[1] * 1000)}, ${format.duration(box.y[0])} – ${format.duration(box.y[1])}</span>
    <button class="button" onClick=${() => zoom(box.x[0] * 1000, box.x[1] * 1000)}>Zoom to it</button>
    <button class="button" onClick=${onClear}>Clear</button>
  </div>`;

/** With every trace drawn a box selects among them; of cells it asks for what is inside. */
const narrow = (box) => setParams({
  from: Math.floor(box.x[0] * 1000), to: Math.ceil(box.x[1] * 1000), min_ms: Number(box.y[0].toPrecision(3)), max_ms: Number(box.y[1].toPrecision(3)),
}, { replace: false });

function Empty({ params, empty, spans }) {
  const what = spans ? "spans" : "traces";
  if (empty) return html`<${Onboarding} what="traces" />`;
  const filtered = (spans ? ["query"] : FILTERS).some((name) => params[name]);
  const clear = () => setParams(Object.fromEntries(FILTERS.map((name) => [name, ""])));
  return html`<${Nothing} onClear=${filtered ? clear : null}>No ${what} ${filtered ? "match" : "in this time range"}.<//>`;
}

function Pages({ data, pages, onPages }) {
  if (!pages.length && !data.next) return null;
  return html`<nav class="pages" aria-label="Pages">
    <button class="button" disabled=${!pages.length} onClick=${() => onPages(pages.slice(0, -1))}>Previous</button>
    <span class="muted">page ${pages.length + 1}</span>
    <button class="button" disabled=${!data.next} onClick=${() => onPages([...pages, data.next])}>Next</button>
  </nav>`;
}

function Rows({ rows, spans, params, subject }) {
  const onSent = (key) => {
    if (!ORDER_OF[key]) return false;
    setParams({ order: ORDER_OF[key] === "newest" ? "" : ORDER_OF[key] });
    return true;
  };
  return html`<${Table} label=${spans ? "Spans" : "Traces"} columns=${spans ? SPAN_COLUMNS : COLUMNS} rows=${rows} link=${link} id=${(row) => row.trace_id + (spans ? row.span_id : "")}
    sent=${{ key: params.order === "slowest" ? "duration" : "start", down: true }} onSent=${onSent} hold=${subject} />`;
}

function Traces({ data, bounds, params, subject, empty, pager }) {
  const [box, setBox] = useState(null);
  useEffect(() => setBox(null), [bounds.key]);
  const shown = useMemo(() => (box ? data.traces.filter(inside(box)) : data.traces), [box, data]);
  if (!data.traces.length) return html`<${Empty} params=${params} empty=${empty} />`;
  return html`
    <div class="scatter"><${Scatter} traces=${data.traces} map=${data.scatter} bounds=${bounds} onSelect=${data.scatter ? narrow : setBox} /></div>
    ${box && html`<${Selection} box=${box} found=${shown.length} onClear=${() => setBox(null)} />`}
    <${Rows} rows=${shown} params=${params} subject=${subject + JSON.stringify(box)} />${pager}`;
}

const Spans = ({ data, params, subject, empty, pager }) => (data.spans.length
  ? html`<div class="scatter"><${Rows} rows=${data.spans} spans params=${params} subject=${subject} /></div>${pager}`
  : html`<${Empty} params=${params} empty=${empty} spans />`);

const Help = () => html`
  <details class="search-help"><summary>How to search</summary>
    <dl>${EXAMPLES.map(([example, what]) => html`<div key=${example}><dt><button class="example" onClick=${() => setParams({ query: example })}>${example}</button></dt><dd class="muted">${what}</dd></div>`)}</dl>
    <p class="muted">All terms must hold of one span. <code>~</code> holds the text, <code>=*</code> is there at all.</p>
  </details>`;

/** @param {{params: Record<string, string>, facets?: Record<string, string[]>, spans: boolean}} props */
function FilterBar({ params, facets, spans }) {
  const known = useRef({ services: [], models: [], stages: STAGES, labels: [] });
  if (facets) known.current = facets;
  const { services, models, stages, labels } = known.current;
  return html`
    <${Filters}>
      <${TextFilter} name="query" label="Search" value=${params.query} placeholder="deadlock, http.route=/pay, duration>200ms" width="w-l" wait=${QUERY_WAIT_MS} />
      <${Choice} label="List" value=${spans ? "spans" : "traces"} options=${[["traces", "traces"], ["spans", "spans"]]} onChange=${(view) => setParams({ view: view === "spans" ? view : "" })} />
      <${Choice} label="Order" value=${params.order === "slowest" ? "slowest" : "newest"} options=${[["newest", "newest"], ["slowest", "slowest"]]} onChange=${(order) => setParams({ order: order === "newest" ? "" : order })} />
    <//>
    <${Help} />
    ${!spans && html`<${Filters} label="More filters">
        <${Select} name="service" label="Service" value=${params.service} options=${services} />
        <${Select} name="model" label="Model" value=${params.model} options=${models} />
        <${Select} name="stage" label="Stage" value=${params.stage} options=${stages} />
        <${Select} name="label" label="Label" value=${params.label} options=${labels} />
        <${TextFilter} name="min_ms" label="Min" value=${params.min_ms} placeholder="0" numeric unit="ms" width="w-s" />
        <${TextFilter} name="max_ms" label="Max" value=${params.max_ms} placeholder="∞" numeric unit="ms" width="w-s" />
        <${TextFilter} name="max_confidence" label="Confidence ≤" value=${params.max_confidence} placeholder="1" numeric width="w-s" />
        <${Toggle} name="labelled" label="wrong" value=${params.labelled} on="wrong" />
        <${Toggle} name="labelled" label="unlabelled" value=${params.labelled} on="unlabelled" />
        <${Toggle} name="error" label="errors only" value=${params.error} />
    <//>`}`;
}

function Count({ data, rows }) {
  if (!rows) return null;
  const all = format.count(data.total);
  return html`<span class="muted" role="status">${data.total > rows ? `${format.count(rows)} of ${all}` : all}${data.complete ? "" : "+"}</span>
    ${!data.complete && html`<span class="warn" title="The search ran out of time; a shorter time range or one more term lets it look at all">not all were looked at</span>`}`;
}

export function TracesPage({ params, bounds, tick }) {
  const status = useStatus();
  const spans = params.view === "spans";
  const query = Object.fromEntries((spans ? ["query"] : FILTERS).map((name) => [name, params[name]]));
  const subject = JSON.stringify([spans, query, params.order, bounds.key]);
  const [turned, setTurned] = useState({ subject, pages: [] });
  const pages = turned.subject === subject ? turned.pages : [];
  const state = useData(spans ? "/spans" : "/traces", { ...query, order: params.order, limit: LIMIT, after: pages.at(-1) }, { tick, window: bounds });
  const { data } = state;
  const empty = status && status.last_received === null;
  return html`
    <div class="page-head"><h1>Traces</h1>
      ${data && html`<${Count} data=${data} rows=${(data.traces ?? data.spans).length} />`}
      <span class="grow"></span>${!spans && data?.traces.length > 0 && html`<span class="faint hint">Click a point to open it, drag to select</span>`}<${OpenFile} /></div>
    <${FilterBar} params=${params} facets=${data?.facets} spans=${spans} />
    <${Loaded} state=${state} what=${spans ? "Spans" : "Traces"} rows=${14}>${(body) => {
      const pager = html`<${Pages} data=${body} pages=${pages} onPages=${(next) => setTurned({ subject, pages: next })} />`;
      return spans ? html`<${Spans} data=${body} params=${params} subject=${subject} empty=${empty} pager=${pager} />`
        : html`<${Traces} data=${body} bounds=${bounds} params=${params} subject=${subject} empty=${empty} pager=${pager} />`;
    }}<//>`;
}
