/** uPlot options shared by every chart: axes, scales, cursor, colours of the present theme. */
import * as format from "../lib/format.js";
import { colour } from "../lib/theme.js";

const FONT = '11px system-ui, -apple-system, "Segoe UI", sans-serif';
const DAY_S = 86400;

/** Labels of a time axis in the local zone; the day where one begins. */
function timeLabels(_plot, splits, _axis, _space, step) {
  return splits.map((s) => {
    const at = new Date(s * 1000);
    const midnight = at.getHours() === 0 && at.getMinutes() === 0 && at.getSeconds() === 0;
    if (step >= DAY_S || midnight) return `${at.getMonth() + 1}-${String(at.getDate()).padStart(2, "0")}`;
    return format.clock(s * 1000, { seconds: step < 60 });
  });
}

/** On a logarithmic axis: 1, 2 and 5 of a decade when there is room, else whole decades. */
function logFilter(plot, splits) {
  const { min, max } = plot.scales.y;
  const wide = max / min > 300;
  return splits.map((value) => {
    const lead = Math.round(value / 10 ** Math.floor(Math.log10(value) + 1e-9));
    return lead === 1 || (!wide && (lead === 2 || lead === 5)) ? value : null;
  });
}

function axis(extra) {
  return {
    font: FONT, stroke: colour("--text-3"), grid: { stroke: colour("--line"), width: 1 },
    ticks: { show: false }, gap: 6, ...extra,
  };
}

function path(series) {
  const { paths } = globalThis.uPlot;
  if (series.kind === "none") return () => null;
  if (series.kind === "bars") return paths.bars({ size: [0.86, 48], align: series.align ?? 1 });
  if (series.kind === "steps") return paths.stepped({ align: 1 });
  return paths.linear();
}

function plotSeries(series) {
  const stroke = colour(series.color);
  return {
    label: series.label,
    stroke: series.fill && series.kind !== "line" ? undefined : stroke,
    fill: series.fill ? stroke : undefined,
    width: series.width ?? (series.fill ? 0 : 1.5),
    dash: series.dash,
    paths: path(series),
    points: { show: series.lonely ? isolated : false, size: 4, fill: stroke, stroke },
    spanGaps: false,
  };
}

/** Points that no line reaches would not be seen: they are drawn as dots. */
function isolated(plot, index) {
  const values = plot.data[index];
  return values.some((value, at) => value != null && values[at - 1] == null && values[at + 1] == null)
    && values.filter((value) => value != null).length < 40;
}

/**
 * @param {object} spec see `Chart`
 * @param {{width: number, height: number}} size
 * @param {() => object} latest the newest props, read when uPlot asks
 * @param {object} hooks
 */
export function plotOptions(spec, size, latest, hooks) {
  const time = spec.time !== false;
  const yFormat = (value) => (value === null ? "" : (latest().yTick ?? latest().yFormat)(value));
  return {
    ...size,
    padding: [8, 12, 0, 0],
    legend: { show: false },
    focus: { alpha: 1 },
    scales: {
      x: { time, range: (_plot, min, max) => latest().xRange ?? widen(min, max) },
      y: spec.log
        ? { distr: 3, log: 10, range: (_plot, min, max) => latest().yRange ?? [min * 0.8, max * 1.25] }
        : { range: (_plot, _min, max) => latest().yRange ?? [Math.min(0, _min ?? 0), headroom(max)] },
    },
    axes: [
      axis({ size: 24, space: time ? 64 : 44, grid: { show: false }, values: time ? timeLabels : (_plot, splits) => splits.map(latest().xFormat ?? format.number) }),
      axis({
        size: spec.axisWidth ?? 56, space: 28, values: (_plot, splits) => splits.map(yFormat),
        ...(spec.log ? { filter: logFilter, grid: { stroke: colour("--line"), width: 1, filter: logFilter } } : {}),
      }),
    ],
    series: [{}, ...spec.series.map(plotSeries)],
    cursor: {
      y: spec.select === "box", points: { show: false },
      drag: { x: spec.select !== "none", y: spec.select === "box", setScale: false, uni: spec.select === "box" ? 12 : undefined, dist: 5 },
      ...(time && spec.select !== "box"
        ? { sync: { key: "time", setSeries: false, scales: ["x", null], filters: { pub: (type) => type === "mousemove" || type === "mouseleave" } } }
        : {}),
    },
    hooks,
  };
}

const headroom = (max) => (max > 0 ? max * 1.08 : 1);
const widen = (min, max) => (min === null ? [0, 1] : min === max ? [min - 30, max + 30] : [min, max]);
