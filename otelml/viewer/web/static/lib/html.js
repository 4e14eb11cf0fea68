/** One import for everything taken from Preact, so that a page names a single module. */
export {
  html, render, createContext, useState, useReducer, useEffect, useLayoutEffect, useRef, useMemo,
  useCallback, useContext,
} from "../vendor/htm-preact.js";

/** Joins the truthy class names. */
export const cls = (...names) => names.filter(Boolean).join(" ");
