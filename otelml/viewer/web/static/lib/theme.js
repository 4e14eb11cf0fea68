/** Auto, light or dark; `theme-boot.js` applies it before the first paint. */
import { route, setParams } from "./router.js";

const KEY = "otelml.theme";
const listeners = new Set();
export const THEMES = ["auto", "light", "dark"];

export function theme() {
  const wanted = route().params.theme ?? localStorage.getItem(KEY);
  return THEMES.includes(wanted) ? wanted : "auto";
}

export function setTheme(next) {
  localStorage.setItem(KEY, next);
  if (route().params.theme) setParams({ theme: "" });
  apply(next);
}

function apply(next) {
  if (next === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = next;
  changed();
}

function changed() {
  colours.clear();
  for (const listener of listeners) listener();
}

/** Calls `listener` whenever colours change, by choice or by the system. */
export function onTheme(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

const colours = new Map();
let probe = null;

/** The present value of a colour token, for canvas: `colour("--accent")`. */
export function colour(token) {
  if (!token.startsWith("--")) return token;
  if (!colours.has(token)) {
    probe ??= document.body.appendChild(Object.assign(document.createElement("span"), { hidden: true }));
    probe.style.color = `var(${token})`;
    colours.set(token, getComputedStyle(probe).color);
  }
  return colours.get(token);
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", changed);
