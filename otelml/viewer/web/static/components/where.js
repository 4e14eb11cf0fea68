/** Filters by any attribute: a box that knows the keys and their values, and a chip for each filter. */
import { condition, conditions, withCondition, without, written } from "../lib/conditions.js";
import { useData } from "../lib/data.js";
import { cls, html, useState } from "../lib/html.js";
import { setParams } from "../lib/router.js";
import { Icon } from "./icons.js";

const Chip = ({ each, where }) => html`
  <button class="where-chip" title="Remove this filter" aria-label=${`Remove the filter ${written(each)}`} onClick=${() => setParams({ where: without(where, each) })}>
    <span class="mono ellipsis"><span class="where-key">${each.key}</span>${each.equal ? "=" : "≠"}<b>${each.value || "(none)"}</b></span><${Icon} name="close" /></button>`;

/** What may be typed next: keys, and after one its values. */
function useHints(text, keys, source, bounds) {
  const typed = condition(text);
  const key = typed && keys.includes(typed.key) ? typed.key : null;
  const [path, query, pick] = source(key ?? "");
  const { data } = useData(key ? path : null, query, { window: bounds });
  if (!typed) return keys.map((each) => `${each}=`);
  return data && key ? pick(data).map((value) => written({ ...typed, value })) : [];
}

/**
 * @param {{where: string|undefined, keys: string[], bounds: object,
 *   source: (key: string) => [string, object, (data: any) => string[]]}} props
 * `source` says which query has the values of a key, and where they are in its answer.
 */
export function Where({ where, keys, bounds, source }) {
  const [text, setText] = useState("");
  const [wrong, setWrong] = useState(false);
  const hints = useHints(text, keys, source, bounds);
  const submit = (event) => {
    event.preventDefault();
    const added = condition(text);
    setWrong(Boolean(text.trim()) && !added);
    if (!added) return;
    setParams({ where: withCondition(where, added) });
    setText("");
  };
  return html`
    <form class="where" onSubmit=${submit}>
      <label class=${cls("field", "where-field", wrong && "wrong")}><span>Attribute</span>
        <input list="where-hints" value=${text} placeholder="key=value, Enter" aria-invalid=${wrong} autocomplete="off" spellcheck="false" name="where"
          title="key=value or key!=value; an empty value is one that is missing. Several values of one key are alternatives."
          onInput=${(event) => { setText(event.target.value); setWrong(false); }} /></label>
      <datalist id="where-hints">${hints.map((hint) => html`<option key=${hint} value=${hint}></option>`)}</datalist>
      ${wrong && html`<span class="fail" role="alert">Write key=value</span>`}
    </form>
    ${conditions(where).map((each) => html`<${Chip} key=${written(each)} each=${each} where=${where} />`)}`;
}
