/** What services do, a line an operation; each number leads to the spans that it is of. */
import * as format from "../lib/format.js";
import { html } from "../lib/html.js";
import { longerThan, spansOf } from "../lib/query.js";
import { zoom } from "../lib/time.js";
import { Sparkline } from "./bits.js";
import { Table } from "./table.js";

const known = (row) => ({ service: row.service, operation: row.name, kind: row.kind });
const factor = (ratio) => Math.max(ratio, 1 / ratio);

export const times = (ratio) => `×${ratio >= 10 ? Math.round(ratio) : Number(ratio.toFixed(1))}`;

/** Since when it is slower or faster; a click shows the time around. */
function Change({ change, step }) {
  if (!change) return html`<span class="faint">–</span>`;
  const slower = change.ratio > 1;
  const said = `${times(factor(change.ratio))} ${slower ? "slower" : "faster"} since ${format.clock(change.since, { seconds: step < 60e3 })}`;
  return html`<button class=${`change ${slower ? "warn" : "muted"}`} onClick=${() => zoom(change.since - 15 * step, change.since + 15 * step)}
    title=${`${format.stamp(change.since)}: p50 ${format.duration(change.p50[0])} before, ${format.duration(change.p50[1])} after; p95 ${format.duration(change.p95[0])}, then ${format.duration(change.p95[1])}. Click to see the time around it.`}>${said}</button>`;
}

const Number_ = ({ to, children, fail }) => html`<a class=${fail ? "fail" : "figure"} href=${to}>${children}</a>`;

const columns = (step, service) => [
  { key: "name", label: "Operation", class: "title-cell", cell: (row) => html`<span title=${row.name ?? ""}>${row.name === null ? "names beyond the limit" : row.name || "(no name)"}</span>` },
  ...(service ? [] : [{ key: "service", label: "Service" }]),
  { key: "rate", label: "Rate", num: true, cell: (row) => html`<${Number_} to=${spansOf(known(row))}>${format.rate(row.rate)}<//>` },
  { key: "error_ratio", label: "Errors", num: true, cell: (row) => (row.errors ? html`<${Number_} fail to=${spansOf(known(row), "status=error")}>${format.percent(row.error_ratio)}<//>` : html`<span class="faint">0</span>`) },
  { key: "p50", label: "p50", num: true, minor: 1, cell: (row) => format.duration(row.p50) },
  { key: "p95", label: "p95", num: true, cell: (row) => html`<${Number_} to=${spansOf(known(row), longerThan(row.p95), { order: "slowest" })}>${format.duration(row.p95)}<//>` },
  { key: "p99", label: "p99", num: true, minor: 1, cell: (row) => html`<${Number_} to=${spansOf(known(row), longerThan(row.p99), { order: "slowest" })}>${format.duration(row.p99)}<//>` },
  { key: "p95_line", label: "p95 over time", sort: false, minor: 1, cell: (row) => html`<${Sparkline} values=${row.p95_line} label=${`p95 of ${row.name} over time`} />` },
  { key: "change", label: "Change", value: (row) => (row.change ? Math.abs(Math.log(row.change.ratio)) : null), cell: (row) => html`<${Change} change=${row.change} step=${step} />` },
  { key: "kind", label: "Kind", minor: 1, grow: true, cell: (row) => html`<span class="muted">${row.kind}${row.peers.length > 0 && ` to ${row.peers.join(", ")}`}</span>` },
];

/** @param {{rows: object[], total: number, step: number, service?: string}} props `service` where all are of one */
export const Operations = ({ rows, total, step, service }) => html`
  <section class="panel wide" aria-label="Operations">
    <header class="panel-head"><h2>Operations</h2><span class="faint ellipsis">${total > rows.length ? `the busiest ${format.count(rows.length)} of ${format.count(total)}` : format.count(total)}</span></header>
    <${Table} label="Operations" columns=${columns(step, service)} rows=${rows} link=${(row) => spansOf(known(row))}
      id=${(row) => `${row.service} ${row.name} ${row.kind}`} />
  </section>`;
