/** One import for everything taken from Preact, so that a page names a single module. */
import htm from "../vendor/htm.js";
import { h } from "../vendor/htm-preact.js";

export {
  render, createContext, useState, useReducer, useEffect, useLayoutEffect, useRef, useMemo,
  useCallback, useContext,
} from "../vendor/htm-preact.js";

const NEVER_STATIC = 3;

/**
 * Markup without htm's reuse of static parts, which it marks in `this`. Preact leaves a reused part's children with
 * their first parent, and that one holds the whole tree in which it was drawn first: each row of a live table
 * would keep all rows of its first moment, and so on back to the page's beginning.
 */
export const html = htm.bind(function create(...args) {
  this[0] = NEVER_STATIC;
  return h(...args);
});

/** Joins the truthy class names. */
export const cls = (...names) => names.filter(Boolean).join(" ");
