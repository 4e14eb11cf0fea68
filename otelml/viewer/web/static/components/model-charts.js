/** The four pictures of a model: stages, latency, labels, confidence. */
import * as format from "../lib/format.js";
import { html, useMemo } from "../lib/html.js";
import * as plots from "../lib/plots.js";
import { labelColour, stageColour } from "../lib/theme.js";
import { Panel } from "./bits.js";
import { Chart } from "./chart.js";

const NoData = () => html`<p class="chart-empty faint">Not reported in this time range</p>`;
const some = (values) => values.some((value) => value !== null && value !== undefined);

function Stages({ data, x, range }) {
  const series = useMemo(() => plots.stack(data.stages.map(({ stage, p50 }) => ({ label: stage, color: stageColour(stage), values: p50 })), "bars"), [data]);
  return html`<${Panel} title="Latency by stage" note="p50, stacked">
    ${series.some((each) => some(each.values)) ? html`<${Chart} label="Median latency by stage over time" x=${x} series=${series} reverse legend
      xRange=${range} yFormat=${format.duration} yTick=${format.durationTick} />` : html`<${NoData} />`}<//>`;
}

const exemplarDot = (exemplar) => ({
  x: exemplar.time / 1000, y: exemplar.value, trace_id: exemplar.trace_id, span_id: exemplar.span_id, solid: true, color: exemplar.error ? "--fail" : "--text",
  title: `${format.duration(exemplar.value)} at ${format.stamp(exemplar.time)}: open trace ${format.shortId(exemplar.trace_id)}`,
});

function Latency({ data, x, range, step }) {
  const map = useMemo(() => ({ time: data.time, step, ...data.heatmap }), [data]);
  const dots = useMemo(() => (data.exemplars ?? []).map(exemplarDot), [data]);
  const paint = useMemo(() => plots.heatmapPainter(map), [data]);
  const series = useMemo(() => [{ label: "p95", color: "--text-2", values: data.p95, width: 1.5 }], [data]);
  const yRange = plots.heatmapRange(map, dots.map((dot) => dot.y));
  return html`<${Panel} title="Latency" note="count by colour, line p95, ● opens a trace">
    ${data.heatmap?.counts?.length ? html`<${Chart} label="Latency heatmap" x=${x} series=${series} log height=${200} dots=${dots} paint=${paint} legend=${false}
      xRange=${range} yRange=${yRange} yFormat=${format.duration} yTick=${format.durationTick} rows=${plots.heatmapRows(map)} />` : html`<${NoData} />`}<//>`;
}

function Labels({ data, x, range }) {
  const series = useMemo(() => {
    const counts = plots.largest(Object.fromEntries(data.labels.map(({ label, counts: each }) => [label, each])));
    const all = plots.sum(Object.values(counts).map(plots.sum));
    const shares = plots.shares(counts);
    return plots.stack(Object.keys(shares).map((label, index) => ({
      label, color: labelColour(index), values: shares[label], whole: plots.sum(counts[label]) / all,
    })), "bars");
  }, [data]);
  return html`<${Panel} title="Labels" note="share of predictions">
    ${series.length ? html`<${Chart} label="Share of labels over time" x=${x} series=${series} reverse legend
      xRange=${range} yRange=${[0, 1]} yFormat=${format.percent} />` : html`<${NoData} />`}<//>`;
}

function Confidence({ data }) {
  const { edges = [], counts = [] } = data.confidence ?? {};
  const total = counts.reduce((sum, value) => sum + value, 0);
  const series = useMemo(() => [{ label: "predictions", color: "--label-1", fill: true, kind: "bars", values: counts }], [data]);
  return html`<${Panel} title="Confidence" note=${total ? `${format.count(total)} predictions` : ""}>
    ${total ? html`<${Chart} label="Confidence histogram" time=${false} select="none" x=${edges.slice(0, -1)} series=${series} legend=${false} height=${200}
      xRange=${[edges[0], edges.at(-1)]} xFormat=${(value) => format.ratio(value, 1)} xLabel="Confidence from" yFormat=${format.number} />` : html`<${NoData} />`}<//>`;
}

export function ModelCharts({ data, bounds }) {
  const x = useMemo(() => plots.seconds(data.time), [data]);
  const range = plots.xRange(bounds.fixed ? bounds : null, data.time);
  const step = data.step;
  return html`<div class="grid2">
    <${Stages} data=${data} x=${x} range=${range} />
    <${Latency} data=${data} x=${x} range=${range} step=${step} />
    <${Labels} data=${data} x=${x} range=${range} />
    <${Confidence} data=${data} />
  </div>`;
}
