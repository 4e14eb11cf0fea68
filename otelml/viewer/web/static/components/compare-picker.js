/** Which trace to compare with: the other requests of the same operation, or any id. */
import { useData } from "../lib/data.js";
import { signed } from "../lib/difference.js";
import * as format from "../lib/format.js";
import { html, useState } from "../lib/html.js";
import { href, path, setParams } from "../lib/router.js";
import { When } from "./bits.js";
import { Loaded, Nothing } from "./feedback.js";
import { Choice } from "./filters.js";
import { Table } from "./table.js";

const LIMIT = 100;
const TRACE_ID = /^[0-9a-f]{32}$/i;

const columns = (first) => [
  { key: "start", label: "Start", cell: (row) => html`<${When} ms=${row.start} millis />` },
  { key: "duration", label: "Duration", num: true, cell: (row) => format.duration(row.duration) },
  { key: "difference", label: "Difference", num: true, value: (row) => row.duration - first.duration, cell: (row) => signed(row.duration - first.duration, "ms") },
  { key: "spans", label: "Spans", num: true, cell: (row) => format.count(row.spans) },
  { key: "version", label: "Version", minor: 1, cell: (row) => row.version ?? html`<span class="faint">–</span>` },
  { key: "label", label: "Label", minor: 1, cell: (row) => row.label ?? html`<span class="faint">–</span>` },
  { key: "error", label: "Status", grow: true, cell: (row) => (row.error ? html`<span class="fail">error</span>` : html`<span class="faint">ok</span>`) },
];

function ById() {
  const [text, setText] = useState("");
  const ready = TRACE_ID.test(text.trim());
  const submit = (event) => { event.preventDefault(); if (ready) setParams({ b: text.trim().toLowerCase() }, { replace: false }); };
  return html`<form class="by-id" onSubmit=${submit}>
    <label class="field w-l"><span>Trace id</span><input value=${text} onInput=${(event) => setText(event.target.value)} spellcheck="false" autocomplete="off" placeholder="32 hexadecimal digits" /></label>
    <button class="button" disabled=${!ready}>Compare</button></form>`;
}

function Others({ first, params, bounds }) {
  const order = params.order === "slowest" ? "slowest" : "newest";
  const root = first.spans[0];
  const query = { service: root.service, name: root.name, order, limit: LIMIT };
  const state = useData("/traces", query, { window: bounds });
  const link = (row) => href("/compare/traces", { a: params.a, b: row.trace_id });
  const rows = (data) => data.traces.filter((row) => row.trace_id !== first.trace_id && row.name === root.name);
  return html`
    <div class="filters"><span class="muted">Other requests of <b>${root.name}</b>, ${root.service}</span>
      <${Choice} label="Order" value=${order} options=${[["newest", "newest"], ["slowest", "slowest"]]} onChange=${(next) => setParams({ order: next })} /></div>
    <${Loaded} state=${state} what="Traces" rows=${8}>${(data) => (rows(data).length
      ? html`<${Table} key=${order} label="Traces to compare with" columns=${columns(first)} rows=${rows(data)} link=${link} id=${(row) => row.trace_id} />`
      : html`<${Nothing}>No other request of this operation in this time range.<//>`)}<//>`;
}

/** @param {{params: Record<string, string>, bounds: object}} props `params.a` is the first trace, where one is chosen */
export function ComparePicker({ params, bounds }) {
  const state = useData(params.a ? path("traces", params.a) : null);
  return html`
    <div class="page-head"><h1><a class="crumb" href=${href("/traces")}>Traces</a><span class="faint"> / </span>Compare</h1>
      <span class="muted">${params.a ? html`Pick the trace to lay beside <a class="underlined" href=${href(path("traces", params.a))}>${format.shortId(params.a)}</a>` : "Open a trace and choose “Compare with …”"}</span></div>
    ${params.a && html`<${ById} /><${Loaded} state=${state} what="Trace" rows=${4}>${(first) => html`<${Others} first=${first} params=${params} bounds=${bounds} />`}<//>`}`;
}
