/** Auto, light or dark, which `theme-boot.js` applies before the first paint; and what has which colour. */
import { STAGES } from "./names.js";
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

/** Of the three stages, in their order. */
const STAGE_COLOURS = ["--stage-feature", "--stage-inference", "--stage-post"];
const OWN_STAGES = ["--series-4", "--series-5", "--series-6", "--series-7"];
/** Colours that stages do not use come first, so that a label is not taken for a stage. */
const SERIES = ["--series-1", "--series-5", "--series-4", "--series-7", "--series-8", "--series-3", "--series-2", "--series-6"];

/** Colour token of a stage; own stages get the rest of the set by name. */
export function stageColour(stage) {
  if (!stage) return "--span-neutral";
  if (STAGES.includes(stage)) return STAGE_COLOURS[STAGES.indexOf(stage)];
  let hash = 0;
  for (const letter of stage) hash = (hash * 31 + letter.charCodeAt(0)) >>> 0;
  return OWN_STAGES[hash % OWN_STAGES.length];
}

const LABELS = ["--label-1", "--label-2", "--label-3", "--label-4", "--label-5", "--label-6", "--label-7"];

/** Calmer tones for large areas. */
export const labelColour = (index) => LABELS[index % LABELS.length];

export const seriesColour = (index) => SERIES[index % SERIES.length];
