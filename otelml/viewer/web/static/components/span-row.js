/** One line of the waterfall: the tree on the left, the bar on the right. */
import * as format from "../lib/format.js";
import { cls, html, useMemo } from "../lib/html.js";
import { serviceColour, spanColour } from "../lib/services.js";
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

/** Where a stretch lies in the view, cut to it; nothing where it lies outside. */
function place([from, to], view) {
  const low = Math.max(from, view.from);
  const high = Math.min(to, view.from + view.span);
  return high >= low && { left: share(low - view.from, view.span), width: share(high - low, view.span) };
}

const Pieces = ({ parts, view, name }) => parts.map((part) => {
  const style = place(part, view);
  return style && html`<span key=${`${name}${part[0]}`} class=${name} style=${style}></span>`;
});

function BarTime({ span, view }) {
  const left = Math.max(span.offset - view.from, 0);
  const right = Math.min(span.offset + span.duration - view.from, view.span);
  const flip = right > view.span * 0.8;
  const inside = flip && left < view.span * 0.2;
  return html`<span class=${cls("bar-time", flip && "flip", inside && "inside")}
    style=${flip ? { right: share(inside ? 0 : view.span - left, view.span) } : { left: share(right, view.span) }}>${format.duration(span.duration)}</span>`;
}

function Bar({ span, children, view, critical }) {
  const style = place([span.offset, span.offset + span.duration], view);
  if (!style) {
    return html`<span class=${cls("bar-away", span.offset < view.from ? "before" : "after")}>${span.offset < view.from ? "‹" : "›"}</span>`;
  }
  const leaf = !children.length;
  return html`
    <span class=${cls("bar", span.inferred && "inferred", span.status === "error" && "bad", leaf && "leaf")} style=${style}></span>
    ${!leaf && html`<${Pieces} name="bar-self" parts=${selfParts(span, children)} view=${view} />`}
    ${critical && html`<${Pieces} name="bar-critical" parts=${span.critical} view=${view} />`}
    <${BarTime} span=${span} view=${view} />`;
}

function describe(span) {
  const held = span.critical.reduce((sum, [from, to]) => sum + to - from, 0);
  return [span.title, span.service, format.duration(span.duration), `self ${format.duration(span.self)}`,
    held > 0 && `${format.duration(held)} on the critical path`, span.status === "error" && "failed",
    span.inferred && "inferred stage", span.missing_parent && "parent missing", span.skew && `clock shifted by ${format.duration(span.skew)}`].filter(Boolean).join(", ");
}

const Skewed = ({ ms }) => html`<span class="tag skewed" title=${`The clocks disagree: shifted by ${format.duration(ms)} to lie where its parent can have caused it`}>${ms > 0 ? "+" : "−"}${format.duration(Math.abs(ms))}</span>`;

/**
 * @param {{span: object, index: number, children: object[], folded: boolean, selected: boolean, dim: boolean, critical: boolean,
 *   view: {from: number, span: number}, onSelect: (id: string) => void, onFold: (id: string) => void}} props
 */
export function SpanRow({ span, index, children, folded, selected, dim, critical, view, onSelect, onFold }) {
  const failed = span.status === "error";
  // While one scrolls, only lines that come into view are made.
  return useMemo(() => html`
    <div id=${`span-${span.span_id}`} role="treeitem" aria-level=${span.depth + 1} aria-posinset=${index + 1} aria-selected=${selected}
      aria-expanded=${span.children ? !folded : undefined} class=${cls("span-row", selected && "on", dim && "dim", failed && "is-failing")} onClick=${() => onSelect(span.span_id)}>
      <span class="vh">${describe(span)}</span>
      <span class="span-name" aria-hidden="true" style=${{ paddingLeft: `${8 + Math.min(span.depth, MOST_INDENT) * INDENT_PX}px` }}>
        <span class="fold" onClick=${(event) => { event.stopPropagation(); if (span.children) onFold(span.span_id); }}>
          ${span.children > 0 && html`<${Icon} name=${folded ? "right" : "down"} />`}</span>
        <span class="stage-mark" style=${{ background: `var(${spanColour(span)})` }}></span>
        <span class=${cls("ellipsis", failed && "fail")} title=${span.name}>${span.title}</span>
        ${span.missing_parent && html`<span class="warn" title=${`Its parent ${span.parent_id} is not stored here`}>↥</span>`}
        ${folded && html`<span class="faint">+${span.children}</span>`}
        ${span.missing_parent && html`<span class="warn" title=${`Its parent ${span.parent_id} is not stored here`}>↥</span>`}
        ${span.skew !== 0 && html`<${Skewed} ms=${span.skew} />`}
        <span class="faint ellipsis span-service"><span class="swatch" style=${{ background: `var(${serviceColour(span.service)})` }}></span>${span.service}</span>
      </span>
      <span class="span-lane" aria-hidden="true" style=${{ "--bar": `var(${spanColour(span)})` }}><${Bar} span=${span} children=${children} view=${view} critical=${critical} /></span>
      <span class="num span-self" aria-hidden="true">${format.duration(span.self)}</span>
      <span class="num span-total" aria-hidden="true">${format.duration(span.duration)}</span>
    </div>`, [span, index, children, folded, selected, dim, critical, view.from, view.span, serviceColour(span.service)]);
}
