/** One line of two traces laid over each other. */
import { relative, signed } from "../lib/difference.js";
import * as format from "../lib/format.js";
import { cls, html } from "../lib/html.js";
import { serviceColour, spanColour } from "../lib/services.js";

const INDENT_PX = 14;
const MOST_INDENT = 12;
const share = (part, whole) => `${whole > 0 ? (100 * part) / whole : 0}%`;

const STATES = { added: "only in B", missing: "only in A" };
export const stateOf = (row) => (row.a ? (row.b ? "" : "missing") : "added");

const counted = (row) => {
  const [a, b] = [row.a?.count ?? 0, row.b?.count ?? 0];
  if (!a || !b || a === b) return Math.max(a, b) === 1 ? "" : `×${Math.max(a, b)}`;
  return `×${a} → ×${b}`;
};

function describe(row) {
  const state = STATES[stateOf(row)];
  return [row.name, row.service, state, counted(row), `A ${format.duration(row.a?.duration)}`, `B ${format.duration(row.b?.duration)}`,
    `difference ${signed(row.difference, "ms")}`, row.changed.length > 0 && `${row.changed.length} attributes changed`].filter(Boolean).join(", ");
}

const Bar = ({ side, name, most }) => html`<span class=${cls("compare-bar", name, side?.errors && "bad")} style=${{ width: share(side?.duration ?? 0, most) }}></span>`;

/** @param {{row: object, most: number, selected: boolean, onSelect: (id: number) => void}} props `most` is the longest time of all lines */
export function CompareRow({ row, most, selected, onSelect }) {
  const state = stateOf(row);
  return html`
    <div id=${`row-${row.id}`} role="treeitem" aria-level=${row.depth + 1} aria-selected=${selected}
      class=${cls("compare-row", selected && "on", state)} onClick=${() => onSelect(row.id)}>
      <span class="vh">${describe(row)}</span>
      <span class="span-name" aria-hidden="true" style=${{ paddingLeft: `${16 + Math.min(row.depth, MOST_INDENT) * INDENT_PX}px` }}>
        <span class="stage-mark" style=${{ background: `var(${spanColour(row)})` }}></span>
        <span class="ellipsis" title=${row.name}>${row.name_before && row.name_before !== row.name ? `${row.name_before} → ${row.name}` : row.name}</span>
        ${counted(row) && html`<span class="tag">${counted(row)}</span>`}
        ${state && html`<span class=${`tag ${state}`}>${STATES[state]}</span>`}
        ${row.changed.length > 0 && html`<span class="tag" title="Attributes that differ">${row.changed.length} changed</span>`}
        <span class="faint ellipsis span-service"><span class="swatch" style=${{ background: `var(${serviceColour(row.service)})` }}></span>${row.service}</span>
      </span>
      <span class="compare-lane" aria-hidden="true"><${Bar} side=${row.a} name="a" most=${most} /><${Bar} side=${row.b} name="b" most=${most} /></span>
      <span class="num" aria-hidden="true">${format.duration(row.a?.duration)}</span>
      <span class="num" aria-hidden="true">${format.duration(row.b?.duration)}</span>
      <span class=${cls("num", row.difference > 0 && "more")} aria-hidden="true">${signed(row.difference, "ms")}</span>
      <span class="num compare-relative muted" aria-hidden="true">${row.a && row.b ? relative(row.a.duration, row.difference) : ""}</span>
      <span class="num compare-self muted" aria-hidden="true">${signed(row.self_difference, "ms")}</span>
    </div>`;
}
