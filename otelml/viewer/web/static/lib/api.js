/** The JSON API: one request function, one error type, and whether the viewer answers at all. */

const listeners = new Set();
let reachable = true;

class ApiError extends Error {
  /** @param {string} message @param {number} status 0 when nothing answered */
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

export const isReachable = () => reachable;

/** Calls `listener(reachable)` when the viewer stops or starts answering. */
export function onReachable(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function setReachable(next) {
  if (next === reachable) return;
  reachable = next;
  for (const listener of listeners) listener(next);
}

function apiUrl(path, params = {}) {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(params)) {
    if (value !== undefined && value !== null && value !== "" && value !== false) query.set(key, value);
  }
  const text = query.toString();
  return text ? `/api${path}?${text}` : `/api${path}`;
}

/** Sends a file; raises ApiError with the server's own sentence. */
export async function upload(path, file) {
  let response;
  try {
    response = await fetch(apiUrl(path), { method: "POST", body: file, headers: { "content-type": "application/json" } });
  } catch {
    throw new ApiError("The file could not be sent.", 0);
  }
  return read(response);
}

/** Fetches JSON; raises ApiError with the server's own sentence. */
export async function get(path, params, signal) {
  let response;
  try {
    response = await fetch(apiUrl(path, params), { signal, headers: { accept: "application/json" } });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    setReachable(false);
    throw new ApiError("The viewer does not answer.", 0);
  }
  setReachable(true);
  return read(response);
}

async function read(response) {
  const body = await response.json().catch(() => null);
  if (response.ok && body !== null) return body;
  const said = body?.error?.message ?? body?.error ?? body?.detail ?? response.statusText;
  throw new ApiError(typeof said === "string" && said ? said : "The answer was not JSON.", response.status);
}
