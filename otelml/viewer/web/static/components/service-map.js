/** Who calls whom: a map from callers on the left to those called on the right, and the same as a table. */
import * as format from "../lib/format.js";
import { cls, html, useMemo } from "../lib/html.js";
import { spansOf } from "../lib/query.js";
import { href, path } from "../lib/router.js";
import { Table } from "./table.js";

const BOX = { width: 152, height: 40, across: 76, down: 16 };
const MOST_NODES = 40;
const WORDS = { call: "calls", message: "sends messages to", external: "calls" };
const FAILING = 0.1;

/** The column of each node: one right of the rightmost that calls it; a call back into the chain counts for nothing. */
function ranks(nodes, edges) {
  const callees = new Map(nodes.map((node) => [node.name, []]));
  for (const edge of edges) if (edge.from !== edge.to) callees.get(edge.from)?.push(edge.to);
  const rank = new Map();
  const called = new Set(edges.filter((edge) => edge.from !== edge.to).map((edge) => edge.to));
  const walk = (name, depth, chain) => {
    if (chain.has(name) || (rank.get(name) ?? -1) >= depth || depth > nodes.length) return;
    rank.set(name, depth);
    chain.add(name);
    for (const next of callees.get(name) ?? []) walk(next, depth + 1, chain);
    chain.delete(name);
  };
  for (const node of nodes) if (!called.has(node.name)) walk(node.name, 0, new Set());
  for (const node of nodes) if (!rank.has(node.name)) walk(node.name, 0, new Set());
  return rank;
}

/** Places of all nodes; in each column they stand near those that call them. */
function layout(nodes, edges) {
  const rank = ranks(nodes, edges);
  const columns = [];
  for (const node of nodes) (columns[rank.get(node.name)] ??= []).push(node);
  const placed = new Map();
  columns.forEach((column, at) => {
    const pull = (node) => {
      const above = edges.filter((edge) => edge.to === node.name && placed.has(edge.from)).map((edge) => placed.get(edge.from).y);
      return above.length ? above.reduce((a, b) => a + b, 0) / above.length : 0;
    };
    const ordered = at === 0 ? column : column.map((node) => [pull(node), node]).sort((a, b) => a[0] - b[0]).map(([, node]) => node);
    ordered.forEach((node, index) => placed.set(node.name, { ...node, x: 8 + at * (BOX.width + BOX.across), y: 8 + index * (BOX.height + BOX.down) }));
  });
  const most = Math.max(1, ...columns.map((column) => column.length));
  return { placed, width: columns.length * (BOX.width + BOX.across) - BOX.across + 16, height: most * (BOX.height + BOX.down) - BOX.down + 16 };
}

const say = (edge) => `${edge.from} ${WORDS[edge.kind]} ${edge.to}: ${format.rate(edge.rate)}${edge.errors ? `, ${format.count(edge.errors)} failed` : ""}${edge.mean === null ? "" : `, ${format.duration(edge.mean)} on average`}`;

/** The spans that stand behind a line. */
export function callsOf(edge) {
  if (edge.kind === "external") return spansOf({ service: edge.from, peer: edge.to });
  if (edge.kind === "message") return spansOf({ service: edge.to, kind: "consumer" });
  return spansOf({ service: edge.to, caller: edge.from });
}

function Line({ edge, places, top }) {
  const from = places.get(edge.from);
  const to = places.get(edge.to);
  const [x1, y1] = [from.x + BOX.width, from.y + BOX.height / 2];
  const [x2, y2] = [to.x, to.y + BOX.height / 2];
  // A call back goes round below.
  const bend = x2 > x1 ? (x2 - x1) / 2 : BOX.across * 0.7;
  const d = x2 > x1 ? `M${x1},${y1} C${x1 + bend},${y1} ${x2 - bend},${y2} ${x2},${y2}`
    : `M${x1},${y1} C${x1 + bend},${y1 + BOX.height} ${x2 - bend},${y2 + BOX.height} ${x2},${y2}`;
  return html`<a href=${callsOf(edge)} aria-label=${say(edge)} tabindex="-1">
    <path class="edge-reach" d=${d} /><path class=${cls("edge", edge.kind, edge.errors / edge.calls > FAILING && "failing")} d=${d}
      style=${{ strokeWidth: 1 + 3 * Math.sqrt(edge.calls / top) }} marker-end="url(#arrow)" /><title>${say(edge)}</title></a>`;
}

