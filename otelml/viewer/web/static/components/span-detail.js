/** What is known of the selected span: attributes, status, links, logs. */
import * as format from "../lib/format.js";
import { html } from "../lib/html.js";
import { ATTRIBUTE } from "../lib/names.js";
import { href, path } from "../lib/router.js";
import { stageColour } from "../lib/theme.js";
import { When } from "./bits.js";
import { Copy } from "./feedback.js";
import { LogLine } from "./log-line.js";

const Pairs = ({ title, values }) => {
  const names = Object.keys(values ?? {}).sort();
  return names.length > 0 && html`
    <h3>${title}</h3>
    <dl class="pairs">${names.map((name) => html`<div key=${name} class="pair"><dt>${name}</dt>
      <dd>${name === ATTRIBUTE.model ? html`<a href=${href(path("models", values[name]), { version: values[ATTRIBUTE.version] })}>${values[name]}</a>` : format.plain(values[name])}
        <${Copy} text=${format.plain(values[name])} label=${`Copy ${name}`} /></dd></div>`)}</dl>`;
};

const Linked = ({ link, word }) => html`
  <li>${word} <a href=${href(path("traces", link.trace_id), { span: link.span_id })}>${link.name ?? format.shortId(link.trace_id)}</a>
    <span class="faint mono"> ${format.shortId(link.trace_id)}</span>${link.time && html` <${When} ms=${link.time} />`}
    ${link.stored === false && html` <span class="faint">not stored here</span>`}</li>`;

function Links({ span, backLinks }) {
  const incoming = backLinks.filter((link) => link.to_span_id === span.span_id);
  if (!span.links.length && !incoming.length) return null;
  return html`<h3>Links</h3><ul class="links">
    ${span.links.map((link) => html`<${Linked} key=${link.span_id} link=${link} word="to" />`)}
    ${incoming.map((link) => html`<${Linked} key=${link.span_id} link=${link} word="from" />`)}</ul>`;
}

const Events = ({ events }) => events.length > 0 && html`
  <h3>Events</h3>
  <ul class="links">${events.map((event, index) => html`<li key=${index}><span class="muted nowrap">+${format.duration(event.offset)}</span> ${event.name}
    <span class="faint"> ${Object.entries(event.attributes).filter(([name]) => !name.includes("stacktrace")).map(([name, value]) => `${name}=${format.plain(value)}`).join(" ")}</span></li>`)}</ul>`;

const Status = ({ span }) => {
  if (span.status === "error") return html`<span class="fail">error${span.status_message && `: ${span.status_message}`}</span>`;
  return html`<span class="muted">${span.status}</span>`;
};

export function SpanDetail({ span, trace }) {
  const logs = trace.logs.filter((log) => log.span_id === span.span_id);
  const others = trace.logs.length - logs.length;
  const shown = logs.length ? logs : trace.logs;
  return html`
    <section class="detail" aria-label=${`Span ${span.name}`} aria-live="polite">
      <header class="detail-head">
        <span class="stage-mark" style=${{ background: `var(${stageColour(span.stage)})` }}></span>
        <h2 class="ellipsis">${span.name}</h2>
        ${span.inferred && html`<span class="tag" title="otelml drew this stage; nobody wrote it in the code">inferred</span>`}
        <${Status} span=${span} />
        <span class="facts muted"><span>total <b>${format.duration(span.duration)}</b></span><span>self <b>${format.duration(span.self)}</b></span>
          <span>starts <b>+${format.duration(span.offset)}</b></span><span>${span.kind}</span><span>${span.service}</span></span>
      </header>
      <div class="detail-body">
        <div class="detail-column"><${Pairs} title="Attributes" values=${span.attributes} />${Object.keys(span.attributes).length === 0 && html`<p class="faint">No attributes</p>`}</div>
        <div class="detail-column">
          <${Links} span=${span} backLinks=${trace.back_links} />
          <${Events} events=${span.events} />
          <h3>${logs.length || !others ? "Logs of this span" : "Logs of this trace"}</h3>
          ${shown.length ? html`<div class="log-list static">${shown.map((log) => html`<${LogLine} key=${log.id} log=${log} chip=${false} />`)}</div>` : html`<p class="faint">No logs</p>`}
          <h3>Span</h3>
          <dl class="pairs">
            <div class="pair"><dt>span id</dt><dd class="mono">${span.span_id}<${Copy} text=${span.span_id} label="Copy span id" /></dd></div>
            <div class="pair"><dt>scope</dt><dd>${span.scope?.name} ${span.scope?.version}</dd></div>
          </dl>
          <${Pairs} title="Resource" values=${span.resource} />
        </div>
      </div>
    </section>`;
}
