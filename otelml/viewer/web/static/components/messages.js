/** What was said to a language model, and what it answered. */
import { html } from "../lib/html.js";
import { Copy } from "./feedback.js";

const ARROWS = { in: "to", out: "from" };

/** @param {{messages: {direction: "in"|"out", role: string, content: string}[]}} props */
export const Messages = ({ messages = [] }) => messages.length > 0 && html`
  <h3>Messages</h3>
  <ol class="messages">${messages.map((each, index) => html`<li key=${index} class=${`message ${each.direction}`}>
    <div class="message-head"><span class="tag">${each.role}</span><span class="faint">${ARROWS[each.direction]} the model</span><span class="grow"></span><${Copy} text=${each.content} label="Copy message" /></div>
    <pre tabindex="0">${each.content}</pre></li>`)}</ol>`;