function Node({ node, service }) {
  const failing = service?.error_ratio > FAILING;
  const facts = service ? `${format.rate(service.rate)} · ${format.duration(service.p95)}` : node.external ? "sends no spans" : "";
  const text = html`<rect width=${BOX.width} height=${BOX.height} rx="4" /><text x="10" y="17" class="node-name">${node.name.length > 20 ? `${node.name.slice(0, 19)}…` : node.name}</text>
    <text x="10" y="32" class="node-facts">${facts}</text><title>${node.name}${facts && `: ${facts}`}</title>`;
  return html`<a class=${cls("node", node.external && "external", failing && "failing")} transform=${`translate(${node.x},${node.y})`}
    href=${node.external ? spansOf({ peer: node.name }) : href(path("services", node.name))}>${text}</a>`;
}

const COLUMNS = [
  { key: "from", label: "Caller" },
  { key: "to", label: "Called", cell: (row) => html`${row.to}${row.kind !== "call" && html` <span class="tag">${row.kind === "message" ? "by message" : "sends no spans"}</span>`}` },
  { key: "rate", label: "Rate", num: true, cell: (row) => format.rate(row.rate) },
  { key: "errors", label: "Errors", num: true, value: (row) => row.errors / row.calls, cell: (row) => html`<span class=${row.errors ? "fail" : "faint"}>${row.errors ? format.percent(row.errors / row.calls) : "0"}</span>` },
  { key: "mean", label: "Mean", num: true, minor: 1, cell: (row) => format.duration(row.mean) },
  { key: "calls", label: "Calls", minor: 1, grow: true, cell: (row) => format.count(row.calls) },
];

export const CallTable = ({ edges, label = "Calls" }) => html`<${Table} label=${label} columns=${COLUMNS} rows=${edges} link=${callsOf} id=${(row) => `${row.from} ${row.to} ${row.kind}`} />`;

/** @param {{calls: {nodes: object[], edges: object[], complete: boolean}, services: object[]}} props */
export function ServiceMap({ calls, services }) {
  const nodes = calls.nodes.slice(0, MOST_NODES);
  const shown = new Set(nodes.map((node) => node.name));
  const edges = calls.edges.filter((edge) => shown.has(edge.from) && shown.has(edge.to));
  const places = useMemo(() => layout(nodes, edges), [calls]);
  const known = new Map(services.map((service) => [service.name, service]));
  const top = Math.max(1, ...edges.map((edge) => edge.calls));
  return html`
    <section class="panel wide" aria-label="Who calls whom">
      <header class="panel-head"><h2>Who calls whom</h2><span class="faint ellipsis">${calls.complete ? "" : "of the newest calls; choose a shorter time for all"}${calls.nodes.length > MOST_NODES ? ` ${format.count(calls.nodes.length - MOST_NODES)} services are only in the table` : ""}</span></header>
      <div class="map-box" tabindex="0" role="group" aria-label="Map of the calls">
        <svg class="map" width=${places.width} height=${places.height} viewBox=${`0 0 ${places.width} ${places.height}`}>
          <defs><marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" orient="auto"><path d="M0,0 8,4 0,8z" /></marker></defs>
          ${edges.map((edge) => html`<${Line} key=${`${edge.from} ${edge.to} ${edge.kind}`} edge=${edge} places=${places.placed} top=${top} />`)}
          ${[...places.placed.values()].map((node) => html`<${Node} key=${node.name} node=${node} service=${known.get(node.name)} />`)}
        </svg>
      </div>
      ${calls.edges.length > 0 ? html`<${CallTable} edges=${calls.edges} />` : html`<p class="no-match faint">No service was seen to call another.</p>`}
    </section>`;
}
