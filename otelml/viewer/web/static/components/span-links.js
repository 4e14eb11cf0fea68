/** The links of a span, and those of other traces to it. */
import * as format from "../lib/format.js";
import { html } from "../lib/html.js";
import { href, path } from "../lib/router.js";
import { When } from "./bits.js";
import { LeftOut, Pairs } from "./pairs.js";

const Linked = ({ link, word }) => html`
  <li class="event"><p class="event-head">${word} <a class="break" href=${href(path("traces", link.trace_id), { span: link.span_id })}>${link.name || format.shortId(link.trace_id)}</a>${" "}
    <span class="faint mono" title=${`Trace ${link.trace_id}, span ${link.span_id}`}>${format.shortId(link.trace_id)}</span>${link.time && html` <${When} ms=${link.time} />`}
    ${link.stored === false && html` <span class="faint">not stored here</span>`}</p>
    ${link.trace_state && html`<${Pairs} values=${{ "trace state": link.trace_state }} />`}
    <${Pairs} values=${link.attributes} dropped=${link.dropped} /></li>`;

export function Links({ span, backLinks }) {
  const incoming = backLinks.filter((link) => link.to_span_id === span.span_id);
  if (!span.links.length && !incoming.length && !span.dropped.links) return null;
  return html`<h3>Links</h3><ul class="events links">
    ${span.links.map((link, index) => html`<${Linked} key=${`to ${index}`} link=${link} word="to" />`)}
    ${incoming.map((link, index) => html`<${Linked} key=${`from ${index}`} link=${link} word="from" />`)}</ul>
    <${LeftOut} count=${span.dropped.links} one="link" many="links" />`;
}
