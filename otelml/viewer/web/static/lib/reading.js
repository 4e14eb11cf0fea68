/** Whether someone reads a list: then its lines stay where they are, and newer ones wait. */
import { useEffect, useRef, useState } from "./html.js";

const NEAR_TOP_PX = 8;

const hidden = (element) => {
  const page = element.closest("main");
  const above = page ? page.getBoundingClientRect().top - element.getBoundingClientRect().top : 0;
  return element.scrollTop > NEAR_TOP_PX || above > NEAR_TOP_PX;
};

function selects(element) {
  const selection = getSelection();
  return !selection.isCollapsed && selection.containsNode(element, true);
}

/**
 * Reading is: the pointer is over the box, the keyboard or a selection is in it, or its first lines are out of sight.
 * @param {{current: HTMLElement|null}} box
 * @returns {{reading: boolean, away: boolean, release: () => void}} `away` when the first lines are out of sight
 */
export function useReading(box) {
  const [seen, setSeen] = useState({ reading: false, away: false });
  const pointed = useRef(false);
  const look = () => {
    const element = box.current;
    if (!element) return;
    const away = hidden(element);
    const reading = away || pointed.current || element.querySelector(":focus-visible") !== null || element.matches(":focus-visible") || selects(element);
    setSeen((old) => (old.reading === reading && old.away === away ? old : { reading, away }));
  };
  useEffect(() => {
    const element = box.current;
    const point = (on) => (event) => { if (event.pointerType !== "touch") { pointed.current = on; look(); } };
    const scrolled = (event) => { if (event.target.contains?.(element)) look(); };
    const own = [["pointerenter", point(true)], ["pointerleave", point(false)], ["focusin", look], ["focusout", () => setTimeout(look)]];
    for (const [name, listener] of own) element.addEventListener(name, listener);
    document.addEventListener("scroll", scrolled, { capture: true, passive: true });
    document.addEventListener("selectionchange", look);
    return () => {
      for (const [name, listener] of own) element.removeEventListener(name, listener);
      document.removeEventListener("scroll", scrolled, { capture: true });
      document.removeEventListener("selectionchange", look);
    };
  }, []);
  const release = () => {
    const element = box.current;
    pointed.current = false;
    if (element.contains(document.activeElement)) document.activeElement.blur();
    getSelection().removeAllRanges();
    element.scrollTop = 0;
    if (hidden(element)) element.scrollIntoView({ block: "start" });
    look();
  };
  return { ...seen, release };
}

/**
 * The lines to show: the newest, or, while `held`, those that stood there, with their newest values; what comes
 * after the last of them is added, what comes before waits.
 * @param {any[]} rows the newest
 * @param {(row: any) => string|number} id
 * @param {string} subject a change shows the newest at once
 * @returns {{rows: any[], waiting: number}}
 */
export function useHeldRows(rows, id, subject, held) {
  const shown = useRef({ subject: null, rows: [] });
  if (!held || shown.current.subject !== subject) {
    shown.current = { subject, rows };
    return { rows, waiting: 0 };
  }
  const before = shown.current.rows;
  const known = new Set(before.map(id));
  const newest = new Map(rows.map((row) => [id(row), row]));
  const last = rows.findLastIndex((row) => known.has(id(row)));
  const below = last < 0 ? [] : rows.slice(last + 1);
  const kept = [...before.map((row) => newest.get(id(row)) ?? row), ...below];
  shown.current = { subject, rows: kept };
  return { rows: kept, waiting: rows.filter((row) => !known.has(id(row))).length - below.length };
}
