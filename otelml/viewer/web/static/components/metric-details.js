/** What the points of a metric carry beside their values: least, largest, quantiles, exemplars. */
import * as format from "../lib/format.js";
import { html } from "../lib/html.js";
import { Panel, TraceChip, When } from "./bits.js";
import { Table } from "./table.js";

const MOST = 50;

const labels = (of) => Object.entries(of).map(([name, value]) => `${name}=${format.plain(value)}`).join(" ") || "–";

function columns(details, yFormat) {
  const quantiles = [...new Set(details.flatMap((each) => each.quantiles.map(({ quantile }) => quantile)))].sort((a, b) => a - b);
  const some = (key) => details.some((each) => each[key] !== null);
  const value = (row, quantile) => row.quantiles.find((each) => each.quantile === quantile)?.value ?? null;
  const number = (key, label, of) => ({ key, label, num: true, value: of, cell: (row) => yFormat(of(row)) });
  return [
    { key: "time", label: "Newest point", cell: (row) => html`<${When} ms=${row.time} />` },
    ...(some("min") ? [number("min", "Least", (row) => row.min)] : []),
    ...(some("max") ? [number("max", "Largest", (row) => row.max)] : []),
    ...quantiles.map((quantile) => number(`q${quantile}`, `p${Number((quantile * 100).toPrecision(6))}`, (row) => value(row, quantile))),
    { key: "labels", label: "Series", grow: true, value: (row) => labels(row.labels), cell: (row) => labels(row.labels) },
  ];
}

const exemplarColumns = (yFormat) => [
  { key: "time", label: "Time", cell: (row) => html`<${When} ms=${row.time} millis />` },
  { key: "value", label: "Value", num: true, cell: (row) => yFormat(row.value) },
  { key: "trace_id", label: "Trace", sort: false, cell: (row) => (row.trace_id ? html`<${TraceChip} id=${row.trace_id} span=${row.span_id} />` : html`<span class="faint">none was sent</span>`) },
  { key: "labels", label: "Series", grow: true, value: (row) => labels(row.attributes), cell: (row) => labels(row.attributes) },
];

const first = (rows) => (rows.length > MOST ? `first ${MOST} of ${format.count(rows.length)}` : "");

/** @param {{data: object, valueFormat: (value: number|null) => string}} props */
export function MetricDetails({ data, valueFormat }) {
  const { details, exemplars } = data;
  return html`
    ${details.length > 0 && html`<${Panel} title="As sent" note=${first(details)} wide>
      <${Table} label="Least, largest and quantiles as sent" columns=${columns(details, valueFormat)} rows=${details.slice(0, MOST)} id=${(row) => labels(row.labels)} hold=${data.name} /><//>`}
    ${exemplars.length > 0 && html`<${Panel} title="Exemplars" note=${first(exemplars)} wide>
      <${Table} label="Exemplars" columns=${exemplarColumns(valueFormat)} rows=${exemplars.slice(-MOST).reverse()} id=${(row) => `${row.time} ${row.trace_id} ${row.value} ${labels(row.attributes)}`} hold=${data.name} /><//>`}`;
}
