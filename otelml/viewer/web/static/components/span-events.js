/** The events of a span; an exception with its stack trace. */
import * as format from "../lib/format.js";
import { html } from "../lib/html.js";
import { EXCEPTION } from "../lib/names.js";
import { Folded, LeftOut, Pairs, Text } from "./pairs.js";

function without(attributes, names) {
  return Object.fromEntries(Object.entries(attributes).filter(([name]) => !names.includes(name)));
}

function Thrown({ attributes }) {
  const type = attributes[EXCEPTION.type];
  const message = attributes[EXCEPTION.message];
  const stack = attributes[EXCEPTION.stack];
  return html`
    <div class="fail thrown">${type && html`<strong><${Text} text=${format.plain(type)} /></strong>`}${type && message && ": "}${message && html`<${Text} text=${format.plain(message)} />`}</div>
    ${stack && html`<${Folded} text=${format.plain(stack)} label="Stack trace" />`}`;
}

function Event({ event }) {
  const { attributes } = event;
  const thrown = event.name === EXCEPTION.event || EXCEPTION.stack in attributes;
  const rest = thrown ? without(attributes, [EXCEPTION.type, EXCEPTION.message, EXCEPTION.stack]) : attributes;
  return html`<li class="event">
    <div class="event-head"><span class="muted nowrap">${event.offset < 0 ? "" : "+"}${format.duration(event.offset)}</span> <${Text} text=${event.name || "–"} /></div>
    ${thrown && html`<${Thrown} attributes=${attributes} />`}
    <${Pairs} values=${rest} dropped=${event.dropped} /></li>`;
}

export const Events = ({ events, dropped }) => (events.length > 0 || dropped > 0) && html`
  <h3>Events</h3>
  <ol class="events">${events.map((event, index) => html`<${Event} key=${index} event=${event} />`)}</ol>
  <${LeftOut} count=${dropped} one="event" many="events" />`;
