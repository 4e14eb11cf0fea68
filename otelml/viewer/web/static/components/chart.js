/** A chart with its legend, its dots that open a trace, and the table behind it. */
import { html, useEffect, useLayoutEffect, useReducer, useRef } from "../lib/html.js";
import { onTheme } from "../lib/theme.js";
import { zoom } from "../lib/time.js";
import { ChartTable } from "./chart-table.js";
import { Dots } from "./dots.js";
import { plotOptions } from "./plot-options.js";

/**
 * @typedef {object} Series
 * @property {string} label
 * @property {string} color a colour token
 * @property {(number|null)[]} values what is plotted (cumulated, when stacked)
 * @property {(number|null)[]} [shown] what the legend and the table say, when not `values`
 * @property {number} [whole] what the legend says of the whole range, where the pointer is at no point; the last value when left out
 * @property {"line"|"bars"|"steps"|"none"} [kind]
 * @property {boolean} [fill]
 */

function useTheme() {
  const [version, bump] = useReducer((count) => count + 1, 0);
  useEffect(() => onTheme(bump), []);
  return version;
}

function selectHook(latest) {
  return (plot) => {
    const { left, top, width, height } = plot.select;
    if (width < 4) return;
    const x = [plot.posToVal(left, "x"), plot.posToVal(left + width, "x")];
    const y = [plot.posToVal(top + height, "y"), plot.posToVal(top, "y")];
    plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    const { onSelect } = latest();
    if (onSelect) onSelect({ x, y });
    else zoom(x[0] * 1000, x[1] * 1000);
  };
}

function legendHook(legend, latest) {
  return (plot) => {
    const at = plot.cursor.idx ?? null;
    const cells = legend.current?.querySelectorAll("[data-value]") ?? [];
    for (const [index, cell] of cells.entries()) cell.textContent = latest().readout(index, at);
  };
}

const Legend = ({ entries, innerRef }) => html`
  <div class="legend" ref=${innerRef} aria-hidden="true">
    ${entries.map((each) => html`<span key=${each.label} class="legend-entry">
      <span class="swatch" style=${{ background: `var(${each.color})` }}></span><span class="ellipsis">${each.label}</span>
      <span class="legend-value" data-value=""></span></span>`)}
  </div>`;

/**
 * @param {{x: number[], series: Series[], label: string, height?: number, yFormat: (value: number) => string, yTick?: (value: number) => string,
 *   xFormat?: (value: number) => string, xRange?: [number, number], yRange?: [number, number], time?: boolean,
 *   log?: boolean, select?: "time"|"box"|"none", onSelect?: (box: {x: number[], y: number[]}) => void,
 *   dots?: object[], paint?: (plot: any) => void, legend?: boolean, xLabel?: string, axisWidth?: number}} props
 * `x` is in seconds when it is time.
 */
export function Chart(props) {
  const { x, series, label, height = 176, dots = [], legend = series.length > 1 } = props;
  const box = useRef(null);
  const legendBox = useRef(null);
  const plot = useRef(null);
  const newest = useRef(props);
  const dotsLayer = useRef(null);
  newest.current = props;
  const theme = useTheme();
  const shape = series.map((each) => `${each.label}${each.color}${each.kind}${each.fill}`).join("|");

  const latest = () => ({
    ...newest.current,
    readout: (index, at) => {
      const entry = newest.current.series[newest.current.reverse ? newest.current.series.length - 1 - index : index];
      const values = entry?.shown ?? entry?.values ?? [];
      const value = at === null ? entry?.whole ?? values.findLast((each) => each !== null && each !== undefined) : values[at];
      return value === null || value === undefined ? "" : newest.current.yFormat(value);
    },
  });

  useLayoutEffect(() => {
    const layer = new Dots(() => newest.current.dots ?? []);
    dotsLayer.current = layer;
    const size = { width: box.current.clientWidth || 300, height };
    const showLegend = legendHook(legendBox, latest);
    const hooks = {
      setSelect: [selectHook(latest)],
      setCursor: [showLegend, (u) => layer.hover(u)],
      drawClear: [(u) => newest.current.paint?.(u)],
      draw: [(u) => layer.draw(u)],
      ready: [showLegend, (u) => layer.listen(u)],
    };
    plot.current = new globalThis.uPlot(
      plotOptions(props, size, latest, hooks), [x, ...series.map((each) => each.values)], box.current);
    const observer = new ResizeObserver(() => {
      const width = box.current?.clientWidth;
      if (width && width !== plot.current.width) plot.current.setSize({ width, height });
    });
    observer.observe(box.current);
    return () => { observer.disconnect(); plot.current.destroy(); plot.current = null; };
  }, [shape, theme, height, props.log, props.select]);

  useLayoutEffect(() => {
    plot.current?.setData([x, ...series.map((each) => each.values)]);
    if (plot.current) legendHook(legendBox, latest)(plot.current);
  }, [x, series, dots, shape, props.xRange?.[0], props.xRange?.[1]]);

  const entries = props.reverse ? [...series].reverse() : series;
  return html`
    <figure class="chart" aria-label=${label}>
      ${legend && html`<${Legend} entries=${entries} innerRef=${legendBox} />`}
      <div class="plot" ref=${box} aria-hidden="true"></div>
      <${ChartTable} ...${props} dots=${dots} />
    </figure>`;
}
