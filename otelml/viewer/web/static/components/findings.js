/** What a version did differently, in words: only what is more than chance. */
import { inUnit, relative, signed } from "../lib/difference.js";
import { cls, html, useRef } from "../lib/html.js";
import { href, path } from "../lib/router.js";

/** For each measure: words for more and for less, which of them is worse, and which predictions show it. */
const MEASURES = {
  errors: { more: "Fails more often", less: "Fails less often", worse: 1, show: "failed" },
  "error type": { more: (name) => `More ${name}`, less: (name) => `Less ${name}`, worse: 1, show: "failed" },
  p50: { more: "Slower: median", less: "Faster: median", worse: 1, show: "slow" },
  p95: { more: "Slower: p95", less: "Faster: p95", worse: 1, show: "slow" },
  p99: { more: "Slower: p99", less: "Faster: p99", worse: 1, show: "slow" },
  "stage p50": { more: (name) => `${name} is slower: median`, less: (name) => `${name} is faster: median`, worse: 1, show: "slow" },
  "stage p95": { more: (name) => `${name} is slower: p95`, less: (name) => `${name} is faster: p95`, worse: 1, show: "slow" },
  confidence: { more: "More confident", less: "Less confident", worse: -1, show: "low_confidence" },
  label: { more: (name) => `“${name}” more often`, less: (name) => `“${name}” less often`, worse: 0, label: true },
  accuracy: { more: "More often right", less: "More often wrong", worse: -1, show: "wrong" },
  quality: { more: (name) => `${name} is higher`, less: (name) => `${name} is lower`, worse: 0 },
};

const say = (words, subject) => (typeof words === "function" ? words(subject) : words);

/** The name of a line in the table of all numbers. */
export function measureName({ measure, subject }) {
  const names = { traffic: "Predictions", errors: "Errors", "error type": subject, p50: "p50", p95: "p95", p99: "p99", "stage p50": `${subject} p50`, "stage p95": `${subject} p95`,
    confidence: "Confidence, median", label: `Label “${subject}”`, accuracy: "Accuracy", quality: `Quality: ${subject}` };
  return names[measure] ?? measure;
}

function evidence(line, name, version) {
  const kind = MEASURES[line.measure];
  if (kind.label) return { text: "traces", link: href("/traces", { model: name, label: line.subject }) };
  if (kind.show) return { text: "predictions", link: href(path("models", name), { version, show: kind.show }) };
  return { text: "model", link: href(path("models", name), { version }) };
}

const strength = (line) => Math.abs(line.difference) / Math.max(line.upper - line.lower, 1e-12);

/** Lines that are more than chance, the clearest first; a single type of error says no more than all of them. */
export function certain(measures) {
  const single = measures.filter((line) => line.measure === "error type").length === 1;
  return measures.filter((line) => line.certain && !(single && line.measure === "error type")).sort((x, y) => strength(y) - strength(x));
}

function Finding({ line, name, version }) {
  const kind = MEASURES[line.measure];
  const more = line.difference > 0;
  const to = evidence(line, name, version);
  return html`<li class=${cls("finding", kind.worse * Math.sign(line.difference) > 0 && "worse")}>
    <span class="finding-mark" aria-hidden="true"></span>
    <span>${say(more ? kind.more : kind.less, line.subject)}</span>
    <span class="num">${inUnit(line.a, line.unit)} → <b>${inUnit(line.b, line.unit)}</b></span>
    <span class="num muted" title="The interval of the difference; all lines together hold with 95 %">${signed(line.difference, line.unit)} ${line.unit === "ms" && relative(line.a, line.difference)}
      <span class="faint"> ${signed(line.lower, line.unit)} to ${signed(line.upper, line.unit)}</span></span>
    <a href=${to.link}>${to.text}</a></li>`;
}

const Drifted = ({ feature, name, a, b }) => {
  const now = feature.b?.detected;
  return html`<li class=${cls("finding", now && "worse")}><span class="finding-mark" aria-hidden="true"></span>
    <span>${feature.name} has drifted for ${now ? b : a}, not for ${now ? a : b}</span><span></span><span></span>
    <a href=${href(path("models", name), { version: now ? b : a })}>drift</a></li>`;
};

const keyOf = (line) => `${line.measure} ${line.subject}`;

/** Keeps the order that lines had when the comparison was opened: while data arrives, how clear each is wavers. */
function useOrder(lines, subject) {
  const order = useRef({ subject: null, keys: [] });
  const before = order.current.subject === subject ? order.current.keys : [];
  const known = new Map(before.map((key, place) => [key, place]));
  const placed = lines.map((line, at) => [known.get(keyOf(line)) ?? before.length + at, line]).sort((x, y) => x[0] - y[0]);
  const found = placed.map(([, line]) => line);
  // Lines that are gone keep their places: they come back.
  order.current = { subject, keys: [...before, ...found.map(keyOf).filter((key) => !known.has(key))] };
  return found;
}

/** @param {{data: object}} props the answer of `/api/compare/models` */
export function Findings({ data }) {
  const [a, b] = [data.a.version, data.b.version];
  const lines = useOrder(certain(data.measures), `${data.name} ${a} ${b}`);
  const drifted = data.drift.features.filter((each) => each.a && each.b && each.a.detected !== each.b.detected);
  return html`
    <section class="panel wide" aria-label="Differences"><header class="panel-head"><h2>What ${b} did differently from ${a}</h2><span class="faint ellipsis">beyond chance</span></header>
      ${lines.length + drifted.length > 0 ? html`<ul class="findings">
        ${lines.map((line) => html`<${Finding} key=${keyOf(line)} line=${line} name=${data.name} version=${b} />`)}
        ${drifted.map((feature) => html`<${Drifted} key=${feature.name} feature=${feature} name=${data.name} a=${a} b=${b} />`)}</ul>`
      : html`<p class="muted pad" role="status">Nothing that chance would not explain, from ${data.a.predictions.toLocaleString("en-US")} and ${data.b.predictions.toLocaleString("en-US")} predictions.</p>`}
    </section>`;
}
