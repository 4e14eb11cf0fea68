/** The URL is the state: path for the screen, query for its filters, range and theme. */
import { useEffect, useReducer } from "./html.js";

const CARRIED = ["range", "from", "to", "live", "theme"];
const listeners = new Set();

/** @returns {{path: string, segments: string[], params: Record<string, string>}} */
export function route() {
  return {
    path: location.pathname,
    segments: location.pathname.split("/").filter(Boolean).map(decodeURIComponent),
    params: Object.fromEntries(new URLSearchParams(location.search)),
  };
}

function build(path, params) {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(params)) {
    if (value !== undefined && value !== null && value !== "") query.set(key, value);
  }
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}

/** A link to a screen that keeps the time window and the theme of the present one. */
export function href(path, params = {}) {
  const now = route().params;
  const carried = Object.fromEntries(CARRIED.filter((key) => key in now).map((key) => [key, now[key]]));
  return build(path, { ...carried, ...params });
}

/** Path of segments, each escaped. */
export const path = (...segments) => `/${segments.map(encodeURIComponent).join("/")}`;

export function navigate(url, { replace = false } = {}) {
  if (url === location.pathname + location.search) return;
  history[replace ? "replaceState" : "pushState"]({ inside: true }, "", url);
  for (const listener of listeners) listener();
}

/** Changes some query parameters of the present screen; an empty value removes one. */
export function setParams(patch, { replace = true } = {}) {
  const { path: here, params } = route();
  navigate(build(here, { ...params, ...patch }), { replace });
}

/** Back to the screen one came from, or to `fallback` when the page was opened directly. */
export function back(fallback) {
  if (history.state?.inside) history.back();
  else navigate(href(fallback));
}

export function useRoute() {
  const [, redraw] = useReducer((count) => count + 1, 0);
  useEffect(() => {
    listeners.add(redraw);
    return () => listeners.delete(redraw);
  }, []);
  return route();
}

function onClick(event) {
  if (event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey) return;
  const link = event.target.closest?.("a[href]");
  if (!link || link.target || link.hasAttribute("download") || link.origin !== location.origin) return;
  if (link.pathname.startsWith("/api/") || link.hash) return;
  event.preventDefault();
  navigate(link.pathname + link.search);
}

export function startRouter() {
  document.addEventListener("click", onClick);
  addEventListener("popstate", () => listeners.forEach((listener) => listener()));
}
