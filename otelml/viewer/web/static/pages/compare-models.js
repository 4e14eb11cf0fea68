/** Two versions of a model: what did one do differently from the other? */
import { Panel } from "../components/bits.js";
import { Chart } from "../components/chart.js";
import { Failed, Loaded, Nothing } from "../components/feedback.js";
import { Findings, measureName } from "../components/findings.js";
import { Icon } from "../components/icons.js";
import { Table } from "../components/table.js";
import { useData } from "../lib/data.js";
import { inUnit, signed } from "../lib/difference.js";
import * as format from "../lib/format.js";
import { html, useMemo } from "../lib/html.js";
import { seconds, xRange } from "../lib/plots.js";
import { href, path, setParams } from "../lib/router.js";
import { setRange } from "../lib/time.js";

const COLOURS = { a: "--series-8", b: "--series-1" };
const SIDES = ["a", "b"];
const some = (values) => values.some((value) => value !== null);

const columns = (a, b) => [
  { key: "measure", label: "Measure", value: measureName, cell: measureName },
  { key: "a", label: a, num: true, cell: (line) => (line.a === null ? "–" : inUnit(line.a, line.unit)) },
  { key: "b", label: b, num: true, cell: (line) => (line.b === null ? "–" : inUnit(line.b, line.unit)) },
  { key: "difference", label: "Difference", num: true, cell: (line) => html`<span class=${line.certain ? "certain" : "muted"}>${signed(line.difference, line.unit)}</span>` },
  { key: "interval", label: "Interval", num: true, minor: 1, sort: false, cell: (line) => (line.lower === null ? "–" : `${signed(line.lower, line.unit)} to ${signed(line.upper, line.unit)}`) },
  { key: "certain", label: "Beyond chance", grow: true, cell: (line) => (line.certain ? "yes" : html`<span class="faint">${line.lower === null ? "–" : "no"}</span>`) },
];

const drifted = (side) => (side ? html`<span class=${side.detected ? "warn" : "faint"}>${side.detected ? "drifted" : "no"}${side.evidence !== null && ` · ${format.percent(side.evidence)} of the threshold`}</span>` : html`<span class="faint">–</span>`);
const driftColumns = (a, b) => [
  { key: "name", label: "Feature" },
  { key: "a", label: a, value: (row) => row.a?.evidence, cell: (row) => drifted(row.a) },
  { key: "b", label: b, grow: true, value: (row) => row.b?.evidence, cell: (row) => drifted(row.b) },
];

const rateOf = (counts, step) => counts.map((count) => (count * 1000) / step);
const shareOf = (parts, wholes) => parts.map((part, at) => (wholes[at] ? part / wholes[at] : null));
const normal = (counts) => { const sum = counts.reduce((total, value) => total + value, 0); return counts.map((value) => (sum ? value / sum : 0)); };

function Lines({ title, data, bounds, values, yFormat, note }) {
  const x = useMemo(() => seconds(data.time), [data]);
  const series = useMemo(() => SIDES.map((side) => ({ label: data[side].version, color: COLOURS[side], values: values(data.over_time[side]), lonely: true })), [data]);
  return html`<${Panel} title=${title} note=${note}>
    ${series.some((each) => some(each.values)) ? html`<${Chart} label=${`${title} of both versions over time`} x=${x} series=${series} legend
      xRange=${xRange(bounds.fixed ? bounds : null, data.time)} yFormat=${yFormat} />` : html`<p class="chart-empty faint">Not reported in this time range</p>`}<//>`;
}

function Confidence({ data }) {
  const { edges } = data.confidence;
  const series = useMemo(() => SIDES.map((side) => ({ label: data[side].version, color: COLOURS[side], kind: "steps", values: normal(data.confidence[side]) })), [data]);
  const any = SIDES.some((side) => data.confidence[side].some(Boolean));
  return html`<${Panel} title="Confidence" note="share of predictions">
    ${any ? html`<${Chart} label="Confidence of both versions" time=${false} select="none" x=${edges.slice(0, -1)} series=${series} legend height=${200}
      xRange=${[edges[0], edges.at(-1)]} xFormat=${(value) => format.ratio(value, 1)} xLabel="Confidence from" yFormat=${format.percent} />` : html`<p class="chart-empty faint">Not reported in this time range</p>`}<//>`;
}

