/** The box at the top: a trace id, prediction id, model or feature name. */
import { get } from "../lib/api.js";
import { cls, html, useEffect, useRef, useState } from "../lib/html.js";
import { href, navigate, path } from "../lib/router.js";
import { Icon } from "./icons.js";

const TRACE_ID = /^[0-9a-f]{32}$/i;
const WAIT_MS = 150;

export function target(hit) {
  if (hit.trace_id) return href(path("traces", hit.trace_id), { span: hit.span_id });
  if (hit.model) return href(path("models", hit.model), { version: hit.version });
  if (hit.kind === "service") return href(path("services", hit.title));
  return href("/metrics", { name: hit.title });
}

function useHits(text) {
  const [found, setFound] = useState({ text: "", hits: [] });
  useEffect(() => {
    if (text.length < 2) return undefined;
    const control = new AbortController();
    const timer = setTimeout(() => {
      get("/search", { q: text }, control.signal)
        .then((body) => setFound({ text, hits: body.results }))
        .catch(() => setFound({ text, hits: [] }));
    }, WAIT_MS);
    return () => { clearTimeout(timer); control.abort(); };
  }, [text]);
  return found.text === text ? found.hits : null;
}

const Hit = ({ hit, index, active, onPick }) => html`
  <li id=${`hit-${index}`} role="option" aria-selected=${active} class=${cls("hit", active && "on")}
    onMouseDown=${(event) => { event.preventDefault(); onPick(hit); }}>
    <span class="hit-kind">${hit.kind}</span><span class="grow ellipsis">${hit.title}</span>
    <span class="faint ellipsis hit-detail">${hit.detail}</span>
  </li>`;

export function Search() {
  const [text, setText] = useState("");
  const [open, setOpen] = useState(false);
  const [active, setActive] = useState(0);
  const input = useRef(null);
  const query = text.trim();
  const hits = useHits(query);

  useEffect(() => {
    const onKey = (event) => {
      const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement?.tagName);
      if (event.key !== "/" || typing || event.defaultPrevented || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      input.current.focus();
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, []);

  const pick = (hit) => {
    setOpen(false);
    setText("");
    input.current.blur();
    navigate(target(hit));
  };
  const onKeyDown = (event) => {
    if (event.key === "Escape") { setOpen(false); input.current.blur(); return; }
    if (event.key === "Enter") {
      event.preventDefault();
      if (hits?.[active]) pick(hits[active]);
      else if (TRACE_ID.test(query)) pick({ trace_id: query.toLowerCase() });
      return;
    }
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step || !hits?.length) return;
    event.preventDefault();
    setActive((active + step + hits.length) % hits.length);
  };
  const shown = open && query.length >= 2 && hits !== null;
  return html`
    <div class="search" role="search">
      <${Icon} name="search" />
      <input ref=${input} type="search" value=${text} placeholder="Trace id, prediction id, model, feature"
        aria-label="Search for a trace id, prediction id, model or feature" autocomplete="off" spellcheck="false"
        role="combobox" aria-expanded=${shown} aria-controls="hits" aria-autocomplete="list"
        aria-activedescendant=${shown && hits.length ? `hit-${active}` : undefined}
        onInput=${(event) => { setText(event.target.value); setActive(0); setOpen(true); }}
        onFocus=${() => setOpen(true)} onBlur=${() => setOpen(false)} onKeyDown=${onKeyDown} />
      <kbd aria-hidden="true">/</kbd>
      ${shown && html`<ul id="hits" role="listbox" aria-label="Found" class="hits">
        ${hits.map((hit, index) => html`<${Hit} key=${index} hit=${hit} index=${index} active=${index === active} onPick=${pick} />`)}
        ${hits.length === 0 && html`<li class="hit faint">Nothing stored matches “${query}”.</li>`}
      </ul>`}
    </div>`;
}
