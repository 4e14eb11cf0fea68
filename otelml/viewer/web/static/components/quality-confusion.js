/** Which labels are taken for which: the matrix, and each label's own measures. */
import * as format from "../lib/format.js";
import { cls, html } from "../lib/html.js";

const MOST = 12;
/** With so many labels there is room for shares beside the counts. */
const FEW = 5;

function Matrix({ labels, cells }) {
  const shown = labels.slice(0, MOST);
  const few = labels.length <= FEW;
  const counts = new Map(cells.map((cell) => [`${cell.actual}\n${cell.predicted}`, cell.count]));
  const of = (actual, predicted) => counts.get(`${actual}\n${predicted}`) ?? 0;
  const totals = new Map(shown.map((actual) => [actual, labels.reduce((sum, predicted) => sum + of(actual, predicted), 0)]));
  return html`<p class="faint">rows: what was true · columns: what was predicted</p>
    <div class="table-box"><table class=${cls("confusion", !few && "many")} aria-label="Confusion matrix">
    <thead><tr><th scope="col"><span class="vh">True label</span></th>${shown.map((label) => html`<th key=${label} scope="col" title=${label}>${label}</th>`)}</tr></thead>
    <tbody>${shown.map((actual) => html`<tr key=${actual}><th scope="row" title=${actual}>${actual}</th>${shown.map((predicted) => {
      const count = of(actual, predicted);
      const share = totals.get(actual) ? count / totals.get(actual) : 0;
      return html`<td key=${predicted} class=${actual === predicted ? "right" : "wrong"} style=${`--share:${Math.round(share * 100)}%`}
        title=${`${actual} predicted as ${predicted}: ${format.count(count)}, ${format.percent(share)} of ${actual}`}>${count ? html`<b>${format.count(count)}</b>${few && html` <span>${format.percent(share)}</span>`}` : html`<span>·</span>`}</td>`;
    })}</tr>`)}</tbody></table></div>
    ${labels.length > MOST && html`<p class="chart-foot muted">${format.count(labels.length - MOST)} rarer labels are left out.</p>`}`;
}

const measure = (each) => (each ? html`${format.ratio(each.value)} <span class="faint">±${format.ratio((each.upper - each.lower) / 2)}</span>` : html`<span class="faint">–</span>`);

const Classes = ({ classes }) => html`
  <div class="table-box"><table class="table classes" aria-label="By label">
    <thead><tr><th scope="col">Label</th><th scope="col" class="num">true</th><th scope="col" class="num minor-1">predicted</th><th scope="col" class="num">Precision</th><th scope="col" class="num">Recall</th><th scope="col" class="num">F1</th></tr></thead>
    <tbody>${classes.map((each) => html`<tr key=${each.label}><th scope="row" class="ellipsis" title=${each.label}>${each.label}</th><td class="num">${format.count(each.actual)}</td><td class="num minor-1">${format.count(each.predicted)}</td>
      <td class="num">${measure(each.precision)}</td><td class="num">${measure(each.recall)}</td><td class="num">${measure(each.f1)}</td></tr>`)}</tbody></table></div>`;

export const Confusion = ({ data }) => html`
  <div class="quality-part wide"><h3>Confusion <span class="faint">${format.count(data.labels)} labels of this time range</span></h3>
    <${Matrix} labels=${data.confusion.labels} cells=${data.confusion.cells} />
    <${Classes} classes=${data.classes} /></div>`;
