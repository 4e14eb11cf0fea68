/** Traces: duration over time, filters, and the table. */
import { TraceChip, When } from "../components/bits.js";
import { Chart } from "../components/chart.js";
import { Loaded, Nothing, Onboarding } from "../components/feedback.js";
import { Filters, Select, TextFilter, Toggle } from "../components/filters.js";
import { Table } from "../components/table.js";
import { useData } from "../lib/data.js";
import * as format from "../lib/format.js";
import { html, useEffect, useMemo, useRef, useState } from "../lib/html.js";
import { useStatus } from "../lib/live.js";
import { STAGES } from "../lib/names.js";
import { xRange } from "../lib/plots.js";
import { href, path, setParams } from "../lib/router.js";
import { zoom } from "../lib/time.js";

const LIMIT = 500;
const FILTERS = ["service", "model", "stage", "label", "error", "min_ms", "max_confidence"];

const COLUMNS = [
  { key: "start", label: "Start", cell: (row) => html`<${When} ms=${row.start} millis />` },
  { key: "name", label: "Name", cell: (row) => html`<span class=${row.error ? "fail" : ""}>${row.name}</span>` },
  { key: "duration", label: "Duration", num: true, cell: (row) => format.duration(row.duration) },
  { key: "spans", label: "Spans", num: true, minor: 1, cell: (row) => format.count(row.spans) },
  { key: "service", label: "Service", minor: 1 },
  { key: "model", label: "Model", minor: 1, cell: (row) => (row.model ? html`${row.model} <span class="muted">${row.version}</span>` : html`<span class="faint">–</span>`) },
  { key: "label", label: "Label", minor: 1, cell: (row) => row.label ?? html`<span class="faint">–</span>` },
  { key: "confidence", label: "Confidence", num: true, minor: 1, cell: (row) => format.ratio(row.confidence) },
  { key: "error", label: "Status", cell: (row) => (row.error ? html`<span class="fail">${typeof row.error === "string" ? row.error : "error"}</span>` : html`<span class="faint">ok</span>`) },
  { key: "trace_id", label: "Trace", grow: true, minor: 1, sort: false, cell: (row) => html`<${TraceChip} id=${row.trace_id} />` },
];

const link = (row) => href(path("traces", row.trace_id));

const traceDot = (row) => ({
  x: row.start / 1000, y: Math.max(row.duration, 0.001), trace_id: row.trace_id, solid: true, color: row.error ? "--fail" : "--accent",
  alpha: row.error ? 0.95 : 0.5, size: row.error ? 3.5 : 3,
  title: `${row.name}, ${format.duration(row.duration)} at ${format.stamp(row.start)}${row.error ? ", failed" : ""}`,
});

function Scatter({ traces, bounds, onSelect }) {
  const ordered = useMemo(() => [...traces].sort((a, b) => a.start - b.start), [traces]);
  const dots = useMemo(() => ordered.map(traceDot).sort((a, b) => (a.color === "--fail") - (b.color === "--fail")), [ordered]);
  const x = useMemo(() => ordered.map((row) => row.start / 1000), [ordered]);
  const series = useMemo(() => [{ label: "Duration", color: "--accent", kind: "none", values: ordered.map((row) => Math.max(row.duration, 0.001)) }], [ordered]);
  const times = ordered.map((row) => row.start);
  const values = series[0].values;
  const yRange = values.length ? [Math.min(...values) / 1.4, Math.max(...values) * 1.4] : [1, 1000];
  return html`<${Chart} label="Duration of traces over time" x=${x} series=${series} log select="box" height=${168} dots=${dots} legend=${false}
    xRange=${bounds.from ? xRange(bounds) : xRange(null, [times[0] ?? 0, times.at(-1) ?? 1])} yRange=${yRange} yFormat=${format.duration} yTick=${format.durationTick} onSelect=${onSelect} />`;
}

const inside = (box) => (row) => row.start / 1000 >= box.x[0] && row.start / 1000 <= box.x[1] && row.duration >= box.y[0] && row.duration <= box.y[1];

const Selection = ({ box, found, onClear }) => html`
  <div class="selection" role="status">
    <span>${format.count(found)} selected: ${format.stamp(box.x[0] * 1000)} – ${format.clock(box.x[1] * 1000)}, ${format.duration(box.y[0])} – ${format.duration(box.y[1])}</span>
    <button class="button" onClick=${() => zoom(box.x[0] * 1000, box.x[1] * 1000)}>Zoom to it</button>
    <button class="button" onClick=${onClear}>Clear</button>
  </div>`;

function Traces({ data, bounds, params, empty }) {
  const [box, setBox] = useState(null);
  useEffect(() => setBox(null), [bounds.key]);
  const shown = useMemo(() => (box ? data.traces.filter(inside(box)) : data.traces), [box, data]);
  const filtered = FILTERS.some((name) => params[name]);
  if (!data.traces.length) {
    if (empty) return html`<${Onboarding} what="traces" />`;
    const clear = () => setParams(Object.fromEntries(FILTERS.map((name) => [name, ""])));
    return html`<${Nothing} onClear=${filtered ? clear : null}>No traces ${filtered ? "match these filters" : "in this time range"}.<//>`;
  }
  return html`
    <div class="scatter"><${Scatter} traces=${data.traces} bounds=${bounds} onSelect=${setBox} /></div>
    ${box && html`<${Selection} box=${box} found=${shown.length} onClear=${() => setBox(null)} />`}
    <${Table} label="Traces" columns=${COLUMNS} rows=${shown} link=${link} id=${(row) => row.trace_id} />`;
}

/** @param {{params: Record<string, string>, facets?: Record<string, string[]>}} props */
function FilterBar({ params, facets }) {
  const known = useRef({ services: [], models: [], stages: STAGES, labels: [] });
  if (facets) known.current = facets;
  const { services, models, stages, labels } = known.current;
  return html`
    <${Filters}>
      <${Select} name="service" label="Service" value=${params.service} options=${services} />
      <${Select} name="model" label="Model" value=${params.model} options=${models} />
      <${Select} name="stage" label="Stage" value=${params.stage} options=${stages} />
      <${Select} name="label" label="Label" value=${params.label} options=${labels} />
      <${TextFilter} name="min_ms" label="Min" value=${params.min_ms} placeholder="0" numeric unit="ms" width="w-s" />
      <${TextFilter} name="max_confidence" label="Confidence ≤" value=${params.max_confidence} placeholder="1" numeric width="w-s" />
      <${Toggle} name="error" label="errors only" value=${params.error} />
    <//>`;
}

export function TracesPage({ params, bounds, tick }) {
  const status = useStatus();
  const query = Object.fromEntries(FILTERS.map((name) => [name, params[name]]));
  const state = useData("/traces", { ...query, limit: LIMIT }, { tick, window: bounds });
  const { data } = state;
  return html`
    <div class="page-head"><h1>Traces</h1>
      ${data?.traces.length > 0 && html`<span class="muted">${data.total > data.traces.length ? `newest ${format.count(data.traces.length)} of ${format.count(data.total)}` : format.count(data.traces.length)}</span>
        <span class="grow"></span><span class="faint hint">Click a point to open it, drag to select</span>`}</div>
    <${FilterBar} params=${params} facets=${data?.facets} />
    <${Loaded} state=${state} what="Traces" rows=${14}>${(body) => html`
      <${Traces} data=${body} bounds=${bounds} params=${params} empty=${status && status.last_received === null} />`}<//>`;
}
