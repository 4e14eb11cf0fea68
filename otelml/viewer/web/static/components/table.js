/** A dense table: sortable heads, a link in each line's first cell, columns that give way on small windows. */
import { cls, html, useState } from "../lib/html.js";
import { navigate } from "../lib/router.js";

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

/**
 * @param {{columns: Column[], rows: any[], label: string, id: (row: any) => string,
 *   link?: (row: any) => string, first?: {key: string, down: boolean}, mark?: (row: any) => string}} props
 */
export function Table({ columns, rows, label, id, link, first = null, mark }) {
  const [order, setOrder] = useState(first);
  const column = order && columns.find((each) => each.key === order.key);
  const shown = sorted(rows, column, order?.down);
  const open = (event, row) => {
    if (!link || event.target.closest("a,button") || getSelection().toString()) return;
    navigate(link(row));
  };
  return html`
    <div class="table-box">
      <table aria-label=${label} class=${cls("table", link && "linked")}>
        <thead><tr>${columns.map((each) => html`<${Head} key=${each.key} column=${each} order=${order} onOrder=${setOrder} />`)}</tr></thead>
        <tbody>${shown.map((row) => html`
          <tr key=${id(row)} class=${mark?.(row)} onClick=${(event) => open(event, row)}>
            ${columns.map((each, index) => {
              const content = each.cell ? each.cell(row) : row[each.key];
              return html`<td key=${each.key} class=${columnClass(each)}>
                ${index === 0 && link ? html`<a class="row-link" href=${link(row)}>${content}</a>` : content}</td>`;
            })}
          </tr>`)}
        </tbody>
      </table>
    </div>`;
}
