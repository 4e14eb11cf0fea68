/** Filters whose values live in the URL. */
import { cls, html, useEffect, useRef, useState } from "../lib/html.js";
import { setParams } from "../lib/router.js";

const WAIT_MS = 200;

export const Select = ({ name, label, value, options, all = "all" }) => html`
  <label class="field"><span>${label}</span>
    <select value=${value ?? ""} class=${cls(value && "set")} onChange=${(event) => setParams({ [name]: event.target.value })}>
      <option value="">${all}</option>
      ${withCurrent(options, value).map((option) => html`<option key=${option} value=${option}>${option}</option>`)}
    </select>
  </label>`;

const withCurrent = (options, value) => (value && !options.includes(value) ? [...options, value] : options);

/** Text that reaches the URL when typing rests. */
export function TextFilter({ name, label, value = "", placeholder, width = "", numeric = false, unit, wait = WAIT_MS }) {
  const [text, setText] = useState(value);
  const input = useRef(null);
  const sent = useRef(value);
  useEffect(() => {
    if (value !== sent.current) { sent.current = value; setText(value); }
  }, [value]);
  useEffect(() => {
    if (text === sent.current) return undefined;
    const timer = setTimeout(() => { sent.current = text; setParams({ [name]: text.trim() }); }, wait);
    return () => clearTimeout(timer);
  }, [text]);
  return html`
    <label class=${cls("field", width)}><span>${label}</span>
      <input ref=${input} type=${numeric ? "number" : "search"} min=${numeric ? 0 : undefined} step=${numeric ? "any" : undefined} name=${name}
        value=${text} placeholder=${placeholder} class=${cls(value && "set")} autocomplete="off" spellcheck="false"
        onInput=${(event) => setText(event.target.value)} />
      ${unit && html`<span class="field-unit">${unit}</span>`}
    </label>`;
}

export const Toggle = ({ name, label, value, on = "1" }) => html`
  <button class=${cls("toggle", value === on && "on")} aria-pressed=${value === on}
    onClick=${() => setParams({ [name]: value === on ? "" : on })}>${label}</button>`;

/** One of several, as adjoining buttons. */
export const Choice = ({ label, value, options, onChange }) => html`
  <div class="range choice" role="group" aria-label=${label}>
    ${options.map(([key, text]) => html`<button key=${key} class=${cls("seg", key === value && "on")}
      aria-pressed=${key === value} onClick=${() => onChange(key)}>${text}</button>`)}
  </div>`;

export const Filters = ({ children, label = "Filters" }) => html`<div class="filters" role="group" aria-label=${label}>${children}</div>`;
