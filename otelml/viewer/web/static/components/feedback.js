/** What stands where data would: loading, empty, failed. */
import { html, useState } from "../lib/html.js";
import { useStatus } from "../lib/live.js";
import { Icon } from "./icons.js";

const COPIED_MS = 1500;

export function Copy({ text, label = "Copy" }) {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    setCopied(true);
    setTimeout(() => setCopied(false), COPIED_MS);
  };
  return html`<button class="icon-button small" title=${copied ? "Copied" : label} aria-label=${copied ? "Copied" : `${label}: ${text.slice(0, 60)}`}
    onClick=${copy}><${Icon} name=${copied ? "check" : "copy"} /></button>`;
}

export const Command = ({ text }) => html`
  <div class="command"><code tabindex="0">${text}</code><${Copy} text=${text} /></div>`;

/** Nothing has been received at all: how to send something. */
export function Onboarding({ what }) {
  const { http = "http://localhost:4318", grpc = "localhost:4317" } = useStatus()?.endpoints ?? {};
  return html`
  <section class="empty" aria-label="No data yet">
    <h1>No ${what} received yet</h1>
    <p class="muted">The viewer listens for OTLP at <code>${http}</code> (HTTP)${grpc && html` and <code>${grpc}</code> (gRPC)`}. This page fills by itself as soon as something arrives.</p>
    <h2>See it with the demo service</h2>
    <${Command} text="otelml demo" />
    <h2>Send from your own service, with no change to its code</h2>
    <${Command} text=${`OTEL_EXPORTER_OTLP_ENDPOINT=${http} otelml run -- python app.py`} />
    <h2>Or with one line in it</h2>
    <${Command} text=${'import otelml; otelml.init("my-service", model="my-model")'} />
  </section>`;
}

/** Data exists, but none in this window or under these filters. */
export const Nothing = ({ children, onClear, clear = "Clear filters" }) => html`
  <div class="nothing"><p>${children}</p>${onClear && html`<button class="button" onClick=${onClear}>${clear}</button>`}</div>`;

const sentence = (text) => text && `${text[0].toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;

export const Failed = ({ what, error, onRetry }) => html`
  <div class="failed" role="alert">
    <div class="grow"><strong>${what} could not be loaded.</strong> <span class="muted">${sentence(error.message)}</span></div>
    <button class="button" onClick=${onRetry}>Retry</button>
  </div>`;

const Skeleton = ({ rows = 8 }) => html`
  <div class="skeleton" role="status" aria-label="Loading">
    ${Array.from({ length: rows }, (_, index) => html`<div key=${index} class="bone"></div>`)}
  </div>`;

/**
 * Chooses between the states of `useData`. Children is a function of the data.
 * @param {{state: any, what: string, rows?: number, head?: any, children: (data: any) => any}} props
 *   `head` says which page this is until there is data that does
 */
export function Loaded({ state, what, rows, head = null, children }) {
  const { data, error, slow, reload } = state;
  if (data) {
    return html`${error && error.status !== 0 && html`<${Failed} what=${`Newer ${what}`} error=${error} onRetry=${reload} />`}${children(data)}`;
  }
  if (error) return html`${head}<${Failed} what=${what} error=${error} onRetry=${reload} />`;
  return slow ? html`${head}<${Skeleton} rows=${rows} />` : null;
}
