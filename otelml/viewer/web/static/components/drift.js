/** A model's drift: features by windows, coloured by evidence, and one feature opened beneath its line. */
import { useData } from "../lib/data.js";
import * as format from "../lib/format.js";
import { cls, html, useState } from "../lib/html.js";
import { path, setParams } from "../lib/router.js";
import { When } from "./bits.js";
import { DriftFeature } from "./drift-feature.js";
import { Command, Loaded, Nothing } from "./feedback.js";

const FIRST_ROWS = 15;
const LEVELS = [0.1, 0.25, 0.5, 0.75, 1];
const SEVERITIES = ["none", "moderate", "significant"];
const STRIP_HEIGHT = 18;

const level = (share) => (share === null ? null : LEVELS.filter((least) => share >= least).length);

/** Runs of windows of one level; a window without points of its own carries on the one before. */
function runs(shares) {
  const found = [];
  let known = null;
  const last = shares.findLastIndex((share) => share !== null);
  shares.forEach((share, index) => {
    const now = share === null && index <= last ? known : level(share);
    known = now;
    const run = found.at(-1);
    if (run?.level === now) run.count += 1;
    else if (now !== null) found.push({ from: index, count: 1, level: now });
    else found.push({ from: index, count: 1, level: null });
  });
  return found.filter((run) => run.level !== null);
}

function told(feature, time) {
  const known = feature.relative.filter((share) => share !== null);
  if (!known.length) return `No evidence of ${feature.name} in this time range`;
  const top = Math.max(...known);
  const at = time[feature.relative.indexOf(top)];
  return `Evidence of ${feature.name}: at most ${format.percent(top)} of the threshold, at ${format.stamp(at, { seconds: false })}; last ${format.percent(known.at(-1))}`;
}

/** Height and colour both tell the level, so that neither is needed alone. */
function Strip({ feature, time, chosen, onChoose }) {
  const count = feature.relative.length;
  const choose = (event) => {
    event.stopPropagation();
    const box = event.currentTarget.getBoundingClientRect();
    onChoose(time[Math.min(count - 1, Math.floor(((event.clientX - box.left) / box.width) * count))]);
  };
  const mark = time.indexOf(chosen);
  return html`<svg class="strip" viewBox=${`0 0 ${count} ${STRIP_HEIGHT}`} preserveAspectRatio="none" role="img" aria-label=${told(feature, time)} onClick=${choose}>
    ${mark >= 0 && html`<rect class="strip-mark" x=${mark} y="0" width="1" height=${STRIP_HEIGHT} />`}
    ${runs(feature.relative).map((run) => {
      const height = 3 + run.level * 3;
      return html`<rect key=${run.from} class=${`evidence-${run.level}`} x=${run.from} y=${STRIP_HEIGHT - height} width=${run.count} height=${height} />`;
    })}
  </svg>`;
}

function Standing({ feature }) {
  if (feature.detected) {
    const { since } = feature;
    const when = since ? `${since.at_least ? "since before " : "since "}${format.stamp(since.time, { seconds: false })}` : "now";
    return html`<span class="warn" title=${since ? format.utc(since.time) : ""}><strong>${feature.critical ? "critical, " : ""}${when}</strong></span>`;
  }
  return feature.skewed ? html`<span class="muted" title="Serving has differed from the reference from its start">skewed</span>` : html`<span class="faint">–</span>`;
}

const statistic = (feature, method) => html`<td class="num minor-1">${format.ratio(feature.statistics[method], 2)}</td>`;

const weighed = (data) => data.features.some((each) => each.importance != null);

function Row({ feature, data, open, params, onToggle, onChoose }) {
  return html`<tr class=${cls(open && "is-open")} onClick=${onToggle}>
    <th scope="row"><button class="drift-name ellipsis" title=${feature.name} aria-expanded=${open ? "true" : "false"}
      onClick=${(event) => { event.stopPropagation(); onToggle(); }}><span aria-hidden="true">${open ? "▾" : "▸"}</span> ${feature.name}</button></th>
    <td class="drift-strip"><${Strip} feature=${feature} time=${data.time} chosen=${open ? Number(params.window) : NaN} onChoose=${onChoose} /></td>
    <td>${html`<${Standing} feature=${feature} />`}</td>
    ${weighed(data) && html`<td class="num minor-1">${feature.importance == null ? "–" : format.ratio(feature.importance, 2)}</td>`}
    ${statistic(feature, "psi")}${statistic(feature, "ks")}
    <td class="minor-1">${SEVERITIES[feature.severity] ?? "–"}</td>
    <td class="num minor-1" title="Evidence as log10, and the threshold that it is held against">${format.ratio(feature.evidence, 1)}<span class="faint"> / ${format.ratio(data.threshold, 1)}</span></td>
  </tr>`;
}

/** Up and down go from line to line. */
function onKey(event) {
  const down = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!down || !event.target.matches(".drift-name")) return;
  const names = [...event.currentTarget.querySelectorAll(".drift-name")];
  const next = names[names.indexOf(event.target) + down];
  if (!next) return;
  event.preventDefault();
  next.focus();
}

