/** One model: is it the model, and since when? */
import { Stat, Stats, State, When } from "../components/bits.js";
import { Drift } from "../components/drift.js";
import { Loaded, Nothing } from "../components/feedback.js";
import { ModelCharts } from "../components/model-charts.js";
import { Predictions } from "../components/predictions.js";
import { Quality } from "../components/quality.js";
import { Table } from "../components/table.js";
import { useData } from "../lib/data.js";
import * as format from "../lib/format.js";
import { html } from "../lib/html.js";
import { href, path, setParams } from "../lib/router.js";
import { setRange } from "../lib/time.js";

const VERSIONS = [
  { key: "version", label: "Version", cell: (row) => html`${row.version || "–"}${row.variant && html`${" "}<span class="tag">${row.variant}</span>`}` },
  { key: "predictions", label: "Predictions", num: true, cell: (row) => format.count(row.predictions) },
  { key: "rate", label: "Rate", num: true, minor: 1, cell: (row) => format.rate(row.rate) },
  { key: "error_ratio", label: "Errors", num: true, cell: (row) => format.percent(row.error_ratio) },
  { key: "p50", label: "p50", num: true, minor: 1, cell: (row) => format.duration(row.p50) },
  { key: "p95", label: "p95", num: true, cell: (row) => format.duration(row.p95) },
  { key: "confidence", label: "Confidence", num: true, cell: (row) => format.ratio(row.confidence, 2) },
  { key: "first_seen", label: "First seen", num: true, minor: 1, cell: (row) => html`<${When} ms=${row.first_seen} />` },
  { key: "last_seen", label: "Last seen", num: true, minor: 1, cell: (row) => html`<${When} ms=${row.last_seen} relative />` },
  { key: "state", label: "State", grow: true, cell: (row) => html`<${State} state=${row.state} />` },
];

const Accuracy = ({ accuracy }) => accuracy && html`
  <${Stat} label="Accuracy" value=${format.ratio(accuracy.value)} title="With its 95 % interval, from delayed labels"
    note=${`±${format.ratio((accuracy.upper - accuracy.lower) / 2)} (${format.count(accuracy.labels)} labels)`} />`;

const Errors = ({ regression }) => regression && html`
  <${Stat} label="MAE" value=${format.number(regression.mae.value)} title="Mean absolute error with its 95 % interval, from delayed labels"
    note=${`±${format.number((regression.mae.upper - regression.mae.lower) / 2)} (${format.count(regression.labels)} labels)`} />
  <${Stat} label="RMSE" value=${format.number(regression.rmse)} title="Root of the mean squared error, from delayed labels" />`;

const Tiles = ({ totals }) => html`
  <${Stats} label="Now">
    <${Stat} label="Traffic" value=${format.rate(totals.rate)} note=${`${format.count(totals.predictions)} predictions`} />
    <${Stat} label="Errors" value=${format.percent(totals.error_ratio)} fail=${totals.state === "failing"} note=${format.count(totals.errors)} />
    <${Stat} label="p50" value=${format.duration(totals.p50)} />
    <${Stat} label="p95" value=${format.duration(totals.p95)} />
    <${Stat} label="p99" value=${format.duration(totals.p99)} />
    <${Stat} label="Confidence" value=${format.ratio(totals.confidence, 2)} note="median" />
    <${Accuracy} accuracy=${totals.accuracy} />
    <${Errors} regression=${totals.regression} />
    ${totals.feedback > 0 && !totals.accuracy && !totals.regression && html`<${Stat} label="Feedback" value=${format.count(totals.feedback)} note="labels" />`}
  <//>`;

const VersionPicker = ({ versions, value }) => versions.length > 1 && html`
  <label class="field"><span>Version</span>
    <select value=${value ?? ""} onChange=${(event) => setParams({ version: event.target.value })}>
      <option value="">all</option>
      ${versions.map((each) => html`<option key=${each.version} value=${each.version}>${each.version}</option>`)}
    </select></label>`;

function Model({ data, name, params, bounds, tick }) {
  const { totals, versions } = data;
  if (!totals?.predictions) {
    return html`<${Nothing} onClear=${() => setRange("all")} clear="Show all time">No predictions of ${name} in this time range.<//>`;
  }
  const versionLink = (row) => href(path("models", name), { version: row.version });
  return html`
    <${Tiles} totals=${totals} />
    <${ModelCharts} data=${data} bounds=${bounds} />
    <${Drift} name=${name} params=${params} bounds=${bounds} tick=${tick} />
    <${Quality} name=${name} params=${params} bounds=${bounds} tick=${tick} />
    <${Predictions} name=${name} params=${params} bounds=${bounds} tick=${tick} labelled=${totals.feedback > 0} classified=${Boolean(totals.accuracy)} />
    <section class="panel wide" aria-label="Versions"><header class="panel-head"><h2>Versions</h2></header>
      <${Table} label="Versions" columns=${VERSIONS} rows=${versions} link=${versionLink} id=${(row) => `${row.version} ${row.variant}`} />
    </section>`;
}

export function ModelPage({ name, params, bounds, tick }) {
  const state = useData(path("models", name), { version: params.version }, { tick, window: bounds });
  const { data } = state;
  const head = data?.totals;
  return html`
    <div class="page-head">
      <h1 title=${name}><a class="crumb" href=${href("/models")}>Models</a><span class="faint"> / </span>${name}${params.version && html`${" "}<span class="muted">${params.version}</span>`}</h1>
      ${head?.state && html`<${State} state=${head.state} />`}
      ${head?.variant && html`<span class="tag">${head.variant}</span>`}
      <span class="muted ellipsis">${head?.framework}</span>
      <span class="grow"></span>
      ${data?.versions.length > 1 && html`<a class="button link" href=${href(`/compare${path("models", name)}`, { b: params.version })}>Compare versions</a>`}
      ${data && html`<${VersionPicker} versions=${data.versions} value=${params.version} />`}
    </div>
    <${Loaded} state=${state} what=${`Model ${name}`} rows=${14}>${(body) => html`
      <${Model} data=${body} name=${name} params=${params} bounds=${bounds} tick=${tick} />`}<//>`;
}
