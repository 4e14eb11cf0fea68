/** What the viewer has received, what it did not take and why, and how much it keeps. */
import { Stat, Stats, When } from "../components/bits.js";
import { Nothing } from "../components/feedback.js";
import * as format from "../lib/format.js";
import { html } from "../lib/html.js";
import { useStatus } from "../lib/live.js";

/** Reasons as the receiver counts them, in words; OTLP's partial success tells the sender more. */
const REASONS = {
  malformed: "cannot be read, or is no valid OTLP",
  late: "points that came after newer ones of their series",
  colliding: "spans whose id another span of the trace has",
  expired: "older than what is kept",
  future: "more than ten minutes ahead of this machine's clock",
  excessive: "more than 10,000 attributes, events, buckets or other parts in one",
};
/** Why a whole request was refused; nobody knows what it held. */
const REQUESTS = {
  too_large: "The body, or what it holds, is more than is taken at a time. The sender was told that it never will be.",
  busy: "Too much was being read at that time. The sender was told to come again.",
  slow: "The body did not come in time.",
  unreadable: "It cannot be unpacked or decoded.",
};

const Row = ({ what, why, amount }) => html`<tr><td>${what}</td><td class="num">${format.count(amount)}</td><td class="fill wraps">${why}</td></tr>`;

function Lost({ status }) {
  const falling = (counts) => Object.entries(counts).sort((a, b) => b[1] - a[1]);
  const [reasons, requests] = [falling(status.reasons), falling(status.requests)];
  if (!reasons.length && !requests.length && !status.dropped && !status.expired) return html`<${Nothing}>Everything that was sent has been taken, and nothing was deleted.<//>`;
  return html`<div class="table-box"><table class="table" aria-label="Not taken">
    <thead><tr><th scope="col">What</th><th scope="col" class="num">Number</th><th scope="col" class="fill">Why</th></tr></thead>
    <tbody>
      ${reasons.map(([reason, amount]) => html`<${Row} key=${reason} what=${`refused: ${reason}`} amount=${amount} why=${REASONS[reason] ?? ""} />`)}
      ${requests.map(([reason, amount]) => html`<${Row} key=${`request ${reason}`} what=${`requests: ${reason.replace("_", " ")}`} amount=${amount} why=${REQUESTS[reason] ?? ""} />`)}
      ${status.dropped > 0 && html`<${Row} what="to be sent again" amount=${status.dropped} why="The queue was full or the store failed. The sender was told to come again, and has not yet." />`}
      ${status.expired > 0 && html`<${Row} what="deleted" amount=${status.expired} why=${`Older than ${format.duration(status.retention_s * 1000)}, or the oldest when ${format.bytes(status.max_bytes)} were reached.`} />`}
    </tbody></table></div>`;
}

export function StatusPage() {
  const status = useStatus();
  if (!status) return null;
  const { endpoints } = status;
  return html`
    <div class="page-head"><h1>Receiver</h1><span class="muted">${status.last_received === null ? "nothing received yet" : html`last received <${When} ms=${status.last_received} />`}</span></div>
    <${Stats} label="Stored">
      <${Stat} label="Spans" value=${format.count(status.spans)} note=${`${format.count(status.traces)} traces`} />
      <${Stat} label="Metric points" value=${format.count(status.points)} />
      <${Stat} label="Log records" value=${format.count(status.logs)} />
      <${Stat} label="Refused" value=${format.count(status.rejected)} fail=${status.rejected > 0} />
      <${Stat} label="To be sent again" value=${format.count(status.dropped)} fail=${status.dropped > 0} />
      <${Stat} label="Size" value=${format.bytes(status.db_bytes)} note=${`of ${format.bytes(status.max_bytes)}`} />
      <${Stat} label="Waiting" value=${format.count(status.queue)} note="items" />
    <//>
    <section class="panel wide" aria-label="Not taken or not kept"><header class="panel-head"><h2>Not taken or not kept</h2>
      <span class="faint ellipsis">since the viewer was started</span></header><${Lost} status=${status} /></section>
    <section class="panel wide" aria-label="Addresses"><header class="panel-head"><h2>Addresses</h2></header>
      <dl class="pairs addresses">
        <div class="pair"><dt>OTLP/HTTP</dt><dd>${endpoints.http}</dd></div>
        <div class="pair"><dt>OTLP/gRPC</dt><dd>${endpoints.grpc}</dd></div>
        <div class="pair"><dt>started</dt><dd><${When} ms=${status.started} /></dd></div>
        <div class="pair"><dt>version</dt><dd>${status.version}</dd></div>
      </dl></section>`;
}
