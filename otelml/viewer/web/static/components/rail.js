/** The screens and whether telemetry arrives. */
import * as format from "../lib/format.js";
import { cls, html } from "../lib/html.js";
import { useStatus } from "../lib/live.js";
import { href } from "../lib/router.js";
import { Icon } from "./icons.js";

const IDLE_MS = 90e3;
const SCREENS = [["models", "Models"], ["services", "Services"], ["traces", "Traces"], ["metrics", "Metrics"], ["logs", "Logs"]];

/** @returns {{name: string, label: string, title: string}} */
function describe(status, reachable, now = Date.now()) {
  if (!reachable || status?.state === "unreachable") {
    return { name: "dropping", label: "offline", title: "The viewer does not answer." };
  }
  if (!status) return { name: "idle", label: "…", title: "Asking the viewer" };
  const last = status.last_received ?? null;
  const refused = status.rejected ? ` ${format.count(status.rejected)} items were refused (${Object.entries(status.reasons ?? {}).map(([why, n]) => `${why} ${n}`).join(", ")}).` : "";
  if (status.state === "dropping") {
    return { name: "dropping", label: "dropping", title: `${format.count(status.dropped)} items were dropped.` };
  }
  if (last === null) return { name: "idle", label: "no data", title: "Nothing has been received yet." };
  if (now - last < IDLE_MS) {
    return { name: "receiving", label: "receiving", title: `Last received ${format.ago(last, now)}.${refused}` };
  }
  return { name: "idle", label: `idle ${format.age(now - last)}`, title: `Nothing since ${format.stamp(last)} (${format.utc(last)}).${refused}` };
}

export function Rail({ screen, reachable }) {
  const status = useStatus();
  const state = describe(status, reachable);
  const refused = status?.rejected ?? 0;
  return html`
    <nav class="rail" aria-label="Screens">
      ${SCREENS.map(([name, label]) => html`
        <a key=${name} class=${cls("rail-link", screen === name && "on")} href=${href(`/${name}`)}
          aria-current=${screen === name ? "page" : undefined}><${Icon} name=${name} /><span>${label}</span></a>`)}
      <a class=${cls("status", state.name, screen === "status" && "on")} href=${href("/status")} title=${state.title} aria-current=${screen === "status" ? "page" : undefined}>
        <span class="status-dot" aria-hidden="true"></span><span class="status-text" role="status">${state.label}</span>
        ${refused > 0 && html`<span class="status-refused fail">${format.number(refused)} refused</span>`}
      </a>
    </nav>`;
}
