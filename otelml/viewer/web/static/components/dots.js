/** Points over a chart that lead to a trace: exemplars and the traces of the scatter. */
import { href, navigate, path } from "../lib/router.js";
import { colour } from "../lib/theme.js";

const REACH_PX = 10;

/**
 * @typedef {object} Dot
 * @property {number} x seconds
 * @property {number} y in the unit of the axis
 * @property {string} trace_id
 * @property {string} [span_id]
 * @property {string} [color] a colour token
 * @property {boolean} [solid]
 * @property {string} [title]
 */
export class Dots {
  /** @param {() => Dot[]} read */
  constructor(read) {
    this.read = read;
    this.hit = null;
  }

  draw(plot) {
    const { ctx } = plot;
    const ratio = devicePixelRatio;
    const { left, top, width, height } = plot.bbox;
    ctx.save();
    ctx.beginPath();
    ctx.rect(left, top, width, height);
    ctx.clip();
    for (const dot of this.read()) {
      const x = plot.valToPos(dot.x, "x", true);
      const y = plot.valToPos(dot.y, "y", true);
      ctx.beginPath();
      ctx.arc(x, y, (dot.size ?? 3) * ratio, 0, 2 * Math.PI);
      ctx.fillStyle = colour(dot.solid ? dot.color : "--bg");
      ctx.globalAlpha = dot.alpha ?? 1;
      ctx.fill();
      ctx.globalAlpha = 1;
      if (!dot.solid) {
        ctx.lineWidth = 1.5 * ratio;
        ctx.strokeStyle = colour(dot.color ?? "--text");
        ctx.stroke();
      }
    }
    ctx.restore();
  }

  nearest(plot) {
    const { left, top } = plot.cursor;
    let best = null;
    let distance = REACH_PX;
    for (const dot of this.read()) {
      const away = Math.hypot(plot.valToPos(dot.x, "x") - left, plot.valToPos(dot.y, "y") - top);
      if (away < distance) { best = dot; distance = away; }
    }
    return best;
  }

  hover(plot) {
    this.hit = plot.cursor.left >= 0 ? this.nearest(plot) : null;
    plot.over.classList.toggle("on-dot", Boolean(this.hit));
    plot.over.title = this.hit?.title ?? "";
  }

  listen(plot) {
    let down = null;
    plot.over.addEventListener("mousedown", (event) => { down = [event.clientX, event.clientY]; });
    plot.over.addEventListener("click", (event) => {
      const moved = down && Math.hypot(event.clientX - down[0], event.clientY - down[1]) > 4;
      if (!this.hit || moved) return;
      navigate(href(path("traces", this.hit.trace_id), { span: this.hit.span_id }));
    });
  }
}
