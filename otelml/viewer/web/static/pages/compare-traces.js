/** Two traces laid over each other: where does the time differ, and what did only one of them do? */
import { When } from "../components/bits.js";
import { ComparePicker } from "../components/compare-picker.js";
import { CompareRow, stateOf } from "../components/compare-row.js";
import { Loaded, Nothing } from "../components/feedback.js";
import { Toggle } from "../components/filters.js";
import { Icon } from "../components/icons.js";
import { VirtualList } from "../components/virtual.js";
import { useData } from "../lib/data.js";
import { relative, signed } from "../lib/difference.js";
import * as format from "../lib/format.js";
import { html, useMemo } from "../lib/html.js";
import { href, path, setParams } from "../lib/router.js";

const ROW_PX = 28;
/** A time differs where it is more than this share of the longer trace. */
const NOTABLE = 0.01;

/** The lines that differ, with those above them. */
export function differing(rows, least) {
  const above = [];
  const kept = new Set();
  for (const row of rows) {
    above.length = row.depth;
    above.push(row);
    const counts = (row.a?.count ?? 0) !== (row.b?.count ?? 0);
    if (stateOf(row) || counts || row.changed.length || Math.abs(row.difference) > least) above.forEach((each) => kept.add(each));
  }
  return rows.filter((row) => kept.has(row));
}

const Head = ({ name, trace }) => html`
  <div class="compare-side"><span class=${`side-mark ${name}`}>${name.toUpperCase()}</span>
    <a class="ellipsis" href=${href(path("traces", trace.trace_id))}>${trace.name}</a>
    <b>${format.duration(trace.duration)}</b><span class="muted">${format.count(trace.spans)} span${trace.spans === 1 ? "" : "s"}</span>
    ${trace.errors > 0 && html`<span class="fail">${format.count(trace.errors)} failed</span>`}
    <span class="muted"><${When} ms=${trace.start} millis /></span><span class="faint mono">${format.shortId(trace.trace_id)}</span>
    ${trace.left_out > 0 && html`<span class="warn">${format.count(trace.left_out)} spans left out</span>`}</div>`;

function Summary({ data }) {
  const change = data.b.duration - data.a.duration;
  const words = change === 0 ? "B takes as long as A" : `B takes ${format.duration(Math.abs(change))} ${change > 0 ? "longer" : "less"} than A`;
  const many = (count, what) => count > 0 && html`<span>${format.count(count)} ${what}</span>`;
  return html`<span class="facts muted" role="status"><span><b>${words}</b> ${relative(data.a.duration, change)}</span>
    ${many(data.added, "only in B")}${many(data.missing, "only in A")}${many(data.changed, "with changed attributes")}</span>`;
}

const Some = ({ side }) => (side.values.length
  ? html`${side.values.map((value, at) => html`<span key=${at} class="value">${value === "" ? "“”" : value}</span>`)}${side.more > 0 && html`<span class="faint">and ${side.more} more</span>`}`
  : html`<span class="faint">–</span>`);

const Changed = ({ label, changed }) => html`
  <div class="table-box"><table class="table changed" aria-label=${label}>
    <thead><tr><th scope="col">${label}</th><th scope="col">A</th><th scope="col">B</th></tr></thead>
    <tbody>${changed.map((each) => html`<tr key=${each.key}><th scope="row">${each.key}</th><td><${Some} side=${each.a} /></td><td><${Some} side=${each.b} /></td></tr>`)}</tbody>
  </table></div>`;

const SpanLink = ({ name, trace, side }) => side && html`<span><span class=${`side-mark ${name}`}>${name.toUpperCase()}</span>
  <a href=${href(path("traces", trace.trace_id), { span: side.span_id })}>${side.count > 1 ? `slowest of ${format.count(side.count)}` : "open span"}</a>
  ${side.errors > 0 && html` <span class="fail">${side.message || "failed"}</span>`}</span>`;

