/** One line of the waterfall: the tree on the left, the bar on the right. */
import * as format from "../lib/format.js";
import { cls, html } from "../lib/html.js";
import { stageColour } from "../lib/theme.js";
import { Icon } from "./icons.js";

const INDENT_PX = 14;
const MOST_INDENT = 12;
const share = (part, whole) => `${whole > 0 ? (100 * part) / whole : 0}%`;

/** Stretches of a span in which none of its children ran. */
function selfParts(span, children) {
  const parts = [];
  let at = span.offset;
  const end = span.offset + span.duration;
  for (const child of children) {
    if (child.offset > at) parts.push([at, Math.min(child.offset, end)]);
    at = Math.max(at, child.offset + child.duration);
  }
  if (at < end) parts.push([at, end]);
  return parts;
}

function Bar({ span, children, view }) {
  const left = span.offset - view.from;
  const style = { left: share(left, view.span), width: share(span.duration, view.span), "--bar": `var(${stageColour(span.stage)})` };
  const flip = left + span.duration > view.span * 0.8;
  const inside = flip && left < view.span * 0.2;
  return html`
    <span class=${cls("bar", span.inferred && "inferred", span.status === "error" && "bad", !children.length && "leaf")} style=${style}>
      ${children.length > 0 && selfParts(span, children).map(([from, to]) => html`<span key=${from} class="bar-self"
        style=${{ left: share(from - span.offset, span.duration), width: share(to - from, span.duration) }}></span>`)}
    </span>
    <span class=${cls("bar-time", flip && "flip", inside && "inside")}
      style=${flip ? { right: share(inside ? 0 : view.span - left, view.span) } : { left: share(left + span.duration, view.span) }}>${format.duration(span.duration)}</span>`;
}

/**
 * @param {{span: object, index: number, children: object[], folded: boolean, selected: boolean, dim: boolean,
 *   view: {from: number, span: number}, onSelect: (id: string) => void, onFold: (id: string) => void}} props
 */
export function SpanRow({ span, index, children, folded, selected, dim, view, onSelect, onFold }) {
  const failed = span.status === "error";
  return html`
    <div id=${`span-${span.span_id}`} role="treeitem" aria-level=${span.depth + 1} aria-posinset=${index + 1} aria-selected=${selected}
      aria-expanded=${span.children ? !folded : undefined} class=${cls("span-row", selected && "on", dim && "dim", failed && "is-failing")}
      aria-label=${`${span.name}, ${span.service}, ${format.duration(span.duration)}, self ${format.duration(span.self)}${failed ? ", failed" : ""}${span.inferred ? ", inferred stage" : ""}`}
      onClick=${() => onSelect(span.span_id)}>
      <span class="span-name" style=${{ paddingLeft: `${8 + Math.min(span.depth, MOST_INDENT) * INDENT_PX}px` }}>
        <span class="fold" onClick=${(event) => { event.stopPropagation(); if (span.children) onFold(span.span_id); }}>
          ${span.children > 0 && html`<${Icon} name=${folded ? "right" : "down"} />`}</span>
        <span class="stage-mark" style=${{ background: `var(${stageColour(span.stage)})` }}></span>
        <span class=${cls("ellipsis", failed && "fail")} title=${span.name}>${span.name}</span>
        ${folded && html`<span class="faint">+${span.children}</span>`}
        <span class="faint ellipsis span-service">${span.service}</span>
      </span>
      <span class="span-lane"><${Bar} span=${span} children=${children} view=${view} /></span>
      <span class="num span-self">${format.duration(span.self)}</span>
      <span class="num span-total">${format.duration(span.duration)}</span>
    </div>`;
}
