/** All metrics by name, with unit, kind and description from the data itself. */
import * as format from "../lib/format.js";
import { cls, html, useEffect, useRef, useState } from "../lib/html.js";
import { href } from "../lib/router.js";

const matches = (text) => (metric) => `${metric.name} ${metric.description}`.toLowerCase().includes(text.trim().toLowerCase());

function Entry({ metric, on }) {
  const link = useRef(null);
  useEffect(() => { if (on) link.current.scrollIntoView({ block: "nearest" }); }, []);
  return html`<a ref=${link} class=${cls("metric-entry", on && "on")} aria-current=${on ? "true" : undefined}
    href=${href("/metrics", { name: metric.name, kind: metric.kind, unit: metric.unit })} title=${metric.description}>
    <span class="mono ellipsis">${metric.name}</span>
    <span class="ellipsis faint"><span class="muted">${metric.kind}${format.unitName(metric.unit) && `, ${format.unitName(metric.unit)}`}</span>\u2003${metric.description}</span></a>`;
}

export function MetricList({ metrics, selected }) {
  const [text, setText] = useState("");
  const [open, setOpen] = useState(false);
  const shown = metrics.filter(matches(text));
  return html`
    <nav class=${cls("metric-list", open && "open")} aria-label="Metrics">
      <div class="metric-search">
        <label class="field"><span class="vh">Filter metrics</span>
          <input type="search" placeholder=${`Filter ${metrics.length} metrics`} value=${text} spellcheck="false" autocomplete="off"
            onInput=${(event) => { setText(event.target.value); setOpen(true); }} onFocus=${() => setOpen(true)} /></label>
        <button class="button list-toggle" aria-expanded=${open} onClick=${() => setOpen(!open)}>${open ? "Hide" : "Choose"}</button>
      </div>
      <div class="metric-entries" onClick=${() => setOpen(false)}>
        ${shown.map((metric) => html`<${Entry} key=${`${metric.name} ${metric.kind} ${metric.unit}`} metric=${metric} on=${metric === selected} />`)}
        ${shown.length === 0 && html`<p class="faint no-match">No metric matches “${text}”.</p>`}
      </div>
    </nav>`;
}
