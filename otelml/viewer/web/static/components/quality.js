/** A model's quality: measured on labels as they come, estimated before, and of which predictions it is. */
import { useData } from "../lib/data.js";
import * as format from "../lib/format.js";
import { html } from "../lib/html.js";
import { path } from "../lib/router.js";
import { Command, Loaded } from "./feedback.js";
import { QualityChart } from "./quality-chart.js";
import { Confusion } from "./quality-confusion.js";
import { Coverage } from "./quality-coverage.js";
import { measureName, Measures } from "./quality-measures.js";
import { Retraining } from "./retraining.js";

function BeforeLabels({ data }) {
  const id = data.example ?? "PREDICTION_ID";
  const body = JSON.stringify({ prediction_id: id, actual: "LABEL" });
  return html`
    <div class="quality-empty">
      <p>No label has come back ${data.version ? `for version ${data.version} ` : ""}in this time range${data.status === "estimated" ? ", so quality can only be estimated: right if confidences are calibrated, that is if eight in ten of those at .8 come true" : ""}.
        A label names the prediction that it is of by its id: the prediction’s <code>id</code>, or the response header <code>X-Prediction-Id</code>.</p>
      <h3>In the service, where the truth becomes known</h3>
      <${Command} text=${`otelml.feedback(${JSON.stringify(id)}, "LABEL", source="review")`} />
      <h3>From anywhere, where the service mounts the endpoints of otelml</h3>
      <${Command} text=${`curl -X POST http://localhost:8000/feedback -H 'Content-Type: application/json' -d '${body}'`} />
      <h3>From a file, into the store of labels</h3>
      <${Command} text="otelml feedback import labels.csv --store $OTELML_FEEDBACK_STORE" />
    </div>`;
}

function Summary({ data }) {
  const version = data.versions.length > 1 && data.version ? `version ${data.version} · ` : "";
  const labels = data.labels ? `${format.count(data.labels)} labels` : data.status === "measured" ? "no new labels in this time range" : "no labels yet";
  const processes = data.processes > 1 ? ` · ${data.processes} processes, the mean is shown` : "";
  const worse = data.degraded.length > 0 && html`<strong class="warn">${data.degraded.map(measureName).join(", ")} worse than it was</strong> · `;
  return html`<span class="muted ellipsis">${worse}${version}${labels}${data.lag && html` · half of them within ${format.duration(data.lag.p50)}, 95 % within ${format.duration(data.lag.p95)}`}${processes}</span>`;
}

function Body({ data }) {
  const measured = data.status === "measured";
  return html`
    ${data.coverage?.flag && html`<p class="note">${data.coverage.flag} What is measured may be another number for all predictions; see between what it lies.</p>`}
    ${measured ? html`<div class="quality-top">
      <${QualityChart} data=${data} />
      <${Measures} data=${data} />
    </div>` : html`<${BeforeLabels} data=${data} />${data.measures.length > 0 && html`<${Measures} data=${data} />`}`}
    <div class="quality-parts">
      ${data.confusion.cells.length > 0 && html`<${Confusion} data=${data} />`}
      ${(data.coverage || data.maturity.length > 0) && html`<${Coverage} data=${data} />`}
      ${data.retraining && html`<${Retraining} verdict=${data.retraining} />`}
    </div>`;
}

export function Quality({ name, params, bounds, tick }) {
  const state = useData(`${path("models", name)}/quality`, { version: params.version, metric: params.measure }, { tick, window: bounds });
  return html`
    <section class="panel wide quality-panel" aria-label="Quality">
      <header class="panel-head"><h2>Quality</h2>${state.data && html`<${Summary} data=${state.data} />`}</header>
      <${Loaded} state=${state} what="Quality" rows=${4}>${(data) => html`<${Body} data=${data} />`}<//>
    </section>`;
}