const toggle = (name, open) => setParams({ feature: open ? "" : name, window: "" });

function Heatmap({ name, data, params, bounds, tick }) {
  const [all, setAll] = useState(false);
  const { features } = data;
  const shown = all ? features : features.filter((each, index) => index < FIRST_ROWS || each.detected || each.name === params.feature);
  const hidden = features.length - shown.length;
  return html`
    <div class="table-box"><table class="table linked drift" aria-label="Drift by feature" onKeyDown=${onKey}>
      <thead><tr><th scope="col">Feature</th><th scope="col" class="drift-strip"><span class="drift-axis"><span>${format.clock(data.time[0], { seconds: false })}</span><span class="drift-axis-name">evidence</span><span>${format.clock(data.to, { seconds: false })}</span></span></th>
        <th scope="col">Drifted</th>${weighed(data) && html`<th scope="col" class="num minor-1" title="How much the model relies on the feature; drifted ones stand by PSI times importance">Importance</th>`}<th scope="col" class="num minor-1">PSI</th><th scope="col" class="num minor-1">KS</th><th scope="col" class="minor-1">Severity</th><th scope="col" class="num minor-1">Evidence</th></tr></thead>
      <tbody>${shown.flatMap((feature) => {
        const open = feature.name === params.feature;
        const row = html`<${Row} key=${feature.name} feature=${feature} data=${data} open=${open} params=${params} onToggle=${() => toggle(feature.name, open)}
          onChoose=${(at) => setParams({ feature: feature.name, window: at })} />`;
        return open ? [row, html`<tr key="opened ${feature.name}" class="drift-open"><td colspan=${weighed(data) ? 8 : 7}>
          <${DriftFeature} name=${name} feature=${feature} data=${data} params=${params} bounds=${bounds} tick=${tick} /></td></tr>`] : [row];
      })}</tbody>
    </table></div>
    ${(hidden > 0 || all || data.features_left_out > 0) && html`<p class="drift-foot">
      ${hidden > 0 && html`<button class="button" onClick=${() => setAll(true)}>Show ${format.count(hidden)} more</button>`}
      ${all && features.length > FIRST_ROWS && html`<button class="button" onClick=${() => setAll(false)}>Show fewer</button>`}
      ${data.features_left_out > 0 && html`<span class="muted">${format.count(data.features_left_out)} features of less evidence are left out.</span>`}</p>`}`;
}

const NoReference = ({ name, version }) => html`
  <div class="drift-empty">
    <p>Nothing watches this model for drift: it has no reference. Build one from the data that it was trained on, and name it where the service starts.</p>
    <${Command} text="otelml reference build training.csv --output reference.json" />
    <${Command} text=${`otelml.init("my-service", model=${JSON.stringify(name)}${version ? `, model_version=${JSON.stringify(version)}` : ""}, reference="reference.json")`} />
  </div>`;

function Body({ name, data, params, bounds, tick }) {
  if (data.status === "none") return html`<${NoReference} name=${name} version=${data.version ?? params.version} />`;
  if (!data.features.length) return html`<${Nothing}>Waiting for the first check: it is made as soon as enough rows have come.<//>`;
  return html`
    ${data.status === "learning" && html`<p class="note">It is still learned how much the data swings by itself. Nothing alarms meanwhile; evidence and severity are there to see.</p>`}
    ${data.reference?.source === "self" && html`<p class="note">The reference is the first rows of serving: what differed from training from the start is not seen.</p>`}
    ${data.truncated && html`<p class="note">So many features and processes report that only the newest of their streams are shown.</p>`}
    <${Heatmap} name=${name} data=${data} params=${params} bounds=${bounds} tick=${tick} />`;
}

function Summary({ data }) {
  const several = data.versions.length > 1 && data.version ? html`version ${data.version} · ` : "";
  const state = data.drifted ? html`<strong class="warn">${format.count(data.drifted)} drifted</strong>` : data.status === "none" ? "" : "none drifted";
  return html`<span class="muted ellipsis">${several}${state}${data.skewed > 0 && ` · ${format.count(data.skewed)} skewed`}
    ${data.instances > 1 && ` · ${data.instances} processes, the worst is shown`}${data.last_check && html` · last check <${When} ms=${data.last_check} />`}</span>`;
}

export function Drift({ name, params, bounds, tick }) {
  const state = useData(`${path("models", name)}/drift`, { version: params.version }, { tick, window: bounds });
  return html`
    <section class="panel wide drift-panel" aria-label="Drift">
      <header class="panel-head"><h2>Drift</h2>${state.data && html`<${Summary} data=${state.data} />`}</header>
      <${Loaded} state=${state} what="Drift" rows=${4}>${(data) => html`
        <${Body} name=${name} data=${data} params=${params} bounds=${bounds} tick=${tick} />`}<//>
    </section>`;
}
