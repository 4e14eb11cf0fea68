/** One feature: reference against current, its statistics and what was told of it. */
import { useData } from "../lib/data.js";
import * as format from "../lib/format.js";
import { html } from "../lib/html.js";
import { href, path, setParams } from "../lib/router.js";
import { TraceChip, When } from "./bits.js";
import { Loaded } from "./feedback.js";

const METHODS = { psi: "PSI", kl: "KL", js: "JS", ks: "KS", wasserstein: "Wasserstein", chi_squared: "χ²", rate_change: "share of a label" };

const size = (value) => (Math.abs(value) < 10 ? format.ratio(value) : format.number(value));

const Bar = ({ share, top, kind }) => html`
  <span class="bin-line"><span class="bin-track"><span class=${`bin-bar ${kind}`} style=${`width:${top ? ((share ?? 0) / top) * 100 : 0}%`}></span></span>
    <span class="bin-value">${format.percent(share)}</span></span>`;

function Bins({ detail }) {
  const { bins } = detail;
  if (!bins.length) return html`<p class="faint">No counts by bin were sent for it.</p>`;
  const top = Math.max(...bins.flatMap((each) => [each.reference ?? 0, each.current ?? 0]));
  return html`<table class="bins">
    <caption class="vh">Shares by bin, reference and current</caption>
    <thead><tr><th scope="col">Bin</th><th scope="col"><span class="swatch reference" aria-hidden="true"></span> Reference</th><th scope="col"><span class="swatch current" aria-hidden="true"></span> Current</th></tr></thead>
    <tbody>${bins.map((each) => html`<tr key=${each.bin}>
      <th scope="row" title=${each.bin}>${each.bin}</th>
      <td><${Bar} share=${each.reference} top=${top} kind="reference" /></td>
      <td title=${`${format.count(each.count)} values`}><${Bar} share=${each.current} top=${top} kind="current" /></td>
    </tr>`)}</tbody></table>
    ${detail.bins_left_out > 0 && html`<p class="muted">${format.count(detail.bins_left_out)} bins are left out.</p>`}`;
}

function Statistics({ feature }) {
  const methods = Object.keys(feature.statistics).sort();
  if (!methods.length) return html`<p class="faint">None were sent.</p>`;
  return html`<table class="facts-table"><caption class="vh">Statistics of the last check</caption>
    <thead><tr><th scope="col">Statistic</th><th scope="col" class="num">Value</th><th scope="col" class="num">p-value</th></tr></thead>
    <tbody>${methods.map((method) => html`<tr key=${method}><th scope="row">${METHODS[method] ?? method}</th>
      <td class="num">${size(feature.statistics[method])}</td><td class="num">${format.number(feature.p_values[method])}</td></tr>`)}</tbody></table>`;
}

const History = ({ detail }) => (detail.events.length ? html`
  <ol class="drift-events">${detail.events.map((event) => html`<li key=${`${event.time} ${event.kind}`}>
    <${When} ms=${event.time} /> <strong class=${event.kind === "detected" ? "warn" : ""}>${event.kind}</strong>
    ${event.severity && html` <span class="muted">${event.severity}</span>`}${event.by && html` <span class="muted">by ${event.by}${event.reason && `: ${event.reason}`}</span>`}
    ${" "}<${TraceChip} id=${event.trace_id} span=${event.span_id} /></li>`)}</ol>
  ${detail.events_left_out > 0 && html`<p class="muted">${format.count(detail.events_left_out)} older ones are left out.</p>`}`
  : html`<p class="faint">Nothing was told in this time range.</p>`);

function WindowPicker({ feature, data, value }) {
  const known = data.time.filter((at, index) => feature.relative[index] !== null || at === value);
  return html`<label class="field"><span>Current is</span>
    <select value=${value ?? ""} onChange=${(event) => setParams({ window: event.target.value })}>
      <option value="">the whole range</option>
      ${known.map((at) => html`<option key=${at} value=${at}>from ${format.stamp(at)}</option>`)}
    </select></label>`;
}

export function DriftFeature({ name, feature, data, params, bounds, tick }) {
  const at = Number(params.window) || null;
  const window = at ? { key: `window ${at} ${data.step}`, from: at, to: at + data.step } : bounds;
  const state = useData(`${path("models", name)}/drift/feature`, { feature: feature.name, version: data.version }, { tick, window });
  const [from, to] = at ? [at, at + data.step] : [data.from, data.to];
  return html`<div class="drift-detail">
    <div class="drift-actions">
      <${WindowPicker} feature=${feature} data=${data} value=${at} />
      <a class="button link" href=${href("/traces", { model: name, from: Math.floor(from), to: Math.ceil(to) })}>Traces of this window</a>
      ${data.check && html`<span class="muted nowrap">last check <${TraceChip} id=${data.check.trace_id} /></span>`}
    </div>
    <${Loaded} state=${state} what=${`Feature ${feature.name}`} rows=${6}>${(detail) => html`
      <div class="drift-columns">
        <div><h3>Reference and current <span class="faint">${format.count(detail.values)} values${detail.instances > 1 ? ` of ${detail.instances} processes` : ""}</span></h3><${Bins} detail=${detail} /></div>
        <div><h3>Statistics of the last check</h3><${Statistics} feature=${feature} />
          <h3>History</h3><${History} detail=${detail} /></div>
      </div>`}<//>
  </div>`;
}