function Detail({ row, data }) {
  return html`
    <section class="detail compare-detail" aria-label=${`Difference of ${row.name}`} aria-live="polite">
      <header class="detail-head"><h2 class="ellipsis">${row.name}</h2><span class="muted ellipsis" title=${row.service}>${row.service}</span>
        <span class="facts muted"><span>total <b>${signed(row.difference, "ms")}</b></span><span>self <b>${signed(row.self_difference, "ms")}</b></span>
          <${SpanLink} name="a" trace=${data.a} side=${row.a} /><${SpanLink} name="b" trace=${data.b} side=${row.b} /></span></header>
      <div class="compare-changes">
        ${row.changed.length ? html`<${Changed} label="Changed attributes" changed=${row.changed} />` : html`<p class="faint pad">${row.a && row.b ? "The same attributes on both sides." : "The other trace has no such span."}</p>`}
        ${data.resources.map((each) => html`<${Changed} key=${each.service} label=${`Resource of ${each.service}`} changed=${each.changed} />`)}
      </div>
    </section>`;
}

function Comparison({ data, params }) {
  const only = params.only === "1";
  const most = useMemo(() => Math.max(...data.rows.flatMap((row) => [row.a?.duration ?? 0, row.b?.duration ?? 0])), [data]);
  const rows = useMemo(() => (only ? differing(data.rows, NOTABLE * Math.max(data.a.duration, data.b.duration)) : data.rows), [data, only]);
  const at = Math.max(0, rows.findIndex((row) => String(row.id) === params.row));
  const select = (id) => setParams({ row: id });
  const onKeyDown = (event) => {
    const next = rows[at + ({ ArrowDown: 1, ArrowUp: -1 }[event.key] ?? 0)];
    if (!next || !/^Arrow(Up|Down)$/.test(event.key)) return;
    event.preventDefault();
    select(next.id);
  };
  if (!rows.length) return html`<${Nothing} onClear=${() => setParams({ only: "" })} clear="Show all spans">Nothing differs.<//>`;
  return html`
    <div class="waterfall">
      <div class="compare-row ruler" aria-hidden="true"><span class="span-name">Span</span><span></span><span class="num">A</span><span class="num">B</span>
        <span class="num">Difference</span><span class="num compare-relative"></span><span class="num compare-self">Self</span></div>
      <${VirtualList} class="span-list" role="tree" label="Spans of both traces" rows=${rows} height=${ROW_PX} keep=${at}
        attrs=${{ "aria-activedescendant": `row-${rows[at].id}`, onKeyDown }}
        row=${(row) => html`<${CompareRow} key=${row.id} row=${row} most=${most} selected=${row === rows[at]} onSelect=${select} />`} />
    </div>
    <${Detail} row=${rows[at]} data=${data} />`;
}

export function CompareTraces({ params, bounds }) {
  const chosen = params.a && params.b;
  const state = useData(chosen ? "/compare/traces" : null, { a: params.a, b: params.b });
  if (!chosen) return html`<${ComparePicker} params=${params} bounds=${bounds} />`;
  const swap = () => setParams({ a: params.b, b: params.a, row: "" });
  const head = html`<h1><a class="crumb" href=${href("/traces")}>Traces</a><span class="faint"> / </span>Compare</h1>`;
  return html`<${Loaded} state=${state} what="The comparison" rows=${16} head=${html`<div class="page-head">${head}</div>`}>${(data) => html`
    <div class="trace-page compare-page">
      <div class="page-head">${head}<${Summary} data=${data} /><span class="grow"></span>
        <${Toggle} name="only" label="differences only" value=${params.only} />
        <button class="button with-icon" onClick=${swap}><${Icon} name="swap" />Swap</button>
        <a class="button link" href=${href("/compare/traces", { a: params.a })}>Another …</a></div>
      <div class="compare-sides"><${Head} name="a" trace=${data.a} /><${Head} name="b" trace=${data.b} /></div>
      <${Comparison} data=${data} params=${params} />
    </div>`}<//>`;
}
