/** All models: one line a version. */
import { Sparkline, State, When } from "../components/bits.js";
import { Loaded, Nothing, Onboarding } from "../components/feedback.js";
import { Table } from "../components/table.js";
import { useData } from "../lib/data.js";
import * as format from "../lib/format.js";
import { html } from "../lib/html.js";
import { useStatus } from "../lib/live.js";
import { href, path } from "../lib/router.js";
import { setRange } from "../lib/time.js";

const Accuracy = ({ accuracy, regression }) => (regression
  ? html`<span class="muted">MAE</span> ${format.number(regression.mae.value)} <span class="faint">±${format.number((regression.mae.upper - regression.mae.lower) / 2)} (${format.count(regression.labels)})</span>`
  : accuracy ? html`${format.ratio(accuracy.value)} <span class="faint">±${format.ratio((accuracy.upper - accuracy.lower) / 2)} (${format.count(accuracy.labels)})</span>`
  : html`<span class="faint">–</span>`);

const errorShare = (row) => html`<span class=${row.state === "failing" ? "fail" : ""}>${format.percent(row.error_ratio)}</span>`;

const drifted = (row) => (row.drifted ? html`<span class="warn">${format.count(row.drifted)}</span>`
  : html`<span class="faint" title=${row.drifted === 0 ? "No feature has drifted" : "Nothing watches it for drift"}>${row.drifted === 0 ? "0" : "–"}</span>`);

const COLUMNS = [
  { key: "name", label: "Model", cell: (row) => html`<strong>${row.name}</strong>${" "}<span class="muted">${row.version}</span>${row.variant && html`${" "}<span class="tag">${row.variant}</span>`}` },
  { key: "state", label: "State", cell: (row) => html`<${State} state=${row.state} />` },
  { key: "rate", label: "Predictions", num: true, cell: (row) => format.rate(row.rate) },
  { key: "sparkline", label: "Trend", sort: false, minor: 1, cell: (row) => html`<${Sparkline} values=${row.sparkline} label=${`Predictions of ${row.name} over time`} />` },
  { key: "error_ratio", label: "Errors", num: true, cell: errorShare },
  { key: "p50", label: "p50", num: true, minor: 1, cell: (row) => format.duration(row.p50) },
  { key: "p95", label: "p95", num: true, cell: (row) => format.duration(row.p95) },
  { key: "p99", label: "p99", num: true, minor: 1, cell: (row) => format.duration(row.p99) },
  { key: "confidence", label: "Confidence", num: true, minor: 1, cell: (row) => format.ratio(row.confidence, 2) },
  { key: "accuracy", label: "Accuracy", num: true, minor: 1, value: (row) => row.accuracy?.value, cell: (row) => html`<${Accuracy} accuracy=${row.accuracy} regression=${row.regression} />` },
  { key: "feedback", label: "Labels", num: true, minor: 2, cell: (row) => format.count(row.feedback) },
  { key: "drifted", label: "Drifted", num: true, minor: 1, cell: drifted },
  { key: "last_seen", label: "Last seen", num: true, minor: 1, cell: (row) => html`<${When} ms=${row.last_seen} relative />` },
  { key: "framework", label: "Framework", minor: 2, grow: true, cell: (row) => html`<span class="muted">${row.framework ?? "–"}</span>` },
];

const link = (row) => href(path("models", row.name), { version: row.version });

function Models({ data, bounds, empty }) {
  if (data.models.length) {
    return html`<${Table} label="Models" columns=${COLUMNS} rows=${data.models} link=${link}
      id=${(row) => `${row.name} ${row.version} ${row.variant}`} mark=${(row) => (row.state === "failing" ? "is-failing" : "")} hold=${bounds.key} />`;
  }
  if (empty) return html`<${Onboarding} what="predictions" />`;
  return html`<${Nothing} onClear=${bounds.range === "all" ? null : () => setRange("all")} clear="Show all time">
    No predictions ${bounds.range === "all" ? "stored" : "in this time range"}.<//>`;
}

export function ModelsPage({ bounds, tick }) {
  const status = useStatus();
  const state = useData("/models", {}, { tick, window: bounds });
  const models = state.data?.models.length;
  return html`
    <div class="page-head"><h1>Models</h1>${models > 0 && html`<span class="muted">${models} version${models > 1 ? "s" : ""}</span>`}</div>
    <${Loaded} state=${state} what="Models">${(data) => html`<${Models} data=${data} bounds=${bounds} empty=${status && status.last_received === null} />`}<//>`;
}
