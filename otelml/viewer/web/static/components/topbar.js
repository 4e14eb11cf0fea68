/** Search, time range, live or paused, theme. */
import * as format from "../lib/format.js";
import { cls, html, useState } from "../lib/html.js";
import { setTheme, theme, THEMES } from "../lib/theme.js";
import { RANGES, setLive, setRange, unzoom } from "../lib/time.js";
import { Icon } from "./icons.js";
import { Search } from "./search.js";

const RangePicker = ({ bounds }) => html`
  <div class="range" role="group" aria-label="Time range">
    ${Object.keys(RANGES).map((name) => html`
      <button key=${name} class=${cls("seg", bounds.range === name && "on")} aria-pressed=${bounds.range === name}
        onClick=${() => setRange(name)}>${name}</button>`)}
  </div>`;

const Zoomed = ({ bounds }) => html`
  <button class="zoomed" onClick=${unzoom} title=${`${format.utc(bounds.from)} to ${format.utc(bounds.to)}. Click to leave the zoom.`}>
    <span>${format.stamp(bounds.from)} – ${format.clock(bounds.to)}</span><${Icon} name="close" />
    <span class="vh">Leave the zoom</span>
  </button>`;

const LiveButton = ({ live }) => html`
  <button class=${cls("live", live && "on")} aria-pressed=${live} onClick=${() => setLive(!live)}
    title=${live ? "New data appears as it arrives. Click to pause." : "Paused. Click to follow new data."}>
    <span class="live-dot" aria-hidden="true"></span>${live ? "live" : "paused"}
  </button>`;

function ThemeButton() {
  const [now, setNow] = useState(theme());
  const next = THEMES[(THEMES.indexOf(now) + 1) % THEMES.length];
  return html`
    <button class="icon-button" aria-label=${`Theme: ${now}. Change to ${next}.`} title=${`Theme: ${now}`}
      onClick=${() => { setTheme(next); setNow(next); }}><${Icon} name=${now} /></button>`;
}

export const TopBar = ({ bounds }) => html`
  <header class="top">
    <${Search} />
    <span class="grow top-gap"></span>
    <div class="top-time">
      ${bounds.fixed && html`<${Zoomed} bounds=${bounds} />`}
      <${RangePicker} bounds=${bounds} />
      <${LiveButton} live=${bounds.live} />
    </div>
    <${ThemeButton} />
  </header>`;
