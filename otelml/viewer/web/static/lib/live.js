/** New data is announced by server-sent events; when they fail, by a timer. */
import { get, onReachable } from "./api.js";
import { useEffect, useReducer, useState } from "./html.js";

const EVENT_GAP_MS = 2000;
const POLL_MS = 5000;
const listeners = new Set();
const statusListeners = new Set();
let last = 0;
let pending = 0;
let polling = 0;
let source = null;
let status = null;

function announce() {
  if (pending || document.hidden) return;
  pending = setTimeout(() => {
    pending = 0;
    last = Date.now();
    for (const listener of listeners) listener();
  }, Math.max(0, last + EVENT_GAP_MS - Date.now()));
}

function setStatus(next) {
  status = next;
  for (const listener of statusListeners) listener();
}

async function poll() {
  try {
    setStatus(await get("/status"));
    announce();
  } catch {
    setStatus(status && { ...status, state: "unreachable" });
  }
}

function startPolling() {
  if (polling) return;
  polling = setInterval(poll, POLL_MS);
}

function stopPolling() {
  clearInterval(polling);
  polling = 0;
}

/** A page that nobody sees gives its connection back: a browser has only six for one host. */
function disconnect() {
  source?.close();
  source = null;
}

function connect() {
  disconnect();
  source = new EventSource("/api/live");
  source.onopen = stopPolling;
  source.addEventListener("data", (event) => {
    setStatus(JSON.parse(event.data));
    announce();
  });
  source.onerror = () => {
    startPolling();
    if (source?.readyState === EventSource.CLOSED) setTimeout(connect, POLL_MS);
  };
}

export function startLive() {
  poll();
  connect();
  onReachable((reachable) => {
    if (!reachable) startPolling();
    else if (source?.readyState === EventSource.OPEN) stopPolling();
  });
  addEventListener("pagehide", disconnect);
  addEventListener("pageshow", (event) => { if (event.persisted) connect(); });
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) { disconnect(); return; }
    poll();
    connect();
  });
  setInterval(() => statusListeners.forEach((listener) => listener()), 1000);
}

/** Counts up whenever there may be new data, while `live`. */
export function useTick(live) {
  const [tick, bump] = useReducer((count) => count + 1, 0);
  useEffect(() => {
    if (!live) return undefined;
    listeners.add(bump);
    return () => listeners.delete(bump);
  }, [live]);
  return tick;
}

/** The last known status of the receiver; null before the first answer. */
export function useStatus() {
  const [, redraw] = useState(0);
  useEffect(() => {
    const listener = () => redraw((count) => count + 1);
    statusListeners.add(listener);
    return () => statusListeners.delete(listener);
  }, []);
  return status;
}
