/** One service: how much, how well, how fast, for whom, by whom. */
import { Panel, Stat, Stats } from "../components/bits.js";
import { Chart } from "../components/chart.js";
import { Loaded, Nothing } from "../components/feedback.js";
import { Operations } from "../components/operations.js";
import { CallTable } from "../components/service-map.js";
import { useData } from "../lib/data.js";
import * as format from "../lib/format.js";
import { html, useMemo } from "../lib/html.js";
import { longerThan, spansOf } from "../lib/query.js";
import { href } from "../lib/router.js";
import { seconds, xRange } from "../lib/plots.js";
import { setRange } from "../lib/time.js";

const FAILING = 0.1;
const MAP_TICKS = 5;

const Tiles = ({ data, name }) => html`
  <${Stats} label="Now">
    <${Stat} label="Rate" value=${format.rate(data.rate)} note=${`${format.count(data.spans)} ${data.basis === "entries" ? "requests" : "spans"}`} href=${spansOf({ service: name })} />
    <${Stat} label="Errors" value=${format.percent(data.error_ratio)} fail=${data.error_ratio > FAILING} note=${format.count(data.errors)} href=${spansOf({ service: name }, "status=error")} />
    <${Stat} label="p50" value=${format.duration(data.p50)} />
    <${Stat} label="p95" value=${format.duration(data.p95)} href=${spansOf({ service: name }, longerThan(data.p95), { order: "slowest" })} />
    <${Stat} label="p99" value=${format.duration(data.p99)} href=${spansOf({ service: name }, longerThan(data.p99), { order: "slowest" })} />
  <//>`;

function Charts({ data, bounds }) {
  const x = useMemo(() => seconds(data.time), [data]);
  const range = xRange(bounds, data.time);
  const rates = useMemo(() => [
    { label: "requests", color: "--accent", values: data.rate_line, lonely: true },
    { label: "errors", color: "--fail", values: data.error_line, lonely: true },
  ], [data]);
  const latencies = useMemo(() => [
    { label: "p99", color: "--series-8", values: data.quantile_lines.p99, lonely: true },
    { label: "p95", color: "--series-1", values: data.quantile_lines.p95, lonely: true },
    { label: "p50", color: "--series-3", values: data.quantile_lines.p50, lonely: true },
  ], [data]);
  return html`<div class="grid2">
    <${Panel} title="Rate and errors"><${Chart} label="Rate and errors over time" x=${x} series=${rates} xRange=${range} yFormat=${format.rate} /><//>
    <${Panel} title="Durations"><${Chart} label="Durations over time" x=${x} series=${latencies} xRange=${range} yFormat=${format.duration} yTick=${format.durationTick} /><//>
  </div>`;
}

const Neighbours = ({ title, edges, none }) => html`
  <section class="panel wide" aria-label=${title}><header class="panel-head"><h2>${title}</h2></header>
    ${edges.length ? html`<${CallTable} edges=${edges} label=${title} />` : html`<p class="no-match faint">${none}</p>`}</section>`;

function Service({ data, name, calls, bounds }) {
  if (!data.operations.length) {
    return html`<${Nothing} onClear=${bounds.range === "all" ? null : () => setRange("all")} clear="Show all time">No spans of ${name} in this time range.<//>`;
  }
  return html`
    <${Tiles} data=${data} name=${name} />
    <${Charts} data=${data} bounds=${bounds} />
    <${Operations} rows=${data.operations} total=${data.total_operations} step=${data.step} service=${name} />
    <${Loaded} state=${calls} what="Who calls whom" rows=${4}>${(found) => html`
      <${Neighbours} title="Called by" edges=${found.edges.filter((edge) => edge.to === name)} none="No other service was seen to call it." />
      <${Neighbours} title="Calls" edges=${found.edges.filter((edge) => edge.from === name)} none="It was not seen to call another service." />`}<//>`;
}

export function ServicePage({ name, bounds, tick }) {
  const state = useData(`/services/${encodeURIComponent(name)}`, {}, { tick, window: bounds });
  const calls = useData("/calls", {}, { tick: Math.floor(tick / MAP_TICKS), window: bounds });
  return html`
    <div class="page-head"><h1 class="ellipsis"><a class="crumb" href=${href("/services")}>Services</a><span class="faint"> / </span>${name}</h1></div>
    <${Loaded} state=${state} what=${`Service ${name}`} rows=${14}>${(data) => html`<${Service} data=${data} name=${name} calls=${calls} bounds=${bounds} />`}<//>`;
}
