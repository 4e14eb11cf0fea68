/** Two traces, or two versions of a model, side by side; the URL says which. */
import { html } from "../lib/html.js";
import { CompareModels } from "./compare-models.js";
import { CompareTraces } from "./compare-traces.js";

export function ComparePage({ name, params, bounds, tick }) {
  const [what, ...rest] = name.split("/");
  if (what === "models" && rest.length) return html`<${CompareModels} name=${rest.join("/")} params=${params} bounds=${bounds} tick=${tick} />`;
  if (what === "traces") return html`<${CompareTraces} params=${params} bounds=${bounds} />`;
  return html`<div class="empty"><h1>No such comparison</h1><p class="muted">Traces are compared at <code>/compare/traces</code>, versions of a model from its page.</p></div>`;
}
