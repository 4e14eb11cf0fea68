/** One measure over time: its interval as a band, its estimate dashed, the reference as a line. */
import * as format from "../lib/format.js";
import { html, useMemo } from "../lib/html.js";
import * as plots from "../lib/plots.js";
import { setParams } from "../lib/router.js";
import { colour } from "../lib/theme.js";
import { Chart } from "./chart.js";
import { measureName } from "./quality-measures.js";

const UNBOUNDED = ["mae", "rmse", "r2", "log_loss"];
const isShare = (key) => !UNBOUNDED.includes(key.split(" ")[0]);
export const measureFormat = (key) => (isShare(key) || key.startsWith("log_loss") || key.startsWith("r2") ? (value) => format.ratio(value) : format.number);

/** Paints the band between two lines, as far as both are known side by side. */
function bandPainter(x, lower, upper, reference) {
  return (plot) => {
    const { ctx, bbox } = plot;
    const at = (index, value) => [plot.valToPos(x[index], "x", true), plot.valToPos(value, "y", true)];
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    ctx.fillStyle = colour("--accent");
    ctx.strokeStyle = colour("--accent");
    ctx.globalAlpha = 0.16;
    ctx.setLineDash([]);
    for (const run of runs(lower, upper)) {
      ctx.beginPath();
      run.forEach((index, place) => { ctx[place ? "lineTo" : "moveTo"](...at(index, upper[index])); });
      [...run].reverse().forEach((index) => ctx.lineTo(...at(index, lower[index])));
      ctx.closePath();
      if (run.length > 1) ctx.fill();
      else { ctx.lineWidth = 6 * devicePixelRatio; ctx.stroke(); }
    }
    if (reference !== null && reference !== undefined) {
      const y = plot.valToPos(reference, "y", true);
      ctx.globalAlpha = 1;
      ctx.strokeStyle = colour("--text-3");
      ctx.lineWidth = devicePixelRatio;
      ctx.setLineDash([2 * devicePixelRatio, 3 * devicePixelRatio]);
      ctx.beginPath();
      ctx.moveTo(bbox.left, y);
      ctx.lineTo(bbox.left + bbox.width, y);
      ctx.stroke();
    }
    ctx.restore();
  };
}

function runs(lower, upper) {
  const found = [];
  lower.forEach((value, index) => {
    if (value === null || upper[index] === null) return;
    if (index && found.at(-1)?.at(-1) === index - 1) found.at(-1).push(index);
    else found.push([index]);
  });
  return found;
}

function range(key, lines) {
  const values = lines.flat().filter((value) => value !== null && value !== undefined);
  if (!values.length) return [0, 1];
  const low = Math.min(...values);
  const high = Math.max(...values);
  if (!isShare(key)) return [Math.min(0, low * 1.08), high > 0 ? high * 1.08 : 1];
  const margin = Math.max(0.02, (high - low) * 0.1);
  return [Math.max(0, Math.floor((low - margin) * 20) / 20), Math.min(1, Math.ceil((high + margin) * 20) / 20)];
}

const Picker = ({ metrics, value }) => metrics.length > 1 && html`
  <label class="field"><span>Measure</span>
    <select value=${value} onChange=${(event) => setParams({ measure: event.target.value === metrics[0] ? "" : event.target.value })}>
      ${metrics.map((key) => html`<option key=${key} value=${key}>${measureName(key)}</option>`)}
    </select></label>`;

/** A point every slot in which something is known, so that lines reach over slots in which nothing came. */
function known(line) {
  const kept = line.time.map((_, index) => index).filter((index) => [line.value, line.estimate].some((values) => values[index] !== null));
  const of = (values) => kept.map((index) => values[index]);
  return { time: of(line.time), value: of(line.value), lower: of(line.lower), upper: of(line.upper), estimate: of(line.estimate), labels: of(line.labels) };
}

export function QualityChart({ data }) {
  const { line } = data;
  const shown = useMemo(() => known(line), [data]);
  const x = useMemo(() => plots.seconds(shown.time), [shown]);
  const say = measureFormat(line.metric);
  const told = useMemo(() => shown.value.map((value, index) => (value === null ? null : { value, half: shown.lower[index] === null ? null : (shown.upper[index] - shown.lower[index]) / 2, labels: shown.labels[index] })), [shown]);
  const series = useMemo(() => {
    const found = [{ label: measureName(line.metric), color: "--accent", values: shown.value, shown: told, lonely: true, width: 2 }];
    if (shown.estimate.some((value) => value !== null)) found.push({ label: "estimated without labels", color: "--text-2", values: shown.estimate, dash: [5, 4], lonely: true });
    if (line.reference) found.push({ label: line.reference.of_training ? "at training" : "at first", color: "--text-3", kind: "none", values: shown.value.map(() => line.reference.value) });
    return found;
  }, [shown]);
  const paint = useMemo(() => bandPainter(x, shown.lower, shown.upper, line.reference?.value), [x]);
  const sayBoth = (value) => (typeof value === "object" && value !== null
    ? `${say(value.value)}${value.half === null ? "" : ` ±${say(value.half)}`}${value.labels ? ` (${format.count(value.labels)})` : ""}` : say(value));
  return html`
    <div class="quality-chart">
      <div class="quality-head"><${Picker} metrics=${line.metrics} value=${line.metric} />
        <span class="faint ellipsis">${line.source === "labels" ? "as labels came, 30 or more to a point; band: 95 % interval" : `of the last ${format.count(data.window)} labels; band: 95 % interval`}</span></div>
      <${Chart} label=${`${measureName(line.metric)} over time`} x=${x} series=${series} legend height=${220} paint=${paint}
        xRange=${[data.from / 1000, data.to / 1000]} yRange=${range(line.metric, [shown.lower, shown.upper, shown.value, shown.estimate, [line.reference?.value]])} yFormat=${sayBoth} yTick=${say} />
    </div>`;
}
