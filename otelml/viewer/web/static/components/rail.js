/** The four screens and whether telemetry arrives. */
import * as format from "../lib/format.js";
import { cls, html } from "../lib/html.js";
import { useStatus } from "../lib/live.js";
import { href } from "../lib/router.js";
import { Icon } from "./icons.js";

const IDLE_MS = 90e3;
const SCREENS = [["models", "Models"], ["traces", "Traces"], ["metrics", "Metrics"], ["logs", "Logs"]];

/** @returns {{name: string, label: string, title: string}} */
function describe(status, reachable, now = Date.now()) {
  if (!reachable || status?.state === "unreachable") {
    return { name: "dropping", label: "offline", title: "The viewer does not answer." };
  }
  if (!status) return { name: "idle", label: "…", title: "Asking the viewer" };
  const last = status.last_received ?? null;
  if (status.state === "dropping") {
    return { name: "dropping", label: "dropping", title: `${format.count(status.dropped)} items were dropped.` };
  }
  if (last === null) return { name: "idle", label: "no data", title: "Nothing has been received yet." };
  if (now - last < IDLE_MS) {
    return { name: "receiving", label: "receiving", title: `Last received ${format.ago(last, now)}.` };
  }
  return { name: "idle", label: `idle ${format.age(now - last)}`, title: `Nothing since ${format.stamp(last)} (${format.utc(last)}).` };
}

export function Rail({ screen, reachable }) {
  const state = describe(useStatus(), reachable);
  return html`
    <nav class="rail" aria-label="Screens">
      ${SCREENS.map(([name, label]) => html`
        <a key=${name} class=${cls("rail-link", screen === name && "on")} href=${href(`/${name}`)}
          aria-current=${screen === name ? "page" : undefined}><${Icon} name=${name} /><span>${label}</span></a>`)}
      <div class=${cls("status", state.name)} role="status" title=${state.title}>
        <span class="status-dot" aria-hidden="true"></span><span class="status-text">${state.label}</span>
      </div>
    </nav>`;
}
