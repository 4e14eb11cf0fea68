/** Data for a screen: kept while it is refreshed, so that nothing jumps. */
import { get, isReachable, onReachable } from "./api.js";
import { useCallback, useEffect, useRef, useState } from "./html.js";

const SKELETON_MS = 200;

/** The query's ends; everything kept is asked for as `from=0`. */
function ends({ from, to }) {
  if (from === undefined) return {};
  return from === null ? { from: 0 } : { from: Math.round(from), to: Math.round(to) };
}

/**
 * @param {string|null} path below `/api`; null asks for nothing
 * @param {Record<string, any>} params what the answer is about: a change shows a skeleton
 * @param {{tick?: number, window?: {from: number|null, to: number|null}}} [moving] what may move
 *   without changing the subject: the shown data stays until the next arrives
 * @returns {{data: any, error: Error|null, waiting: boolean, slow: boolean, reload: () => void}}
 */
export function useData(path, params = {}, { tick = 0, window: bounds = {} } = {}) {
  const subject = path === null ? "" : path + JSON.stringify(params);
  const [state, setState] = useState({ subject: "", data: null, error: null });
  const [slow, setSlow] = useState(false);
  const [attempt, setAttempt] = useState(0);
  const running = useRef(null);
  const again = useRef(false);
  const newest = useRef(bounds);
  const seen = useRef(tick);
  newest.current = bounds;
  const reload = useCallback(() => setAttempt((count) => count + 1), []);

  useEffect(() => {
    if (path === null) return undefined;
    const control = new AbortController();
    running.current = control;
    again.current = false;
    const timer = setTimeout(() => setSlow(true), SKELETON_MS);
    get(path, { ...params, ...ends(newest.current) }, control.signal)
      .then((data) => setState({ subject, data, error: null }))
      .catch((error) => {
        if (error.name === "AbortError") return;
        setState((old) => ({ subject, data: old.subject === subject ? old.data : null, error }));
      })
      .finally(() => {
        clearTimeout(timer);
        if (running.current !== control) return;
        running.current = null;
        setSlow(false);
        if (again.current) reload();
      });
    return () => { clearTimeout(timer); control.abort(); };
  }, [subject, attempt, bounds.key]);

  // A tick never cuts a running request short, or a slow one would never be seen to end.
  useEffect(() => {
    if (tick === seen.current) return;
    seen.current = tick;
    if (running.current) again.current = true;
    else reload();
  }, [tick]);

  useEffect(() => onReachable((reachable) => { if (reachable) reload(); }), []);

  const current = state.subject === subject;
  return {
    data: current ? state.data : null,
    error: current ? state.error : null,
    waiting: !current,
    slow: slow && !current,
    offline: !isReachable(),
    reload,
  };
}
