/** Of which predictions there are labels, and how many come by when. */
import * as format from "../lib/format.js";
import { html } from "../lib/html.js";

const AGES = { "1m": "1 min", "1h": "1 h", "1d": "1 d", "7d": "7 d", "30d": "30 d" };
const bandName = (band) => (band ? band.replace(/0\./g, ".").replace("-", "–") : "no confidence");

const Cell = ({ share, label, band }) => (share === null || share === undefined
  ? html`<td class="none" title=${`No prediction ${label} at ${bandName(band)}`}></td>`
  : html`<td class=${share === 0 ? "missing" : ""} style=${`--share:${Math.round(share * 100)}%`} title=${`${format.percent(share)} of predictions ${label} at confidence ${bandName(band)} have a label`}>${format.percent(share)}</td>`);

function Shares({ coverage }) {
  const { bands, rows } = coverage;
  return html`<p class="faint">share of the last predictions that has a label, by what was predicted and how surely</p>
    <div class="table-box"><table class="confusion coverage" aria-label="Labelled share by predicted label and confidence">
    <thead><tr><th scope="col"><span class="vh">Predicted</span></th>${bands.map((band) => html`<th key=${band} scope="col">${bandName(band)}</th>`)}</tr></thead>
    <tbody>${rows.map((row) => html`<tr key=${row.predicted}><th scope="row" title=${row.predicted}>${row.predicted}</th>
      ${row.shares.map((share, index) => html`<${Cell} key=${bands[index]} share=${share} label=${row.predicted} band=${bands[index]} />`)}</tr>`)}</tbody></table></div>
    ${coverage.rows_left_out > 0 && html`<p class="chart-foot muted">${format.count(coverage.rows_left_out)} labels are left out.</p>`}`;
}

const Maturity = ({ ages }) => html`
  <p class="faint">share of labels that has come once a prediction is as old</p>
  <table class="bins maturity" aria-label="Share of labels that has come by an age">
    <tbody>${ages.map(({ age, share }) => html`<tr key=${age}><th scope="row">${AGES[age] ?? age}</th>
      <td><span class="bin-line"><span class="bin-track"><span class="bin-bar current" style=${`width:${share * 100}%`}></span></span><span class="bin-value">${format.percent(share)}</span></span></td></tr>`)}</tbody></table>`;

export const Coverage = ({ data }) => html`
  <div class="quality-part"><h3>Which predictions have labels</h3>
    ${data.coverage ? html`<${Shares} coverage=${data.coverage} />` : html`<p class="faint">The service does not say which predictions have labels.</p>`}
    ${data.maturity.length > 0 && html`<h3>When labels come</h3><${Maturity} ages=${data.maturity} />`}</div>`;
