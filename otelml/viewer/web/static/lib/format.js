/** Numbers, times and units as people read them: rounded to what is meaningful. */

const NBSP = "\u202f";
const missing = "–";
const isNumber = (value) => typeof value === "number" && Number.isFinite(value);
const grouped = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

/** Three significant digits, no exponent for everyday sizes. */
export function number(value) {
  if (!isNumber(value)) return missing;
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size >= 1e9) return `${trim(value / 1e9)}G`;
  if (size >= 1e6) return `${trim(value / 1e6)}M`;
  if (size >= 1e4) return `${trim(value / 1e3)}k`;
  if (size >= 1e3) return grouped.format(value);
  if (size < 1e-3) return value.toExponential(1).replace("e-", "e−");
  return trim(value);
}

function trim(value) {
  const size = Math.abs(value);
  const digits = size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;
  return String(Number(value.toFixed(digits)));
}

/** A whole count with thousands separators. */
export const count = (value) => (isNumber(value) ? grouped.format(Math.round(value)) : missing);

/** Milliseconds: `0.42 ms`, `3.1 ms`, `18 ms`, `1.24 s`, `2 m 05 s`. */
export function duration(ms) {
  if (!isNumber(ms)) return missing;
  const size = Math.abs(ms);
  if (size === 0) return `0${NBSP}ms`;
  if (size < 0.001) return `${trim(ms * 1e6)}${NBSP}ns`;
  if (size < 0.1) return `${trim(ms * 1e3)}${NBSP}µs`;
  if (size < 1) return `${ms.toFixed(2)}${NBSP}ms`;
  if (size < 10) return `${ms.toFixed(1)}${NBSP}ms`;
  if (size < 1000) return `${Math.round(ms)}${NBSP}ms`;
  if (size < 10e3) return `${(ms / 1e3).toFixed(2)}${NBSP}s`;
  if (size < 60e3) return `${trim(ms / 1e3)}${NBSP}s`;
  if (size < 3600e3) return `${Math.floor(ms / 60e3)}${NBSP}m ${pad(Math.floor((ms % 60e3) / 1e3))}${NBSP}s`;
  if (size < 86400e3) return `${Math.floor(ms / 3600e3)}${NBSP}h ${pad(Math.floor((ms % 3600e3) / 60e3))}${NBSP}m`;
  return `${trim(ms / 86400e3)}${NBSP}d`;
}

/** A duration on an axis, where `2.5 ms` may not be called `3 ms`. */
export function durationTick(ms) {
  const [size, unit] = [[86400e3, "d"], [3600e3, "h"], [60e3, "min"], [1e3, "s"], [1, "ms"], [1e-3, "µs"], [1e-6, "ns"]]
    .find(([least]) => Math.abs(ms) >= least * 0.999) ?? [1, "ms"];
  return `${Number((ms / size).toPrecision(3))}${NBSP}${unit}`;
}

/** `.912`; exactly one is `1.0`. */
export function ratio(value, digits = 3) {
  if (!isNumber(value)) return missing;
  if (value >= 1 - 0.5 * 10 ** -digits && value <= 1) return "1.0";
  return value.toFixed(digits).replace(/^(-?)0\./, "$1.");
}

/** A share of one as `0.3 %`. */
export function percent(value) {
  if (!isNumber(value)) return missing;
  const share = value * 100;
  if (share === 0) return `0${NBSP}%`;
  if (share < 0.1) return `<0.1${NBSP}%`;
  return `${share >= 10 && share < 99.95 ? Math.round(share) : Number(share.toFixed(1))}${NBSP}%`;
}

/** `41.2/s`; slow rates by the minute or the hour. */
export function rate(value) {
  if (!isNumber(value)) return missing;
  if (value === 0) return "0/s";
  if (value >= 0.095) return `${value >= 1000 ? number(value) : value >= 99.5 ? value.toFixed(0) : value.toFixed(1)}/s`;
  if (value * 60 >= 0.095) return `${(value * 60).toFixed(1)}/min`;
  return `${(value * 3600).toFixed(1)}/h`;
}

/** `1.4 GiB`. */
export function bytes(value) {
  if (!isNumber(value)) return missing;
  const steps = ["B", "KiB", "MiB", "GiB", "TiB"];
  let size = value;
  let step = 0;
  while (Math.abs(size) >= 1024 && step < steps.length - 1) { size /= 1024; step += 1; }
  return `${trim(size)}${NBSP}${steps[step]}`;
}

/** The word behind a UCUM annotation: `{prediction}` is `prediction`. */
export const unitName = (unit) => (!unit || unit === "1" ? "" : UNITS[unit] ?? unit.replace(/[{}]/g, ""));
const UNITS = { s: "seconds", ms: "milliseconds", By: "bytes", "%": "percent" };

/** A value in the UCUM unit of its metric; `perSecond` for rates. */
export function withUnit(value, unit, perSecond = false) {
  if (!isNumber(value)) return missing;
  const tail = perSecond ? "/s" : "";
  if (unit === "s") return perSecond ? `${number(value)}${NBSP}s/s` : duration(value * 1e3);
  if (unit === "ms") return perSecond ? `${number(value)}${NBSP}ms/s` : duration(value);
  if (unit === "By") return bytes(value) + tail;
  if (!unit || unit === "1") return number(value) + tail;
  if (unit === "%") return `${number(value)}${NBSP}%${tail}`;
  return number(value) + tail;
}

const pad = (value, width = 2) => String(value).padStart(width, "0");

/** Local clock time; seconds, and milliseconds when asked. */
export function clock(ms, { millis = false, seconds = true } = {}) {
  if (!isNumber(ms)) return missing;
  const at = new Date(ms);
  const head = `${pad(at.getHours())}:${pad(at.getMinutes())}`;
  if (!seconds) return head;
  return `${head}:${pad(at.getSeconds())}${millis ? `.${pad(at.getMilliseconds(), 3)}` : ""}`;
}

/** Clock time, with the day before it when that is not today. */
export function stamp(ms, options) {
  if (!isNumber(ms)) return missing;
  const at = new Date(ms);
  const today = new Date().toDateString() === at.toDateString();
  const day = `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())}`;
  return today ? clock(ms, options) : `${day} ${clock(ms, options)}`;
}

/** The same instant in UTC, for a title. */
export const utc = (ms) => (isNumber(ms) ? new Date(ms).toISOString().replace("T", " ").replace("Z", " UTC") : "");

/** `4 s ago`, `12 m ago`, `3 h ago`, `12 d ago`. */
export function ago(ms, now = Date.now()) {
  if (!isNumber(ms)) return missing;
  return `${age(now - ms)} ago`;
}

export function age(ms) {
  const s = Math.max(0, ms / 1000);
  if (s < 90) return `${Math.round(s)}${NBSP}s`;
  if (s < 5400) return `${Math.round(s / 60)}${NBSP}min`;
  if (s < 129600) return `${Math.round(s / 3600)}${NBSP}h`;
  return `${Math.round(s / 86400)}${NBSP}d`;
}

export const shortId = (id) => (id ? id.slice(0, 8) : missing);

/** Any attribute value as one line of text. */
export function plain(value) {
  if (value === null || value === undefined) return missing;
  if (typeof value === "string") return value;
  return JSON.stringify(value);
}
