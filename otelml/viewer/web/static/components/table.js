/** A dense table: sortable heads, a link in each line's first cell, columns that give way on small windows. */
import { cls, html, useLayoutEffect, useRef, useState } from "../lib/html.js";
import { useHeldRows, useReading } from "../lib/reading.js";
import { navigate } from "../lib/router.js";
import { Newer } from "./newer.js";

/**
 * @typedef {object} Column
 * @property {string} key
 * @property {string} label
 * @property {(row: any) => any} [cell] what is shown; the value itself when left out
 * @property {(row: any) => any} [value] what is sorted by
 * @property {boolean} [num] right-aligned
 * @property {1|2} [minor] 1: hidden below 1000 px; 2: hidden below 1300 px
 * @property {boolean} [grow] takes the room that is left
 * @property {boolean} [sort] false when the order means nothing
 */

function compare(a, b) {
  const missing = (value) => value === null || value === undefined || Number.isNaN(value);
  if (missing(a) || missing(b)) return missing(a) - missing(b);
  return typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));
}

function sorted(rows, column, down) {
  if (!column) return rows;
  const value = column.value ?? ((row) => row[column.key]);
  return [...rows].sort((a, b) => (down ? -1 : 1) * compare(value(a), value(b)));
}

const columnClass = (column) => cls(column.num && "num", column.minor && `minor-${column.minor}`, column.grow && "fill", column.class);

function Head({ column, order, onOrder }) {
  const active = order?.key === column.key;
  const aria = active ? (order.down ? "descending" : "ascending") : undefined;
  if (column.sort === false) return html`<th scope="col" class=${columnClass(column)}>${column.label}</th>`;
  return html`<th scope="col" class=${columnClass(column)} aria-sort=${aria}>
    <button onClick=${() => onOrder({ key: column.key, down: active ? !order.down : Boolean(column.num) })}>
      ${column.label}<span class="sort" aria-hidden="true">${active ? (order.down ? "↓" : "↑") : ""}</span>
    </button></th>`;
}

const LONG = 40;

/**
 * Columns never get narrower than they were, or each new text would move those beside it. In a new width they may,
 * and where the table would no longer fit although its texts do.
 */
function useWidths(box) {
  const seen = useRef({ width: 0, widths: [], wide: false });
  useLayoutEffect(() => {
    const element = box.current;
    const heads = [...element.querySelectorAll(":scope > table > thead th")];
    const { current } = seen;
    const wide = element.scrollWidth > element.clientWidth;
    if (element.clientWidth !== current.width || heads.length !== current.widths.length || (wide && !current.wide)) {
      for (const head of heads) head.style.minWidth = "";
      seen.current = { width: element.clientWidth, widths: heads.map(() => 0), wide: element.scrollWidth > element.clientWidth };
    }
    const { widths } = seen.current;
    heads.map((head) => head.offsetWidth).forEach((width, index) => {
      if (heads[index].classList.contains("fill") || width <= widths[index]) return;
      widths[index] = width;
      heads[index].style.minWidth = `${width}px`;
    });
  });
}

/**
 * Lines are kept by place, not by row: newer rows change what a line says, and no line moves. While someone reads
 * the table its rows stay; `hold` says what it is about, and a change of that shows the newest at once.
 * `sent` is the order that the rows come in; `onSent` asks for them in another, if it can.
 * @param {{columns: Column[], rows: any[], label: string, id: (row: any) => string, hold?: string,
 *   link?: (row: any) => string, first?: {key: string, down: boolean}, mark?: (row: any) => string,
 *   sent?: {key: string, down: boolean}, onSent?: (key: string) => boolean}} props
 */
export function Table({ columns, rows, label, id, link, first = null, mark, hold, sent = null, onSent }) {
  const [own, setOwn] = useState(first);
  const order = own ?? sent;
  const setOrder = (next) => setOwn(onSent?.(next.key) ? null : next);
  const box = useRef(null);
  const { reading, release } = useReading(box);
  useWidths(box);
  const column = own && columns.find((each) => each.key === own.key);
  const held = useHeldRows(sorted(rows, column, own?.down), id, `${hold} ${order?.key} ${order?.down}`, reading && hold !== undefined);
  const open = (event, row) => {
    if (!link || event.target.closest("a,button") || getSelection().toString()) return;
    navigate(link(row));
  };
  return html`
    <div class="table-box" ref=${box}>
      <table aria-label=${label} class=${cls("table", link && "linked")}>
        <thead><tr>${columns.map((each) => html`<${Head} key=${each.key} column=${each} order=${order} onOrder=${setOrder} />`)}</tr></thead>
        <tbody>${held.rows.map((row, place) => html`
          <tr key=${place} class=${mark?.(row)} onClick=${(event) => open(event, row)}>
            ${columns.map((each, index) => {
              const content = each.cell ? each.cell(row) : row[each.key];
              return html`<td key=${each.key} class=${columnClass(each)} title=${typeof content === "string" && content.length > LONG ? content.slice(0, 1000) : undefined}>
                ${index === 0 && link ? html`<a class="row-link" href=${link(row)}>${content}</a>` : content}</td>`;
            })}
          </tr>`)}
        </tbody>
      </table>
    </div>
    <${Newer} waiting=${held.waiting} most=${rows.length} onFollow=${release} />`;
}
