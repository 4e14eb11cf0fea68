/** The search for spans as a link: `service="loan-api" status=error`. */
import { href } from "./router.js";

const quoted = (value) => (/^[^\s"'\\]+$/.test(value) ? value : `"${value.replace(/[\\"]/g, "\\$&")}"`);

/** `key=value` terms of what is known, then any further ones. */
export function terms(known, ...more) {
  const named = Object.entries(known).filter(([, value]) => value).map(([key, value]) => `${key}=${quoted(value)}`);
  return [...named, ...more.filter(Boolean)].join(" ");
}

/** A link to the spans that a number is of. */
export const spansOf = (known, more = "", params = {}) => href("/traces", { view: "spans", query: terms(known, more), ...params });

/** At least so long, in the words of the search. */
export const longerThan = (ms) => (Number.isFinite(ms) && ms > 0 ? `duration>=${Number(ms.toPrecision(3))}ms` : "");
