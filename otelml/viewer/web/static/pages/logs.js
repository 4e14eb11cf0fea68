/** Logs: one line a record, the histogram over time, a tail that waits while one reads. */
import { Chart } from "../components/chart.js";
import { Loaded, Nothing, Onboarding } from "../components/feedback.js";
import { Filters, Select, TextFilter, Toggle } from "../components/filters.js";
import { LogGroups } from "../components/log-groups.js";
import { LogLine, useOpened } from "../components/log-line.js";
import { Newer } from "../components/newer.js";
import { Where } from "../components/where.js";
import { get } from "../lib/api.js";
import { useData } from "../lib/data.js";
import * as format from "../lib/format.js";
import { html, useEffect, useMemo, useRef, useState } from "../lib/html.js";
import { useStatus } from "../lib/live.js";
import * as plots from "../lib/plots.js";
import { useHeldRows, useReading } from "../lib/reading.js";
import { setParams } from "../lib/router.js";

const LIMIT = 200;
const FILTERS = ["query", "level", "service", "trace_id", "where"];
/** What every record has beside its attributes. */
const FIELDS = ["level", "event.name", "otel.scope.name"];
const BANDS = [
  ["error", ["error", "fatal"], "--fail"], ["warn", ["warn"], "--series-2"],
  ["info", ["info"], "--label-1"], ["debug", ["debug", "trace"], "--label-5"],
];

function bands(levels, length) {
  const sum = (names) => Array.from({ length }, (_, at) => names.reduce((total, name) => total + (levels[name]?.[at] ?? 0), 0));
  return BANDS.map(([label, names, color]) => ({ label, color, values: sum(names) }))
    .map((band) => ({ ...band, whole: plots.sum(band.values) })).filter((band) => band.whole);
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
  const clear = () => setPages((old) => (old.rows.length ? { subject, rows: [], before: undefined } : old));
  return { rows: own.rows, before: own.before, load, clear, failed };
}

function List({ data, older, subject, live }) {
  const box = useRef(null);
  const { reading, away, release } = useReading(box);
  const { opened, toggle } = useOpened();
  const rows = useMemo(() => {
    const seen = new Set();
    return [...data.logs, ...older.rows].filter((log) => !seen.has(log.id) && seen.add(log.id));
  }, [data, older.rows]);
  const stays = reading || opened.size > 0;
  const held = useHeldRows(rows, (log) => log.id, subject, stays);
  // What was added below would otherwise stand apart from the newest by what came meanwhile.
  useEffect(() => { if (!stays) older.clear(); }, [stays]);
  const next = older.before === undefined ? data.next_before : older.before;
  return html`
    <${Newer} waiting=${held.waiting} most=${LIMIT} stopped=${away && live} onFollow=${release} />
    <div class="log-list" ref=${box} tabindex="0" role="region" aria-label="Log records, newest first">
      ${held.rows.map((log, place) => html`<${LogLine} key=${place} log=${log} open=${opened.has(log.id)} onToggle=${() => toggle(log.id)} />`)}
      ${next !== null && next !== undefined && html`<button class="button older" onClick=${() => older.load(next)}>Show older</button>`}
      ${older.failed && html`<p class="fail older">Older records could not be loaded: ${older.failed.message}</p>`}
    </div>`;
}

function Records({ data, subject, query, bounds }) {
  const older = useOlder(subject, query, bounds);
  return html`
    ${data.groups ? html`<${LogGroups} data=${data} where=${query.where} bounds=${bounds} />` : html`<${Histogram} data=${data} bounds=${bounds} />`}
    <${List} data=${data} older=${older} subject=${subject} live=${bounds.live} />`;
}

function Logs({ data, subject, query, bounds, empty }) {
  if (data.logs.length) return html`<${Records} data=${data} subject=${subject} query=${query} bounds=${bounds} />`;
  const filtered = FILTERS.some((name) => query[name]);
  if (empty && !filtered) return html`<${Onboarding} what="logs" />`;
  const clear = () => setParams(Object.fromEntries(FILTERS.map((name) => [name, ""])));
  return html`<${Nothing} onClear=${filtered ? clear : null}>No records ${filtered ? "match these filters" : "in this time range"}.<//>`;
}

/** The attributes of the records that were shown so far: what one may filter and group by. */
function useKeys(logs) {
  const known = useRef(new Set(FIELDS));
  for (const log of logs) {
    for (const key of Object.keys(log.attributes)) known.current.add(key);
    for (const key of Object.keys(log.resource)) known.current.add(key);
  }
  return [...known.current].sort();
}

const values = (key) => ["/logs", { by: key, limit: 1 }, (data) => (data.groups?.values ?? []).map((each) => each.value).filter(Boolean)];

export function LogsPage({ params, bounds, tick }) {
  const status = useStatus();
  const query = Object.fromEntries(FILTERS.map((name) => [name, params[name]]));
  const state = useData("/logs", { ...query, by: params.by, limit: LIMIT }, { tick, window: bounds });
  const keys = useKeys(state.data?.logs ?? []);
  const services = useData("/services").data?.services ?? [];
  const subject = JSON.stringify(query) + bounds.key;
  return html`
    <div class="logs-page">
      <div class="page-head"><h1>Logs</h1>${state.data && html`<span class="muted">${format.count(state.data.total)}${state.data.total_capped ? "+" : ""} records</span>`}</div>
      <${Filters}>
        <${TextFilter} name="query" label="Text" value=${params.query} placeholder="message, attribute, event" width="w-l" />
        <${Select} name="level" label="Level ≥" value=${params.level} options=${["debug", "info", "warn", "error"]} all="any" />
        <${Select} name="service" label="Service" value=${params.service} options=${services} />
        <${Where} where=${params.where} keys=${keys} bounds=${bounds} source=${values} />
        <${Select} name="by" label="Group by" value=${params.by} options=${keys} all="none" />
        ${params.trace_id && html`<${Toggle} name="trace_id" label=${`trace ${format.shortId(params.trace_id)}`} value=${params.trace_id} on=${params.trace_id} />`}
      <//>
      <${Loaded} state=${state} what="Logs" rows=${16}>${(data) => html`
        <${Logs} data=${data} subject=${subject} query=${query} bounds=${bounds} empty=${status && status.last_received === null} />`}<//>
    </div>`;
}
