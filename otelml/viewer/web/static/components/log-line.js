/** One log record: a line; its JSON on click. */
import * as format from "../lib/format.js";
import { cls, html, useState } from "../lib/html.js";
import { EXCEPTION } from "../lib/names.js";
import { TraceChip, When } from "./bits.js";
import { Copy } from "./feedback.js";
import { Folded } from "./pairs.js";

const LEVELS = { trace: "debug", debug: "debug", info: "info", warn: "warn", error: "error", fatal: "error" };

const brief = (attributes) => Object.entries(attributes ?? {})
  .filter(([name]) => !name.startsWith("code.") && name !== EXCEPTION.stack)
  .slice(0, 8).map(([name, value]) => `${name}=${format.plain(value)}`).join("\u2003");

/** @param {{log: object, chip?: boolean, open: boolean, onToggle: () => void}} props */
export function LogLine({ log, chip = true, open, onToggle }) {
  const stack = log.attributes?.[EXCEPTION.stack];
  const json = open ? JSON.stringify(log, null, 2) : "";
  return html`
    <div class=${cls("log", LEVELS[log.level] && `level-${LEVELS[log.level]}`, open && "open")}>
      <div class="log-line" onClick=${(event) => { if (!event.target.closest("a,button") && !getSelection().toString()) onToggle(); }}>
        <${When} ms=${log.time} millis />
        <button class="log-level" aria-expanded=${open} aria-label=${`${log.level}: ${open ? "hide" : "show"} the JSON`} onClick=${onToggle}>${log.level}</button>
        <span class="log-body">${log.event_name && html`<span class=${cls("tag", log.body && "beside")}>${log.event_name}</span>${" "}`}${format.plain(log.body ?? "")}<span key=${log.id} class="log-attrs">${brief(log.attributes)}</span></span>
        <span class="log-origin faint ellipsis" title=${`${log.service}${log.logger ? `, logger ${log.logger}` : ""}`}>${log.service}${log.logger && html` <span key=${log.id} class="log-logger">${log.logger}</span>`}</span>
        ${chip && html`<span class="log-chip"><${TraceChip} id=${log.trace_id} span=${log.span_id} /></span>`}
      </div>
      ${open && html`<div class="log-json">${stack && html`<${Folded} text=${format.plain(stack)} label="Stack trace" open />`}<${Copy} text=${json} label="Copy JSON" /><pre tabindex="0">${json}</pre></div>`}
    </div>`;
}

/** Which records are open, by their id. */
export function useOpened() {
  const [opened, setOpened] = useState(new Set());
  const toggle = (id) => setOpened((old) => {
    const next = new Set(old);
    if (!next.delete(id)) next.add(id);
    return next;
  });
  return { opened, toggle };
}
