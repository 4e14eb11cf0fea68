/** The whole trace in a strip: where the view is, and a drag to choose another. */
import { html, useEffect, useRef } from "../lib/html.js";
import { serviceColour, spanColour } from "../lib/services.js";
import { colour, onTheme } from "../lib/theme.js";
import { useRangeDrag } from "./range-drag.js";

const LEAST_PX = 1;

function paint(canvas, spans, duration) {
  const { clientWidth: width, clientHeight: height } = canvas;
  const ratio = devicePixelRatio;
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  const ctx = canvas.getContext("2d");
  ctx.scale(ratio, ratio);
  const step = height / Math.max(spans.length, 8);
  spans.forEach((span, index) => {
    ctx.fillStyle = colour(span.status === "error" ? "--fail" : spanColour(span));
    ctx.fillRect((span.offset / duration) * width, index * step, Math.max(LEAST_PX, (span.duration / duration) * width), Math.max(LEAST_PX, step - 1));
  });
}

const percent = (share) => `${100 * share}%`;
const Shade = ({ from, to, name }) => to > from && html`<span class=${`minimap-${name}`} style=${{ left: percent(from), width: percent(to - from) }}></span>`;

/** @param {{trace: object, view: {from: number, span: number}, onView: (from: number, to: number) => void, onWhole: () => void}} props */
export function Minimap({ trace, view, onView, onWhole }) {
  const canvas = useRef(null);
  const duration = Math.max(trace.duration, 1e-6);
  const { drag, handlers } = useRangeDrag((from, to) => onView(from * duration, to * duration));
  useEffect(() => {
    const draw = () => canvas.current && paint(canvas.current, trace.spans, duration);
    const observer = new ResizeObserver(draw);
    observer.observe(canvas.current);
    const leave = onTheme(draw);
    return () => { observer.disconnect(); leave(); };
  }, [trace, trace.services.map(serviceColour).join()]);
  const low = view.from / duration;
  const high = (view.from + view.span) / duration;
  return html`
    <div class="minimap" title="Drag to zoom, double click for everything" ...${handlers} onDblClick=${onWhole}>
      <canvas ref=${canvas} aria-hidden="true"></canvas>
      <${Shade} name="outside" from=${0} to=${low} /><${Shade} name="outside" from=${high} to=${1} />
      ${drag && html`<${Shade} name="drag" from=${drag[0]} to=${drag[1]} />`}
    </div>`;
}
