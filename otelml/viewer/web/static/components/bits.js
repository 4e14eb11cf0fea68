/** Small marks used on every screen. */
import * as format from "../lib/format.js";
import { cls, html } from "../lib/html.js";
import { href, path } from "../lib/router.js";

/** An instant in the local zone; UTC on hover. */
export const When = ({ ms, millis = false, relative = false }) => html`
  <time dateTime=${Number.isFinite(ms) ? new Date(ms).toISOString() : undefined} title=${relative ? `${format.stamp(ms)} · ${format.utc(ms)}` : format.utc(ms)}
    class="nowrap">${relative ? format.ago(ms) : format.stamp(ms, { millis })}</time>`;

export const TraceChip = ({ id, span }) => id && html`
  <a class="chip mono" href=${href(path("traces", id), { span })} title=${`Trace ${id}`}
    onClick=${(event) => event.stopPropagation()}>${format.shortId(id)}</a>`;

export const State = ({ state }) => html`
  <span class=${cls("state", state)} title=${state}><span class="state-mark" aria-hidden="true"></span><span class="state-text">${state ?? "–"}</span></span>`;

/** A line with no axes; the number beside it carries the value. */
export function Sparkline({ values = [], label }) {
  const known = values.map((value) => value ?? 0);
  const top = Math.max(...known, 1e-9);
  const step = known.length > 1 ? 80 / (known.length - 1) : 0;
  const points = known.map((value, index) => `${(index * step).toFixed(1)},${(17 - (value / top) * 15).toFixed(1)}`);
  return html`<svg class="spark" viewBox="0 0 80 18" width="80" height="18" role="img" aria-label=${label}>
    ${points.length > 1 && html`<polyline points=${points.join(" ")} fill="none" stroke="currentColor" stroke-width="1.2" />`}
  </svg>`;
}

export const Stat = ({ label, value, note, fail, title, href: link }) => html`
  <div class="stat" title=${title}>
    <dt>${label}</dt>
    <dd class=${cls(fail && "fail")}>${link ? html`<a href=${link}>${value}</a>` : value}${note && html`<span class="stat-note">${note}</span>`}</dd>
  </div>`;

export const Stats = ({ children, label }) => html`<dl class="stats" aria-label=${label}>${children}</dl>`;

/** A section of a ruled page: title, what belongs beside it, content. */
export const Panel = ({ title, note, aside, wide, children }) => html`
  <section class=${cls("panel", wide && "wide")} aria-label=${title}>
    <header class="panel-head"><h2>${title}</h2>${note && html`<span class="faint ellipsis">${note}</span>`}<span class="grow"></span>${aside}</header>
    ${children}
  </section>`;
