/** All services: rate, errors, durations; who calls whom; every operation. */
import { Sparkline } from "../components/bits.js";
import { Loaded, Nothing, Onboarding } from "../components/feedback.js";
import { Operations } from "../components/operations.js";
import { ServiceMap } from "../components/service-map.js";
import { Table } from "../components/table.js";
import { useData } from "../lib/data.js";
import * as format from "../lib/format.js";
import { html } from "../lib/html.js";
import { useStatus } from "../lib/live.js";
import { longerThan, spansOf } from "../lib/query.js";
import { href, path } from "../lib/router.js";
import { setRange } from "../lib/time.js";

// The map joins every call with its caller: it is asked for less often.
const MAP_TICKS = 5;

const COLUMNS = [
  { key: "name", label: "Service", cell: (row) => html`<strong>${row.name}</strong>` },
  { key: "rate", label: "Rate", num: true, cell: (row) => html`<a class="figure" href=${spansOf({ service: row.name })}>${format.rate(row.rate)}</a>` },
  { key: "sparkline", label: "Trend", sort: false, minor: 1, cell: (row) => html`<${Sparkline} values=${row.sparkline} label=${`Requests of ${row.name} over time`} />` },
  { key: "error_ratio", label: "Errors", num: true, cell: (row) => (row.errors ? html`<a class="fail" href=${spansOf({ service: row.name }, "status=error")}>${format.percent(row.error_ratio)}</a>` : html`<span class="faint">0</span>`) },
  { key: "p50", label: "p50", num: true, minor: 1, cell: (row) => format.duration(row.p50) },
  { key: "p95", label: "p95", num: true, cell: (row) => html`<a class="figure" href=${spansOf({ service: row.name }, longerThan(row.p95), { order: "slowest" })}>${format.duration(row.p95)}</a>` },
  { key: "p99", label: "p99", num: true, cell: (row) => html`<a class="figure" href=${spansOf({ service: row.name }, longerThan(row.p99), { order: "slowest" })}>${format.duration(row.p99)}</a>` },
  { key: "spans", label: "Requests", minor: 1, grow: true, cell: (row) => html`${format.count(row.spans)}${row.basis === "spans" && html` <span class="faint" title="It has no request or message of its own: all its spans are counted">spans</span>`}` },
];

function Services({ data, calls, bounds, empty }) {
  if (!data.services.length) {
    if (empty) return html`<${Onboarding} what="spans" />`;
    return html`<${Nothing} onClear=${bounds.range === "all" ? null : () => setRange("all")} clear="Show all time">No spans ${bounds.range === "all" ? "stored" : "in this time range"}.<//>`;
  }
  return html`
    <${Table} label="Services" columns=${COLUMNS} rows=${data.services} link=${(row) => href(path("services", row.name))} id=${(row) => row.name} />
    <${Loaded} state=${calls} what="The map" rows=${4}>${(found) => html`<${ServiceMap} calls=${found} services=${data.services} />`}<//>
    <${Operations} rows=${data.operations} total=${data.total_operations} step=${data.step} />`;
}

export function ServicesPage({ bounds, tick }) {
  const status = useStatus();
  const state = useData("/red", {}, { tick, window: bounds });
  const calls = useData("/calls", {}, { tick: Math.floor(tick / MAP_TICKS), window: bounds });
  const many = state.data?.services.length;
  return html`
    <div class="page-head"><h1>Services</h1>${many > 0 && html`<span class="muted">${many} service${many > 1 ? "s" : ""}</span>`}</div>
    <${Loaded} state=${state} what="Services">${(data) => html`<${Services} data=${data} calls=${calls} bounds=${bounds} empty=${status && status.last_received === null} />`}<//>`;
}
