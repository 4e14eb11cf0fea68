/** The present measures: value, interval, the bounds for all predictions, and the estimate. */
import * as format from "../lib/format.js";
import { html, useState } from "../lib/html.js";

const NAMES = { accuracy: "Accuracy", precision: "Precision", recall: "Recall", f1: "F1", roc_auc: "ROC AUC", pr_auc: "PR AUC", brier: "Brier", log_loss: "Log loss", mae: "MAE", rmse: "RMSE", r2: "R²" };
const SHARES = ["accuracy", "precision", "recall", "f1", "roc_auc", "pr_auc", "brier"];

export function measureName(key = "") {
  const [metric, averaging] = key.split(" ");
  return `${NAMES[metric] ?? metric}${averaging ? `, ${averaging}` : ""}`;
}

const say = (measure, value) => (SHARES.includes(measure.metric) || ["r2", "log_loss"].includes(measure.metric) ? format.ratio(value) : format.number(value));
const between = (measure, lower, upper) => `${say(measure, lower)} – ${say(measure, upper)}`;

/** From 0 to 1: light between the bounds, darker the interval, a line the value, a hollow mark the estimate. */
function RangeBar({ measure }) {
  if (!SHARES.includes(measure.metric)) return null;
  const { value, lower, upper, bound_lower: least, bound_upper: most, estimate } = measure;
  const span = (from, to) => `left:${from * 100}%;width:${Math.max(0.5, (to - from) * 100)}%`;
  return html`<span class="range-bar" aria-hidden="true">
    ${least !== null && html`<span class="range-bound" style=${span(least, most)}></span>`}
    ${lower !== null && html`<span class="range-interval" style=${span(lower, upper)}></span>`}
    ${value !== null && html`<span class="range-value" style=${`left:${value * 100}%`}></span>`}
    ${estimate && html`<span class="range-estimate" style=${`left:${estimate.value * 100}%`}></span>`}
  </span>`;
}

function Row({ measure, parts }) {
  const { value, lower, upper, recent, bound_lower: least, bound_upper: most, estimate } = measure;
  const half = lower === null || value === null ? "" : html` <span class="faint">±${say(measure, (upper - lower) / 2)}</span>`;
  return html`<tr>
    <th scope="row">${measureName(measure.key)}${measure.label && html`${" "}<span class="faint">of ${measure.label}</span>`}</th>
    ${parts.value && html`<td class="num" title=${lower === null ? "" : `95 % interval ${between(measure, lower, upper)}`}>${say(measure, value)}${half}</td>`}
    ${parts.bars && html`<td class="range-cell minor-1"><${RangeBar} measure=${measure} /></td>`}
    ${parts.recent && html`<td class="num minor-2">${say(measure, recent)}</td>`}
    ${parts.bounds && html`<td class="num">${least === null ? html`<span class="faint">–</span>` : between(measure, least, most)}</td>`}
    ${parts.estimate && html`<td class="num">${estimate ? html`${say(measure, estimate.value)}${!parts.value && estimate.lower !== null && html` <span class="faint">±${say(measure, (estimate.upper - estimate.lower) / 2)}</span>`}` : html`<span class="faint">–</span>`}</td>`}
  </tr>`;
}

/** Averages over classes say little of two labels, and the weighted ones little of many. */
const isSecondary = (measure, positive) => (positive ? measure.averaging !== null : measure.averaging === "weighted");

export function Measures({ data }) {
  const [all, setAll] = useState(false);
  const secondary = data.measures.filter((each) => isSecondary(each, data.positive));
  const measures = all ? data.measures : data.measures.filter((each) => !secondary.includes(each));
  const has = (name) => measures.some((each) => each[name] !== null && each[name] !== undefined);
  const parts = { bars: measures.some((each) => SHARES.includes(each.metric)), value: has("value"), recent: has("recent") && data.window > 100, bounds: has("bound_lower"), estimate: has("estimate") };
  return html`<div class="quality-measures"><div class="table-box"><table class="table measures" aria-label="Measures">
    <thead><tr><th scope="col">Measure</th>${parts.value && html`<th scope="col" class="num" title="With its 95 % interval">${data.window ? `last ${format.count(data.window)}` : "in this range"}</th>`}
      ${parts.bars && html`<th scope="col" class="minor-1"><span class="range-axis" aria-hidden="true"><span>0</span><span>1</span></span></th>`}
      ${parts.recent && html`<th scope="col" class="num minor-2">last 100</th>`}
      ${parts.bounds && html`<th scope="col" class="num" title="Of all predictions, labelled or not: those without a label all wrong, or all right">of all, between</th>`}
      ${parts.estimate && html`<th scope="col" class="num" title="From confidences, without labels; right if these are calibrated">estimated</th>`}</tr></thead>
    <tbody>${measures.map((each) => html`<${Row} key=${each.key} measure=${each} parts=${parts} />`)}</tbody></table></div>
    ${secondary.length > 0 && html`<p class="drift-foot"><button class="button" aria-expanded=${all} onClick=${() => setAll(!all)}>${all ? "Hide averages" : "Show averages over labels"}</button></p>`}</div>`;
}
