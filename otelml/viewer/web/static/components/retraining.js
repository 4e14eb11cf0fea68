/** Should the model be trained anew, and why. */
import { html } from "../lib/html.js";
import { When } from "./bits.js";

const words = (reason) => (reason ? reason.replace(/_/g, " ") : "all that is asked for");

export const Retraining = ({ verdict }) => html`
  <div class="quality-part"><h3>Retrain?</h3>
    <p>${verdict.recommended ? html`<strong class="warn">Recommended</strong>` : html`<span class="muted">Not recommended</span>`}</p>
    <ul class="reasons">${verdict.reasons.map((each) => html`<li key=${each.reason} class=${each.holds ? "" : "faint"}>
      <span aria-hidden="true">${each.holds ? "●" : "○"}</span> ${words(each.reason)}${each.since && html` <span class="muted">since <${When} ms=${each.since} /></span>`}${!each.holds && html`<span class="vh"> does not hold</span>`}</li>`)}</ul></div>`;
