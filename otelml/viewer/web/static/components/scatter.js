/** Duration of traces over time: each a dot, or cells where there are too many, with dots for those listed. */
import * as format from "../lib/format.js";
import { html, useMemo } from "../lib/html.js";
import { xRange } from "../lib/plots.js";
import { colour } from "../lib/theme.js";
import { Chart } from "./chart.js";

const LEAST_MS = 0.001;

const traceDot = (row) => ({
  x: row.start / 1000, y: Math.max(row.duration, LEAST_MS), trace_id: row.trace_id, span_id: row.span_id, solid: true, color: row.error ? "--fail" : "--accent",
  alpha: row.error ? 0.95 : 0.5, size: row.error ? 3.5 : 3,
  title: `${row.title}, ${format.duration(row.duration)} at ${format.stamp(row.start)}${row.error ? ", failed" : ""}`,
});

/** The slowest trace of each cell in which one failed, so that a click reaches what is not listed. */
const failedDot = (map) => ([slot, bin, , , trace]) => ({
  x: (map.time[slot] + map.step / 2) / 1000, y: Math.sqrt(Math.max(map.edges[bin], LEAST_MS) * map.edges[bin + 1]), trace_id: trace,
  color: "--fail", alpha: 0.8, size: 2.5, title: "Some failed here. Click to open the slowest.",
});

function painter(map) {
  const top = Math.max(1, ...map.cells.map(([, , amount]) => amount));
  return (plot) => {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    ctx.fillStyle = colour("--accent");
    for (const [slot, bin, amount] of map.cells) {
      const left = plot.valToPos(map.time[slot] / 1000, "x", true);
      const right = plot.valToPos((map.time[slot] + map.step) / 1000, "x", true);
      const upper = plot.valToPos(map.edges[bin + 1], "y", true);
      const lower = plot.valToPos(Math.max(map.edges[bin], LEAST_MS / 2), "y", true);
      ctx.globalAlpha = 0.12 + 0.7 * Math.sqrt(amount / top);
      ctx.fillRect(Math.round(left), Math.round(upper), Math.max(1, Math.round(right) - Math.round(left) - 1), Math.max(1, Math.round(lower) - Math.round(upper)));
    }
    ctx.restore();
  };
}

/** What a screen reader hears of the cells: traces a slot of time. */
function cellRows(map) {
  const slots = new Map();
  for (const [slot, , amount, failed] of map.cells) {
    const [all, bad] = slots.get(slot) ?? [0, 0];
    slots.set(slot, [all + amount, bad + failed]);
  }
  return { head: ["Time", "Traces", "Failed"], body: [...slots].sort(([a], [b]) => a - b).map(([slot, [all, bad]]) => [format.stamp(map.time[slot]), format.count(all), format.count(bad)]) };
}

/** @param {{traces: object[], map: object|null, bounds: object, onSelect: (box: {x: number[], y: number[]}) => void}} props */
export function Scatter({ traces, map, bounds, onSelect }) {
  const ordered = useMemo(() => [...traces].sort((a, b) => a.start - b.start), [traces]);
  const dots = useMemo(() => [...(map ? map.cells.filter(([, , , failed]) => failed).map(failedDot(map)) : []),
    ...ordered.map(traceDot).sort((a, b) => (a.color === "--fail") - (b.color === "--fail"))], [ordered, map]);
  const x = useMemo(() => (map ? map.time.map((ms) => ms / 1000) : ordered.map((row) => row.start / 1000)), [ordered, map]);
  const series = useMemo(() => [{ label: "Duration", color: "--accent", kind: "none",
    values: map ? map.time.map(() => null) : ordered.map((row) => Math.max(row.duration, LEAST_MS)) }], [ordered, map]);
  const values = map ? [Math.max(map.edges[0], LEAST_MS), map.edges.at(-1)] : series[0].values;
  const yRange = values.length ? [Math.min(...values) / 1.4, Math.max(...values) * 1.4] : [1, 1000];
  const ends = map ? [map.time[0], map.time.at(-1) + map.step] : [ordered[0]?.start ?? 0, ordered.at(-1)?.start ?? 1];
  return html`<${Chart} label="Duration of traces over time" x=${x} series=${series} log select="box" height=${168} dots=${dots} legend=${false} paint=${map ? painter(map) : undefined} rows=${map ? cellRows(map) : undefined}
    xRange=${bounds.from ? xRange(bounds) : xRange(null, ends)} yRange=${yRange} yFormat=${format.duration} yTick=${format.durationTick} onSelect=${onSelect} />`;
}
