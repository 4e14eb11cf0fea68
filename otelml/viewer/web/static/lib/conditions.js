/** Filters `key=value` and `key!=value`, one a line in the URL. */

/** @returns {{key: string, equal: boolean, value: string}|null} null where it is none */
export function condition(text) {
  const at = text.indexOf("=");
  if (at < 1) return null;
  const equal = text[at - 1] !== "!";
  const key = text.slice(0, equal ? at : at - 1).trim();
  return key && { key, equal, value: text.slice(at + 1).trim() };
}

export const written = ({ key, equal, value }) => `${key}${equal ? "=" : "!="}${value}`;

export const conditions = (where) => (where ?? "").split("\n").map(condition).filter(Boolean);

/** The parameter with a condition more; line breaks of a value are spaces, as for the API. */
export function withCondition(where, added) {
  const line = written({ ...added, value: added.value.replace(/\r?\n/g, " ") });
  const lines = (where ?? "").split("\n").filter(Boolean);
  return lines.includes(line) ? where : [...lines, line].join("\n");
}

export const without = (where, removed) => conditions(where).map(written).filter((line) => line !== written(removed)).join("\n");
