/** Logs: one line a record, the histogram over time, a tail that waits while one reads. */
import { Chart } from "../components/chart.js";
import { Loaded, Nothing, Onboarding } from "../components/feedback.js";
import { Filters, Select, TextFilter, Toggle } from "../components/filters.js";
import { LogLine } from "../components/log-line.js";
import { get } from "../lib/api.js";
import { useData } from "../lib/data.js";
import * as format from "../lib/format.js";
import { html, useEffect, useMemo, useRef, useState } from "../lib/html.js";
import { useStatus } from "../lib/live.js";
import * as plots from "../lib/plots.js";
import { setParams } from "../lib/router.js";

const LIMIT = 200;
const FILTERS = ["query", "level", "service", "trace_id"];
const NEAR_TOP_PX = 8;
const BANDS = [
  ["error", ["error", "fatal"], "--fail"], ["warn", ["warn"], "--series-2"],
  ["info", ["info"], "--label-1"], ["debug", ["debug", "trace"], "--label-5"],
];

function bands(levels, length) {
  const sum = (names) => Array.from({ length }, (_, at) => names.reduce((total, name) => total + (levels[name]?.[at] ?? 0), 0));
  return BANDS.map(([label, names, color]) => ({ label, color, values: sum(names) })).filter((band) => band.values.some(Boolean));
}

function Histogram({ data, bounds }) {
  const { time, levels } = data.histogram;
  const x = useMemo(() => plots.seconds(time), [data]);
  const series = useMemo(() => plots.stack(bands(levels, time.length), "bars"), [data]);
  return series.length > 0 && html`<div class="log-histogram"><${Chart} label="Log records over time" x=${x} series=${series} reverse legend height=${104}
    xRange=${plots.xRange(bounds.fixed ? bounds : null, time)} yFormat=${format.number} /></div>`;
}

/** Older pages are appended below; they stay while the newest move. */
function useOlder(subject, query, window) {
  const [pages, setPages] = useState({ subject, rows: [], before: undefined });
  const [failed, setFailed] = useState(null);
  const own = pages.subject === subject ? pages : { subject, rows: [], before: undefined };
  const load = async (before) => {
    try {
      const body = await get("/logs", { ...query, limit: LIMIT, before, from: window.from === null ? 0 : Math.round(window.from) });
      setPages({ subject, rows: [...own.rows, ...body.logs], before: body.next_before });
      setFailed(null);
    } catch (error) { setFailed(error); }
  };
  return { rows: own.rows, before: own.before, load, failed };
}

function List({ data, older, scroller }) {
  const rows = useMemo(() => {
    const seen = new Set();
    return [...data.logs, ...older.rows].filter((log) => !seen.has(log.id) && seen.add(log.id));
  }, [data, older.rows]);
  const next = older.before === undefined ? data.next_before : older.before;
  return html`
    <div class="log-list" ref=${scroller} tabindex="0" role="region" aria-label="Log records, newest first">
      ${rows.map((log) => html`<${LogLine} key=${log.id} log=${log} />`)}
      ${next !== null && next !== undefined && html`<button class="button older" onClick=${() => older.load(next)}>Show older</button>`}
      ${older.failed && html`<p class="fail older">Older records could not be loaded: ${older.failed.message}</p>`}
    </div>`;
}

/** Keeps what is shown while the reader is not at the top, and counts what waits. */
function useHeld(data, subject, scroller) {
  const [away, setAway] = useState(false);
  const held = useRef({ subject: "", data: null });
  useEffect(() => {
    const box = scroller.current;
    if (!box) return undefined;
    const onScroll = () => setAway(box.scrollTop > NEAR_TOP_PX);
    box.addEventListener("scroll", onScroll, { passive: true });
    return () => box.removeEventListener("scroll", onScroll);
  }, [Boolean(data)]);
  if (!away || held.current.subject !== subject || !held.current.data) held.current = { subject, data };
  const known = held.current.data?.logs[0]?.id ?? 0;
  const waiting = away && data ? data.logs.filter((log) => log.id > known).length : 0;
  const follow = () => { scroller.current.scrollTop = 0; setAway(false); };
  return { data: held.current.data, away, waiting, follow };
}

function Records({ data, subject, query, bounds }) {
  const scroller = useRef(null);
  const held = useHeld(data, subject, scroller);
  const older = useOlder(subject, query, bounds);
  return html`
    <${Histogram} data=${data} bounds=${bounds} />
    ${held.away && bounds.live && html`<button class="button follow" onClick=${held.follow}>
      ${held.waiting ? `${held.waiting >= LIMIT ? `${LIMIT}+` : held.waiting} newer` : "Tail stopped"} · back to the newest</button>`}
    <${List} data=${held.data} older=${older} scroller=${scroller} />`;
}

function Logs({ data, subject, query, bounds, empty }) {
  if (data.logs.length) return html`<${Records} data=${data} subject=${subject} query=${query} bounds=${bounds} />`;
  const filtered = FILTERS.some((name) => query[name]);
  if (empty && !filtered) return html`<${Onboarding} what="logs" />`;
  const clear = () => setParams(Object.fromEntries(FILTERS.map((name) => [name, ""])));
  return html`<${Nothing} onClear=${filtered ? clear : null}>No records ${filtered ? "match these filters" : "in this time range"}.<//>`;
}

export function LogsPage({ params, bounds, tick }) {
  const status = useStatus();
  const query = Object.fromEntries(FILTERS.map((name) => [name, params[name]]));
  const state = useData("/logs", { ...query, limit: LIMIT }, { tick, window: bounds });
  const services = useData("/services").data?.services ?? [];
  const subject = JSON.stringify(query) + bounds.key;
  return html`
    <div class="logs-page">
      <div class="page-head"><h1>Logs</h1>${state.data && html`<span class="muted">${format.count(state.data.total)}${state.data.total_capped ? "+" : ""} records</span>`}</div>
      <${Filters}>
        <${TextFilter} name="query" label="Text" value=${params.query} placeholder="message, attribute, event" width="w-l" />
        <${Select} name="level" label="Level ≥" value=${params.level} options=${["debug", "info", "warn", "error"]} all="any" />
        <${Select} name="service" label="Service" value=${params.service} options=${services} />
        ${params.trace_id && html`<${Toggle} name="trace_id" label=${`trace ${format.shortId(params.trace_id)}`} value=${params.trace_id} on=${params.trace_id} />`}
      <//>
      <${Loaded} state=${state} what="Logs" rows=${16}>${(data) => html`
        <${Logs} data=${data} subject=${subject} query=${query} bounds=${bounds} empty=${status && status.last_received === null} />`}<//>
    </div>`;
}
