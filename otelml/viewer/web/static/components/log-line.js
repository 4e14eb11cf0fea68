/** One log record: a line; its JSON on click. */
import * as format from "../lib/format.js";
import { cls, html, useState } from "../lib/html.js";
import { TraceChip, When } from "./bits.js";
import { Copy } from "./feedback.js";

const LEVELS = { trace: "debug", debug: "debug", info: "info", warn: "warn", error: "error", fatal: "error" };

const brief = (attributes) => Object.entries(attributes ?? {})
  .filter(([name]) => !name.startsWith("code.") && !name.includes("stacktrace"))
  .slice(0, 8).map(([name, value]) => `${name}=${format.plain(value)}`).join("  ");

export function LogLine({ log, chip = true }) {
  const [open, setOpen] = useState(false);
  const json = open ? JSON.stringify(log, null, 2) : "";
  return html`
    <div class=${cls("log", LEVELS[log.level] && `level-${LEVELS[log.level]}`, open && "open")}>
      <div class="log-line" onClick=${(event) => { if (!event.target.closest("a,button") && !getSelection().toString()) setOpen(!open); }}>
        <${When} ms=${log.time} millis />
        <button class="log-level" aria-expanded=${open} aria-label=${`${log.level}: ${open ? "hide" : "show"} the JSON`} onClick=${() => setOpen(!open)}>${log.level}</button>
        <span class="log-body">${log.event_name && html`<span class="tag">${log.event_name}</span>${" "}`}${format.plain(log.body ?? "")}<span class="log-attrs">${brief(log.attributes)}</span></span>
        <span class="log-logger faint ellipsis">${log.logger ?? log.service}</span>
        ${chip && html`<span class="log-chip"><${TraceChip} id=${log.trace_id} span=${log.span_id} /></span>`}
      </div>
      ${open && html`<div class="log-json"><${Copy} text=${json} label="Copy JSON" /><pre tabindex="0">${json}</pre></div>`}
    </div>`;
}
