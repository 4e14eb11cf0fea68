/** The table behind a chart: unseen until the keyboard enters it. */
import * as format from "../lib/format.js";
import { html, useState } from "../lib/html.js";
import { href, path } from "../lib/router.js";

const MOST_ROWS = 24;
const MOST_LINKS = 12;

function sample(length) {
  const step = Math.max(1, Math.ceil(length / MOST_ROWS));
  return Array.from({ length: Math.ceil(length / step) }, (_, index) => index * step);
}

export function ChartTable({ x, series, dots, label, time, yFormat, xFormat = format.number, xLabel, rows }) {
  const [open, setOpen] = useState(false);
  const head = rows ? rows.head : [xLabel ?? "Time", ...series.map((each) => each.label)];
  const stamp = (value) => (time === false ? xFormat(value) : format.stamp(value * 1000));
  const body = rows ? rows.body : sample(x.length).map((at) => [
    stamp(x[at]), ...series.map((each) => {
      const value = (each.shown ?? each.values)[at];
      return value === null || value === undefined ? "–" : yFormat(value);
    }),
  ]);
  return html`
    <div class="behind" data-open=${String(open)}>
      <button class="behind-toggle" aria-expanded=${open} onClick=${() => setOpen(!open)}
        onKeyDown=${(event) => event.key === "Escape" && setOpen(false)}>Table: ${label}</button>
      <div class="behind-body" tabindex=${open ? 0 : undefined}>
        <table><caption>${label}</caption>
          <thead><tr>${head.map((text) => html`<th key=${text} scope="col">${text}</th>`)}</tr></thead>
          <tbody>${body.map((cells, index) => html`<tr key=${index}>${cells.map((cell, at) => html`<td key=${at}>${cell}</td>`)}</tr>`)}</tbody>
        </table>
        ${open && dots.length > 0 && html`<ul>${dots.slice(0, MOST_LINKS).map((dot) => html`
          <li key=${dot.trace_id + dot.span_id}><a href=${href(path("traces", dot.trace_id), { span: dot.span_id })}>${dot.title ?? dot.trace_id}</a></li>`)}</ul>`}
      </div>
    </div>`;
}
