/** The labels of a trace's predictions; they may come while one looks at it. */
import { useData } from "../lib/data.js";
import * as format from "../lib/format.js";
import { html } from "../lib/html.js";
import { path } from "../lib/router.js";
import { TraceChip, When } from "./bits.js";

const MOST = 3;

const said = (value) => (Number.isFinite(Number(value ?? NaN)) ? format.number(Number(value)) : value ?? "–");

function Verdict({ label }) {
  if (label.actual === null) return html`<span class="muted">no label yet</span>`;
  if (label.right === null) return html`predicted <b>${said(label.predicted)}</b>, true <b>${said(label.actual)}</b>`;
  return label.right ? html`<b>${label.actual}</b>, as predicted`
    : html`<strong class="warn">wrong</strong>: predicted <b>${label.predicted}</b>, true <b>${label.actual}</b>`;
}

function Told({ label }) {
  const [newest, ...older] = label.told;
  if (!newest) return label.time ? html` <span class="muted">came <${When} ms=${label.time} /></span>` : null;
  return html` <span class="muted">${newest.source && `from ${newest.source}`}${newest.reviewer && ` by ${newest.reviewer}`}${newest.delay !== null && `, ${format.duration(newest.delay)} after the prediction`}</span>
    ${" "}<${TraceChip} id=${newest.trace_id} span=${newest.span_id} />
    ${older.length > 0 && html` <span class="muted">before: ${older.slice(0, MOST).map((each) => each.actual).join(", ")}</span>`}`;
}

export function TraceLabels({ trace, tick }) {
  const asked = trace.spans.some((span) => span.model) ? `${path("traces", trace.trace_id)}/labels` : null;
  const { data } = useData(asked, {}, { tick });
  if (!data?.predictions.length) return null;
  const labelled = data.predictions.filter((each) => each.actual !== null);
  const shown = (labelled.length ? labelled : data.predictions).slice(0, MOST);
  const more = data.predictions.length - shown.length;
  return html`<p class="trace-labels" role="status"><span class="muted">Label:</span> ${shown.map((label) => html`<span key=${label.span_id} class="trace-label"><${Verdict} label=${label} /><${Told} label=${label} /></span>`)}
    ${more > 0 && html`<span class="muted">${format.count(labelled.length)} of ${format.count(data.predictions.length)} predictions have a label</span>`}</p>`;
}
