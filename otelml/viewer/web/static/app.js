/** The frame: rail, top bar, and the screen that the path names. */
import { Rail } from "./components/rail.js";
import { TopBar } from "./components/topbar.js";
import { isReachable, onReachable } from "./lib/api.js";
import { useData } from "./lib/data.js";
import { html, render, useEffect, useRef, useState } from "./lib/html.js";
import { startLive, useStatus, useTick } from "./lib/live.js";
import { startRouter, useRoute } from "./lib/router.js";
import { knowServices } from "./lib/services.js";
import { timeWindow } from "./lib/time.js";
import { ComparePage } from "./pages/compare.js";
import { LogsPage } from "./pages/logs.js";
import { MetricsPage } from "./pages/metrics.js";
import { ModelPage } from "./pages/model.js";
import { ModelsPage } from "./pages/models.js";
import { ServicePage } from "./pages/service.js";
import { ServicesPage } from "./pages/services.js";
import { StatusPage } from "./pages/status.js";
import { TracePage } from "./pages/trace.js";
import { TracesPage } from "./pages/traces.js";

const SCREENS = {
  models: { title: "Models", list: ModelsPage, one: ModelPage },
  services: { title: "Services", list: ServicesPage, one: ServicePage },
  traces: { title: "Traces", list: TracesPage, one: TracePage },
  metrics: { title: "Metrics", list: MetricsPage },
  logs: { title: "Logs", list: LogsPage },
  compare: { title: "Compare", one: ComparePage },
  status: { title: "Receiver", list: StatusPage },
};

function useReachable() {
  const [reachable, setReachable] = useState(isReachable());
  useEffect(() => onReachable(setReachable), []);
  return reachable;
}

/** Says which page is the first, once it is known: models where there are predictions, else services. */
function First({ onKnown }) {
  const status = useStatus();
  const known = status && (status.models || status.last_received === null ? "models" : "services");
  useEffect(() => { if (known) onKnown(known); }, [known]);
  return null;
}

const Unknown = ({ path }) => html`
  <div class="empty"><h1>No such page</h1><p class="muted">Nothing lives at <code>${path}</code>.</p></div>`;

function App() {
  const { segments, params, path } = useRoute();
  const reachable = useReachable();
  const bounds = timeWindow();
  const tick = useTick(bounds.live);
  const { data: stored } = useData("/services");
  if (stored) knowServices(stored.services);
  const [first, setFirst] = useState("");
  const screen = segments[0] ?? first;
  const name = segments.slice(1).join("/");
  const entry = SCREENS[screen];
  const Page = entry && (name ? entry.one : entry.list);
  const main = useRef(null);
  useEffect(() => {
    document.title = entry ? `${name ? `${name.slice(0, 16)} · ` : ""}${entry.title} · otelml` : "otelml";
    main.current.scrollTop = 0;
  }, [path, screen]);
  return html`
    <a class="skip" href="#main" onClick=${(event) => { event.preventDefault(); main.current.focus(); }}>Skip to content</a>
    ${!segments.length && html`<${First} onKnown=${setFirst} />`}
    <${Rail} screen=${screen === "compare" ? segments[1] : screen} reachable=${reachable} />
    <${TopBar} bounds=${bounds} />
    ${!reachable && html`<p class="banner" role="alert">The viewer does not answer. Shown is what was loaded; trying again every 5 s.</p>`}
    <main id="main" ref=${main} tabindex="-1" class=${reachable ? "" : "below-banner"}>
      ${Page && html`<${Page} key=${`${screen} ${path}`} name=${name} params=${params} bounds=${bounds} tick=${tick} />`}
      ${!Page && segments.length > 0 && html`<${Unknown} path=${path} />`}
    </main>`;
}

startRouter();
startLive();
render(html`<${App} />`, document.getElementById("app"));
