/** Says over a held list that newer lines wait, and goes to them. */
import * as format from "../lib/format.js";
import { html } from "../lib/html.js";

export const Newer = ({ waiting, most = Infinity, stopped, onFollow }) => (waiting > 0 || stopped) && html`
  <button class="button follow" onClick=${onFollow}>${waiting ? `${format.count(Math.min(waiting, most))}${waiting >= most ? "+" : ""} newer` : "Tail stopped"} · back to the newest</button>`;
