/** Attributes as names and values; what is long or has lines of its own is folded. */
import * as format from "../lib/format.js";
import { html } from "../lib/html.js";
import { ATTRIBUTE } from "../lib/names.js";
import { href, path } from "../lib/router.js";
import { Copy } from "./feedback.js";

const LONG = 300;
const FIRST = 120;

const firstLine = (text) => {
  const line = text.trimStart().split("\n", 1)[0];
  return line.length > FIRST ? `${line.slice(0, FIRST)}…` : line;
};

/** Text with its own lines, such as a stack trace: one line until it is opened. */
export const Folded = ({ text, label = firstLine(text), open = false }) => html`
  <details class="folded" open=${open}><summary><span class="ellipsis">${label}</span>
    <span class="faint nowrap">${text.includes("\n") ? `${format.count(text.trimEnd().split("\n").length)} lines` : `${format.count(text.length)} characters`}</span></summary>
    <div class="folded-text"><pre tabindex="0">${text}</pre><${Copy} text=${text} label="Copy" /></div></details>`;

const folds = (text) => text.includes("\n") || text.length > LONG;

/** A sender's text, folded where it is long. */
export const Text = ({ text, mono = false }) => (folds(text) ? html`<${Folded} text=${text} />` : html`<span class=${mono ? "mono break" : "break"} dir="auto">${text}</span>`);

function Value({ name, value, all }) {
  const text = format.plain(value);
  if (folds(text)) return html`<${Folded} text=${text} />`;
  return html`<span dir="auto">${name === ATTRIBUTE.model ? html`<a href=${href(path("models", text), { version: all[ATTRIBUTE.version] })}>${text}</a>` : text === "" ? html`<span class="faint">empty</span>` : text}</span>
    <${Copy} text=${text} label=${`Copy ${name}`} />`;
}

const Dropped = ({ count: dropped, what = "more" }) => dropped > 0 && html`
  <p class="dropped">${format.count(dropped)} ${what} dropped by the sender.</p>`;

/** @param {{title?: string, values: Record<string, any>, dropped?: number}} props */
export function Pairs({ title, values, dropped = 0 }) {
  const names = Object.keys(values ?? {}).sort();
  return (names.length > 0 || dropped > 0) && html`
    ${title && html`<h3>${title}</h3>`}
    <dl class="pairs">${names.map((name) => html`<div key=${name} class="pair"><dt title=${name} dir="auto">${name}</dt>
      <dd><${Value} name=${name} value=${values[name]} all=${values} /></dd></div>`)}</dl>
    <${Dropped} count=${dropped} what=${dropped === 1 ? "attribute was" : "attributes were"} />`;
}

/** What the sender left out of a list. */
export const LeftOut = ({ count: dropped, one, many }) => html`<${Dropped} count=${dropped} what=${dropped === 1 ? `${one} was` : `${many} were`} />`;
