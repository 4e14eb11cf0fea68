/** The stretch of a trace that its waterfall shows, in milliseconds from its start; the URL holds it. */
const NANOSECOND = 1e-6;
const round = (ms) => Number(ms.toFixed(6));

/** @returns {{from: number, span: number, whole: boolean}} */
export function viewOf(text, duration) {
  const whole = Math.max(duration, NANOSECOND);
  const [from, to] = (text ?? "").split("~").map(Number);
  const low = Math.max(0, from);
  const high = Math.min(whole, to);
  if (!text || !(high - low >= NANOSECOND)) return { from: 0, span: whole, whole: true };
  return { from: low, span: high - low, whole: false };
}

/** The two ends as the URL has them; empty where that is everything. */
export function viewText(from, to, duration) {
  const low = Math.max(0, from);
  const high = Math.min(duration, to);
  if (high - low < NANOSECOND || (low <= 0 && high >= duration)) return "";
  return `${round(low)}~${round(high)}`;
}

/** Ends of a view `factor` times as wide, around a share of the present one. */
export function scaled(view, factor, at = 0.5) {
  const span = view.span * factor;
  const from = view.from + at * (view.span - span);
  return [from, from + span];
}

/** Ends of a view moved by a share of its width, which stays inside the trace. */
export function moved(view, share, duration) {
  const from = Math.min(Math.max(0, view.from + share * view.span), Math.max(0, duration - view.span));
  return [from, from + view.span];
}
