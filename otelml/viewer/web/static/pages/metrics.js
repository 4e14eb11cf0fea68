/** Metrics: pick one, group it, see it, take its PromQL along. */
import { Chart } from "../components/chart.js";
import { Command, Loaded, Nothing, Onboarding } from "../components/feedback.js";
import { Choice } from "../components/filters.js";
import { MetricDetails } from "../components/metric-details.js";
import { MetricList } from "../components/metric-list.js";
import { Text } from "../components/pairs.js";
import { Where } from "../components/where.js";
import { useData } from "../lib/data.js";
import * as format from "../lib/format.js";
import { cls, html, useMemo } from "../lib/html.js";
import { useStatus } from "../lib/live.js";
import { ATTRIBUTE, METRIC } from "../lib/names.js";
import { seconds, xRange } from "../lib/plots.js";
import { setParams } from "../lib/router.js";
import { seriesColour, stageColour } from "../lib/theme.js";

const MOST_LINES = 12;
const AGGREGATES = { rate: "rate", sum: "sum", last: "last", avg: "mean", p50: "p50", p90: "p90", p95: "p95", p99: "p99" };

/** What tells the series apart, in words. */
export function seriesName(labels) {
  const names = Object.keys(labels);
  if (!names.length) return "all";
  if (names.length === 1) return format.plain(labels[names[0]]) || "–";
  return names.map((name) => `${name.split(".").at(-1)}=${format.plain(labels[name])}`).join(" ");
}

const lineColour = (labels, index) => (labels[ATTRIBUTE.stage] ? stageColour(labels[ATTRIBUTE.stage]) : seriesColour(index));

function valueFormat(data) {
  const perSecond = data.result_unit?.endsWith("/s");
  const unit = perSecond ? data.result_unit.slice(0, -2) : data.result_unit;
  return (value) => format.withUnit(value, unit, perSecond);
}

function exemplarDot(yFormat) {
  return (each) => ({
    x: each.time / 1000, y: each.value, trace_id: each.trace_id, span_id: each.span_id, color: "--text",
    title: `${yFormat(each.value)} at ${format.stamp(each.time)}: open trace ${format.shortId(each.trace_id)}`,
  });
}

function Picture({ data, bounds, filtered }) {
  const yFormat = valueFormat(data);
  const x = useMemo(() => seconds(data.time), [data]);
  const series = useMemo(() => data.series.slice(0, MOST_LINES).map((each, index) => ({
    label: seriesName(each.labels), color: lineColour(each.labels, index), values: each.values, lonely: true,
  })), [data]);
  const comparable = data.kind === "histogram" && data.agg !== "rate" && data.agg !== "sum";
  const dots = useMemo(() => (comparable ? data.exemplars.filter((each) => each.trace_id).map(exemplarDot(yFormat)) : []), [data]);
  const top = Math.max(0, ...series.flatMap((each) => each.values.map((value) => value ?? 0)), ...dots.map((dot) => dot.y));
  const low = Math.min(0, ...series.flatMap((each) => each.values.map((value) => value ?? 0)));
  if (!series.some((each) => each.values.some((value) => value !== null))) {
    return html`<${Nothing} onClear=${filtered ? () => setParams({ where: "" }) : null}>${data.no_buckets ? "The points of this range carry no buckets, so there is no quantile of them. Choose rate, mean or sum; least and largest are below where they were sent."
      : `Nothing was recorded ${filtered ? "that these filters leave" : "in this time range"}.`}<//>`;
  }
  return html`
    <${Chart} label=${`${data.name}, ${AGGREGATES[data.agg]}`} x=${x} series=${series} dots=${dots} height=${320} legend axisWidth=${64} yTick=${data.result_unit === "s" ? (value) => format.durationTick(value * 1e3) : undefined}
      xRange=${xRange(bounds.fixed ? bounds : null, data.time)} yRange=${[low * 1.08, top * 1.08 || 1]} yFormat=${yFormat} />
    <p class="chart-foot faint">
      ${comparable && (dots.length ? `○ ${dots.length} exemplars, each opens its trace. ` : "No exemplars in this range. ")}
      ${data.series.length > MOST_LINES || data.truncated ? `The ${Math.min(MOST_LINES, data.series.length)} largest series are drawn${data.truncated ? "" : ` of ${data.series.length}`}. ` : ""}
      One point per ${format.duration(data.step)}.
    </p>`;
}

function GroupBy({ metric, by }) {
  const change = (names) => setParams({ by: names.join(",") });
  const toggle = (name) => change(by.includes(name) ? by.filter((each) => each !== name) : [...by, name]);
  const others = [...metric.resource_attributes, ...metric.scope_attributes];
  const shown = [...metric.attributes, ...by.filter((name) => others.includes(name))];
  const more = others.filter((name) => !by.includes(name));
  return (shown.length > 0 || more.length > 0) && html`
    <div class="group-by" role="group" aria-label="Group by"><span class="muted">Group by</span>
      ${shown.map((name) => html`<button key=${name} class=${cls("toggle", by.includes(name) && "on")} aria-pressed=${by.includes(name)}
        onClick=${() => toggle(name)}>${name}</button>`)}
      ${more.length > 0 && html`<label class="field"><span class="vh">Group by an attribute of the resource or scope</span>
        <select value="" onChange=${(event) => event.target.value && toggle(event.target.value)}>
          <option value="">resource, scope …</option>
          ${more.map((name) => html`<option key=${name} value=${name}>${name}</option>`)}</select></label>`}</div>`;
}