function Comparison({ data, bounds }) {
  const [a, b] = SIDES.map((side) => data[side].version);
  const [first, second] = SIDES.map((side) => data[side]);
  return html`
    <${Findings} data=${data} />
    <div class="grid2">
      <${Lines} title="Predictions" note="per second" data=${data} bounds=${bounds} values=${(side) => rateOf(side.predictions, data.step)} yFormat=${format.rate} />
      <${Lines} title="Latency" note="p50" data=${data} bounds=${bounds} values=${(side) => side.p50} yFormat=${format.duration} />
      <${Lines} title="Errors" note="share of predictions" data=${data} bounds=${bounds} values=${(side) => shareOf(side.errors, side.predictions)} yFormat=${format.percent} />
      <${Confidence} data=${data} />
    </div>
    <section class="panel wide" aria-label="All numbers"><header class="panel-head"><h2>All numbers</h2>
      <span class="faint ellipsis">${format.count(first.predictions)} predictions of ${a}, ${format.count(second.predictions)} of ${b}; the intervals of all lines together hold with 95 %</span></header>
      <${Table} label="All numbers" columns=${columns(a, b)} rows=${data.measures} id=${(line) => `${line.measure} ${line.subject}`} />
    </section>
    ${data.drift.features.length > 0 && html`<section class="panel wide" aria-label="Drift"><header class="panel-head"><h2>Drift</h2>
      <span class="faint ellipsis">evidence of each against its reference${data.drift.left_out > 0 ? `; ${data.drift.left_out} features are left out` : ""}</span></header>
      <${Table} label="Drift of both versions" columns=${driftColumns(a, b)} rows=${data.drift.features} id=${(row) => row.name} /></section>`}`;
}

const Picker = ({ side, value, versions }) => html`
  <label class="field"><span class=${`side-mark ${side}`} aria-hidden="true"></span><span class="vh">${side === "a" ? "From version" : "To version"}</span>
    <select value=${value} onChange=${(event) => setParams({ [side]: event.target.value })}>
      ${versions.map((each) => html`<option key=${each.version} value=${each.version}>${each.version || "none"}</option>`)}</select></label>`;

const Pickers = ({ data }) => data.a && html`
  <${Picker} side="a" value=${data.a.version} versions=${data.versions} /><span class="muted">→</span><${Picker} side="b" value=${data.b.version} versions=${data.versions} />
  <button class="button with-icon" onClick=${() => setParams({ a: data.b.version, b: data.a.version })}><${Icon} name="swap" />Swap</button>`;

function Body({ data, bounds }) {
  if (!data.a) {
    return html`<${Nothing}>${data.name} has one version only: ${data.versions[0].version || "none"}. There is nothing to compare it with.<//>`;
  }
  const silent = SIDES.filter((side) => !data[side].predictions);
  if (silent.length && bounds.range !== "all") {
    return html`<${Nothing} onClear=${() => setRange("all")} clear="Show all time">No predictions of ${silent.map((side) => data[side].version).join(" or ")} in this time range.<//>`;
  }
  return html`<${Comparison} data=${data} bounds=${bounds} />`;
}

export function CompareModels({ name, params, bounds, tick }) {
  const state = useData(`/compare${path("models", name)}`, { a: params.a, b: params.b }, { tick, window: bounds });
  const head = html`<h1><a class="crumb" href=${href("/models")}>Models</a><span class="faint"> / </span><a class="crumb" href=${href(path("models", name))}>${name}</a><span class="faint"> / </span>Compare</h1>`;
  if (state.error?.status === 404) return html`<div class="page-head">${head}</div><${Failed} what="The comparison" error=${state.error} onRetry=${state.reload} />`;
  return html`
    <div class="compare-models">
      <div class="page-head">${head}<span class="grow"></span>${state.data && html`<${Pickers} data=${state.data} />`}</div>
      <${Loaded} state=${state} what="The comparison" rows=${14}>${(data) => html`<${Body} data=${data} bounds=${bounds} />`}<//>
    </div>`;
}
