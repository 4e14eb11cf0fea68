/** What is known of the selected span: attributes, status, links, events, logs, and where it comes from. */
import * as format from "../lib/format.js";
import { html } from "../lib/html.js";
import { stageColour } from "../lib/theme.js";
import { Copy } from "./feedback.js";
import { LogLine, useOpened } from "./log-line.js";
import { Messages } from "./messages.js";
import { Pairs, Text } from "./pairs.js";
import { Events } from "./span-events.js";
import { Links } from "./span-links.js";

function Status({ span }) {
  const { status, status_message: message } = span;
  return html`<div class=${status === "error" ? "fail told" : "muted told"}>${status}${message && html`: <${Text} text=${message} />`}</div>`;
}

const Line = ({ name, children }) => html`<div class="pair"><dt>${name}</dt><dd>${children}</dd></div>`;
const Id = ({ text, label }) => html`<span class="mono">${text}</span><${Copy} text=${text} label=${`Copy ${label}`} />`;

function Parent({ span }) {
  if (!span.parent_id) return html`<span class="faint">none, it is a root</span>`;
  const remote = span.parent_remote === true ? ", of another process" : "";
  return html`<span><span class="mono">${span.parent_id}</span>${span.missing_parent ? html` <strong class="warn">not stored here${remote}</strong>` : html`<span class="faint">${remote}</span>`}</span>
    <${Copy} text=${span.parent_id} label="Copy the parent's id" />`;
}

const Timing = ({ span }) => (span.no_start || span.no_end) && html`
  <${Line} name="time"><span class="warn">sent without ${[span.no_start && "a start", span.no_end && "an end"].filter(Boolean).join(" and ")}</span><//>`;

function Origin({ span }) {
  const { scope } = span;
  return html`
    <h3>Span</h3>
    <dl class="pairs">
      <${Line} name="span id"><${Id} text=${span.span_id} label="span id" /><//>
      <${Line} name="parent"><${Parent} span=${span} /><//>
      <${Timing} span=${span} />
      ${span.trace_state && html`<${Line} name="trace state"><${Text} text=${span.trace_state} mono /><//>`}
      <${Line} name="scope">${scope.name ? html`<${Text} text=${scope.name} />` : html`<span class="faint">none was sent</span>`}<//>
      ${scope.version && html`<${Line} name="scope version"><${Text} text=${scope.version} /><//>`}
    </dl>
    <${Pairs} title="Scope" values=${scope.attributes} dropped=${scope.dropped} />
    <${Pairs} title="Resource" values=${span.resource} dropped=${span.resource_dropped} />`;
}

function Logs({ span, trace }) {
  const { opened, toggle } = useOpened();
  const own = trace.logs.filter((log) => log.span_id === span.span_id);
  const shown = own.length ? own : trace.logs;
  return html`
    <h3>${own.length || !shown.length ? "Logs of this span" : "Logs of this trace"}</h3>
    ${shown.length ? html`<div class="log-list static">${shown.map((log) => html`<${LogLine} key=${log.id} log=${log} chip=${false} open=${opened.has(log.id)} onToggle=${() => toggle(log.id)} />`)}</div>` : html`<p class="faint">No logs</p>`}`;
}

export function SpanDetail({ span, trace }) {
  const none = Object.keys(span.attributes).length === 0 && !span.dropped.attributes;
  return html`
    <section class="detail" aria-label=${`Span ${span.name}`} aria-live="polite">
      <header class="detail-head">
        <span class="stage-mark" style=${{ background: `var(${stageColour(span.stage)})` }}></span>
        <h2 class="ellipsis" dir="auto" title=${span.name}>${span.title}</h2>${span.work && html`<span class="tag">${span.work}</span>`}
        ${span.inferred && html`<span class="tag" title="otelml drew this stage; nobody wrote it in the code">inferred</span>`}
        ${span.missing_parent && html`<span class="tag warn" title=${`Its parent ${span.parent_id} is not stored here`}>parent missing</span>`}
        <${Status} span=${span} />
        <span class="facts muted"><span>total <b>${format.duration(span.duration)}</b></span><span>self <b>${format.duration(span.self)}</b></span>
          <span>starts <b>+${format.duration(span.offset)}</b></span><span>${span.kind}</span><span class="break">${span.service}</span></span>
      </header>
      <div class="detail-body">
        <div class="detail-column"><${Messages} messages=${span.messages} /><${Pairs} title="Attributes" values=${span.attributes} dropped=${span.dropped.attributes} />${none && html`<p class="faint">No attributes</p>`}</div>
        <div class="detail-column" key=${span.span_id}>
          <${Links} span=${span} backLinks=${trace.back_links} />
          <${Events} events=${span.events} dropped=${span.dropped.events} />
          <${Logs} span=${span} trace=${trace} />
          <${Origin} span=${span} />
        </div>
      </div>
    </section>`;
}