/** Several values that a key may have are alternatives; of those it must not have, none may hold. */
function clauses(where) {
  const found = new Map();
  for (const { key, equal, value } of where) {
    const name = `${key} ${equal ? "=" : "≠"}`;
    found.set(name, [...(found.get(name) ?? []), value || "(none)"]);
  }
  return [...found].map(([name, values]) => `${name} ${values.join(name.endsWith("=") ? " or " : ", ")}`);
}

/** The query in words, beside its PromQL. */
export function sentence(data) {
  const where = clauses(data.where);
  return `${AGGREGATES[data.agg]} of ${data.name}${data.by.length ? ` by ${data.by.join(", ")}` : ""}${where.length ? `, where ${where.join(" and ")}` : ""}`;
}

const PromQL = ({ data }) => html`
  <h3 class="promql-title">PromQL</h3><${Command} text=${data.promql} />
  ${data.promql_needs.length > 0 && html`<p class="chart-foot muted">Needs <code>${data.promql_needs.join(", ")}</code> in Prometheus' configuration, which makes the scope a label.</p>`}`;

function Metric({ metric, params, bounds, tick }) {
  const agg = metric.aggs.includes(params.agg) ? params.agg : metric.default_agg;
  const keys = [...metric.attributes, ...metric.resource_attributes, ...metric.scope_attributes];
  const by = (params.by ?? "").split(",").filter((name) => keys.includes(name));
  const which = { name: metric.name, kind: metric.kind, unit: metric.unit };
  const state = useData("/metrics/query", { ...which, agg, by: by.join(","), where: params.where }, { tick, window: bounds });
  const values = (key) => ["/metrics/query", { ...which, by: key }, (data) => data.values[key] ?? []];
  return html`
    <section class="metric" aria-label=${metric.name}>
      <header class="metric-head"><h2 class="mono" title=${metric.name}>${metric.name}</h2>
        <span class="muted">${metric.kind}${format.unitName(metric.unit) && `, ${format.unitName(metric.unit)}`}, ${format.count(metric.series)} series</span></header>
      <div class="muted metric-about"><${Text} text=${metric.description || "No description was sent."} /></div>
      <div class="metric-controls">
        <${Choice} label="Aggregate" value=${agg} options=${metric.aggs.map((name) => [name, AGGREGATES[name] ?? name])} onChange=${(next) => setParams({ agg: next })} />
        <${GroupBy} metric=${metric} by=${by} />
      </div>
      <div class="filters" role="group" aria-label="Filters"><${Where} where=${params.where} keys=${keys} bounds=${bounds} source=${values} /></div>
      <${Loaded} state=${state} what="The query" rows=${9}>${(data) => html`
        <div class="query"><p class="chart-foot query-words">${sentence(data)}</p><${Picture} data=${data} bounds=${bounds} filtered=${Boolean(params.where)} /></div>
        <${PromQL} data=${data} />
        <${MetricDetails} data=${data} valueFormat=${(value) => format.withUnit(value, data.unit)} />`}<//>
    </section>`;
}

/** The metric that says most, where nobody has picked one. */
const FIRST = [METRIC.predictionDuration, "http.server.request.duration"];
function firstMetric(metrics) {
  for (const name of FIRST) {
    const found = metrics.find((each) => each.name === name);
    if (found) return found;
  }
  return metrics[0];
}

function Metrics({ data, params, bounds, tick, empty }) {
  if (!data.metrics.length) {
    return empty ? html`<${Onboarding} what="metrics" />` : html`<${Nothing}>No metrics in this time range.<//>`;
  }
  const metric = data.metrics.find((each) => each.name === params.name && each.kind === params.kind && each.unit === (params.unit ?? ""))
    ?? data.metrics.find((each) => each.name === params.name) ?? firstMetric(data.metrics);
  return html`<div class="explorer"><h1 class="vh">Metrics</h1>
    <${MetricList} metrics=${data.metrics} selected=${metric} />
    <${Metric} key=${`${metric.name} ${metric.kind} ${metric.unit}`} metric=${metric} params=${params} bounds=${bounds} tick=${tick} />
  </div>`;
}

export function MetricsPage({ params, bounds, tick }) {
  const status = useStatus();
  const state = useData("/metrics", {}, { tick, window: bounds });
  return html`<${Loaded} state=${state} what="Metrics" rows=${16} head=${html`<div class="page-head"><h1>Metrics</h1></div>`}>${(data) => html`
    <${Metrics} data=${data} params=${params} bounds=${bounds} tick=${tick} empty=${status && status.last_received === null} />`}<//>`;
}
