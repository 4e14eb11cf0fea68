/** Differences as people read them: with their sign, in the unit of what differs. */
import * as format from "./format.js";

const FORMATS = { ms: format.duration, ratio: format.percent, score: (value) => format.ratio(value), rate: format.rate };

/** @param {"ms"|"ratio"|"score"|"rate"} unit */
export const inUnit = (value, unit) => FORMATS[unit](value);

/** Of two shares the difference is in points, which are not percent of either. */
const points = (value) => `${Number((100 * value).toPrecision(2))}\u202fpts`;

/** `+12 ms`, `−3 pts`; `±0` where nothing differs. */
export function signed(value, unit) {
  if (value === null || value === undefined) return "–";
  if (value === 0) return "±0";
  return `${value > 0 ? "+" : "−"}${unit === "ratio" ? points(Math.abs(value)) : inUnit(Math.abs(value), unit)}`;
}

/** How much of the first the difference is: `×1.9`, `+12 %`. */
export function relative(before, difference) {
  if (!before || difference === null || difference === undefined) return "";
  const factor = (before + difference) / before;
  if (factor >= 2) return `×${format.number(factor)}`;
  return factor === 1 ? "±0" : `${factor > 1 ? "+" : "−"}${format.percent(Math.abs(factor - 1))}`;
}
