/** The time window: a preset that moves with the clock, or two fixed ends. */
import { route, setParams } from "./router.js";

export const RANGES = {
  "5m": 300e3, "15m": 900e3, "1h": 3600e3, "6h": 21600e3, "24h": 86400e3, all: null,
};
const DEFAULT_RANGE = "15m";
let frozenAt = null;

/**
 * @returns {{key: string, range: string, fixed: boolean, live: boolean, from: number|null, to: number|null}}
 * Milliseconds since the epoch; both ends are null for `all`.
 */
export function timeWindow() {
  const { params } = route();
  const from = Number(params.from);
  const to = Number(params.to);
  const live = params.live !== "0";
  if (params.from && params.to && from < to) return { key: `${from}-${to}`, range: "", fixed: true, live: false, from, to };
  const range = params.range in RANGES ? params.range : DEFAULT_RANGE;
  if (live) frozenAt = null;
  else frozenAt ??= Date.now();
  const end = frozenAt ?? Date.now();
  const span = RANGES[range];
  return { key: `${range}${live}`, range, fixed: false, live, from: span === null ? null : end - span, to: span === null ? null : end };
}

export const setRange = (range) => setParams({ range, from: "", to: "" }, { replace: false });

/** Zooms to two ends in milliseconds; the URL holds them. */
export const zoom = (from, to) =>
  setParams({ from: Math.floor(from), to: Math.ceil(to) }, { replace: false });

export const unzoom = () => setParams({ from: "", to: "" }, { replace: false });

export const setLive = (live) => {
  frozenAt = live ? null : Date.now();
  setParams(live ? { live: "", from: "", to: "" } : { live: "0" });
};
