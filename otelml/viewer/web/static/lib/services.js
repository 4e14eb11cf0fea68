/** Which service has which colour: told by its name, and kept apart while there are colours left. */
import { stageColour } from "./theme.js";

const COLOURS = ["--service-1", "--service-2", "--service-3", "--service-4", "--service-5", "--service-6", "--service-7", "--service-8"];
const chosen = new Map();
let known = null;

function hash(name) {
  let found = 0;
  for (const letter of name) found = (found * 31 + letter.charCodeAt(0)) >>> 0;
  return found;
}

function choose(name) {
  const first = hash(name) % COLOURS.length;
  const taken = new Set(chosen.values());
  const order = COLOURS.map((_, step) => COLOURS[(first + step) % COLOURS.length]);
  chosen.set(name, order.find((token) => !taken.has(token)) ?? order[0]);
}

/** Gives all stored services their colours in one order, so that a service has the same on every page. */
export function knowServices(names) {
  if (names === known) return;
  known = names;
  const later = [...chosen.keys()].filter((name) => !names.includes(name));
  chosen.clear();
  [...names].sort().concat(later).forEach(choose);
}

/** Colour token of a service; stages' own colours are not among them. */
export function serviceColour(name) {
  if (!name) return "--span-neutral";
  if (!chosen.has(name)) choose(name);
  return chosen.get(name);
}

/** A stage keeps its fixed colour; any other span has that of its service. */
export const spanColour = (span) => (span.stage ? stageColour(span.stage) : serviceColour(span.service));
