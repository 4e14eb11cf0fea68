/** The predictions of a model, with the filters one needs at night. */
import { useData } from "../lib/data.js";
import * as format from "../lib/format.js";
import { html } from "../lib/html.js";
import { href, path, setParams } from "../lib/router.js";
import { TraceChip, When } from "./bits.js";
import { Loaded, Nothing } from "./feedback.js";
import { Toggle } from "./filters.js";
import { Table } from "./table.js";

const LIMIT = 100;

/** A number comes as text, with all its digits. */
const said = (value) => (value === null || value === "" ? "–" : Number.isFinite(Number(value)) ? format.number(Number(value)) : value);

const COLUMNS = [
  { key: "time", label: "Time", cell: (row) => html`<${When} ms=${row.time} millis />` },
  { key: "label", label: "Label", cell: (row) => (row.error ? html`<span class="fail">${row.error_type ?? "failed"}</span>` : row.label ?? said(row.value)) },
  { key: "actual", label: "Actual", minor: 1, cell: (row) => (row.actual ? html`<span class=${row.actual === row.label || row.value ? "" : "warn"}>${row.value ? said(row.actual) : row.actual}</span>` : html`<span class="faint">–</span>`) },
  { key: "confidence", label: "Confidence", num: true, cell: (row) => format.ratio(row.confidence) },
  { key: "duration", label: "Duration", num: true, cell: (row) => format.duration(row.duration) },
  { key: "rows", label: "Rows", num: true, minor: 1, cell: (row) => format.count(row.rows) },
  { key: "version", label: "Version", minor: 1 },
  { key: "trace_id", label: "Trace", grow: true, sort: false, cell: (row) => html`<${TraceChip} id=${row.trace_id} span=${row.span_id} />` },
];

const link = (row) => href(path("traces", row.trace_id), { span: row.span_id });

export function Predictions({ name, params, bounds, tick, labelled, classified }) {
  const state = useData(`${path("models", name)}/predictions`, { filter: params.show, version: params.version, limit: LIMIT }, { tick, window: bounds });
  const note = state.data && state.data.total > state.data.predictions.length
    ? `newest ${format.count(state.data.predictions.length)} of ${format.count(state.data.total)}` : "";
  return html`
    <section class="panel wide" aria-label="Predictions">
      <header class="panel-head"><h2>Predictions</h2><span class="faint ellipsis">${note}</span><span class="grow"></span>
        <div class="toggles" role="group" aria-label="Show only">
          <${Toggle} name="show" label="slow" value=${params.show} on="slow" />
          <${Toggle} name="show" label="failed" value=${params.show} on="failed" />
          <${Toggle} name="show" label="low confidence" value=${params.show} on="low_confidence" />
          ${((labelled && classified) || params.show === "wrong") && html`<${Toggle} name="show" label="wrong" value=${params.show} on="wrong" />`}
          ${(labelled || params.show === "unlabelled") && html`<${Toggle} name="show" label="unlabelled" value=${params.show} on="unlabelled" />`}
          <${Toggle} name="show" label="drifted" value=${params.show} on="drifted" />
        </div>
      </header>
      <${Loaded} state=${state} what="Predictions" rows=${6}>${(data) => (data.predictions.length
        ? html`<div class="tall"><${Table} label="Predictions" columns=${COLUMNS} rows=${data.predictions} link=${link} id=${(row) => row.span_id} hold=${`${params.show} ${params.version} ${bounds.key}`} /></div>`
        : html`<${Nothing} onClear=${params.show ? () => setParams({ show: "" }) : null}>No predictions match.<//>`)}<//>
    </section>`;
}
