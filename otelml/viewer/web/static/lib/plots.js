/** From the API's arrays to what `Chart` draws. */
import * as format from "./format.js";
import { colour } from "./theme.js";

export const seconds = (times) => times.map((ms) => ms / 1000);

/**
 * Cumulates series so that each is drawn over the one above it: the topmost first.
 * @param {{label: string, color: string, values: (number|null)[]}[]} parts bottom first
 * @param {"line"|"bars"|"steps"} kind
 */
export function stack(parts, kind = "line") {
  const totals = [];
  const layers = parts.map((part) => {
    const values = part.values.map((value, at) => {
      if (value === null || value === undefined) return parts.some((each) => each.values[at] != null) ? totals[at] ?? 0 : null;
      totals[at] = (totals[at] ?? 0) + value;
      return totals[at];
    });
    return { ...part, kind: kind === "line" ? undefined : kind, values, shown: part.values, fill: true };
  });
  return layers.reverse();
}

/** Counts by name to shares of each slot; a slot with nothing is a gap. */
export function shares(counts) {
  const names = Object.keys(counts);
  const length = names.length ? counts[names[0]].length : 0;
  const totals = Array.from({ length }, (_, at) => names.reduce((sum, name) => sum + (counts[name][at] ?? 0), 0));
  return Object.fromEntries(names.map((name) => [name, counts[name].map((value, at) => (totals[at] ? (value ?? 0) / totals[at] : null))]));
}

export const sum = (values) => values.reduce((total, value) => total + (value ?? 0), 0);

/** Keeps the `most` largest series by sum; the rest is one more, `other`. */
export function largest(counts, most = 6) {
  const names = Object.keys(counts).sort((a, b) => sum(counts[b]) - sum(counts[a]) || a.localeCompare(b));
  if (names.length <= most) return Object.fromEntries(names.map((name) => [name, counts[name]]));
  const kept = names.slice(0, most);
  const rest = names.slice(most);
  const other = counts[names[0]].map((_, at) => rest.reduce((total, name) => total + (counts[name][at] ?? 0), 0));
  return { ...Object.fromEntries(kept.map((name) => [name, counts[name]])), other };
}

/** Axis ends in seconds: the window's, else the data's. */
export function xRange(bounds, times) {
  if (bounds?.from && bounds?.to) return [bounds.from / 1000, bounds.to / 1000];
  if (!times?.length) return undefined;
  const step = (times.length > 1 ? times[1] - times[0] : 0) || 60e3;
  return [times[0] / 1000, (times.at(-1) + step) / 1000];
}

/**
 * Paints counts by time and value as cells; darker is more.
 * @param {{time: number[], step: number, edges: number[], counts: number[][]}} map ms, `edges` has one more than a column
 */
export function heatmapPainter(map) {
  const top = Math.max(1, ...map.counts.flat());
  return (plot) => {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    ctx.fillStyle = colour("--accent");
    map.counts.forEach((column, slot) => {
      const left = plot.valToPos(map.time[slot] / 1000, "x", true);
      const right = plot.valToPos((map.time[slot] + map.step) / 1000, "x", true);
      column.forEach((amount, bin) => {
        if (!amount) return;
        const upper = plot.valToPos(map.edges[bin + 1], "y", true);
        const lower = plot.valToPos(Math.max(map.edges[bin], map.edges[1] / 10), "y", true);
        ctx.globalAlpha = 0.14 + 0.76 * Math.sqrt(amount / top);
        ctx.fillRect(Math.round(left), Math.round(upper), Math.max(1, Math.round(right) - Math.round(left) - 1), Math.max(1, Math.round(lower) - Math.round(upper) - 1));
      });
    });
    ctx.restore();
  };
}

/** The value range of the occupied cells. */
export function heatmapRange(map, extra = []) {
  let low = Infinity;
  let high = 0;
  for (const column of map.counts) {
    column.forEach((amount, bin) => {
      if (!amount) return;
      low = Math.min(low, Math.max(map.edges[bin], map.edges[1] / 10));
      high = Math.max(high, map.edges[bin + 1]);
    });
  }
  for (const value of extra) { low = Math.min(low, value); high = Math.max(high, value); }
  return high ? [low / 1.15, high * 1.15] : [1, 100];
}

/** The heatmap as rows: one value bin a line, the total of each. */
export function heatmapRows(map) {
  const bins = map.edges.slice(0, -1).map((edge, bin) => [
    `${format.duration(edge)} – ${format.duration(map.edges[bin + 1])}`,
    map.counts.reduce((sum, column) => sum + (column[bin] ?? 0), 0),
  ]).filter(([, amount]) => amount);
  return { head: ["Latency", "Predictions"], body: bins.map(([range, amount]) => [range, format.count(amount)]) };
}
