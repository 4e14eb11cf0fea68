/** Log records by the values of an attribute: over time, and a click to keep only one. */
import { withCondition } from "../lib/conditions.js";
import * as format from "../lib/format.js";
import { html, useMemo } from "../lib/html.js";
import * as plots from "../lib/plots.js";
import { setParams } from "../lib/router.js";
import { labelColour } from "../lib/theme.js";
import { Chart } from "./chart.js";

const NONE = "(none)";
const REST = "--idle";

/** @param {{data: object, where: string|undefined, bounds: object}} props an answer of `/logs` with groups */
export function LogGroups({ data, where, bounds }) {
  const { groups, histogram } = data;
  const x = useMemo(() => plots.seconds(histogram.time), [data]);
  const series = useMemo(() => {
    const parts = groups.values.map((each, index) => ({ label: each.value || NONE, color: labelColour(index), values: each.counts }));
    if (groups.other.values) parts.push({ label: `${groups.other.values} more`, color: REST, values: groups.other.counts });
    return plots.stack(parts, "bars");
  }, [data]);
  const keep = (value) => setParams({ where: withCondition(where, { key: groups.by, equal: true, value }), by: "" });
  return html`
    <div class="log-histogram"><${Chart} label=${`Log records by ${groups.by} over time`} x=${x} series=${series} reverse height=${104} legend=${false}
      xRange=${plots.xRange(bounds.fixed ? bounds : null, histogram.time)} yFormat=${format.number} /></div>
    <ul class="log-groups" aria-label=${`Values of ${groups.by}`}>
      ${groups.values.map((each, index) => html`<li key=${each.value}><button class="toggle" title="Show only these" onClick=${() => keep(each.value)}>
        <span class="swatch" style=${{ background: `var(${labelColour(index)})` }}></span><span class="ellipsis">${each.value || NONE}</span><b>${format.count(each.count)}</b></button></li>`)}
      ${groups.other.values > 0 && html`<li class="muted">${format.count(groups.other.values)} more values, ${format.count(groups.other.counts.reduce((sum, each) => sum + each, 0))} records</li>`}
      ${groups.capped && html`<li class="muted">of the newest ${format.count(groups.counted)} records</li>`}
    </ul>`;
}
