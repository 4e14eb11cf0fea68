/** Renders only the lines in view of a long list of equal heights. */
import { html, useEffect, useLayoutEffect, useReducer, useRef } from "../lib/html.js";

const SPARE = 12;

/**
 * @param {{rows: any[], height: number, row: (item: any, index: number) => any, keep?: number, keepKey?: string,
 *   class?: string, label: string, role?: string, onScroll?: (box: HTMLElement) => void, attrs?: object}} props
 * `keep` is the index that must be in view; with `keepKey` only when that changes, not when lines come in above.
 */
export function VirtualList({ rows, height, row, keep = -1, keepKey, class: name, label, role = "list", onScroll, attrs = {}, boxRef }) {
  const own = useRef(null);
  const box = boxRef ?? own;
  const [, redraw] = useReducer((count) => count + 1, 0);
  const top = box.current?.scrollTop ?? 0;
  const view = box.current?.clientHeight ?? 800;
  const first = Math.max(0, Math.floor(top / height) - SPARE);
  const last = Math.min(rows.length, Math.ceil((top + view) / height) + SPARE);

  useLayoutEffect(() => {
    redraw();
    const observer = new ResizeObserver(redraw);
    observer.observe(box.current);
    return () => observer.disconnect();
  }, []);
  useEffect(() => {
    if (keep < 0) return;
    const element = box.current;
    if (keep * height < element.scrollTop) element.scrollTop = keep * height;
    else if ((keep + 1) * height > element.scrollTop + element.clientHeight) {
      element.scrollTop = (keep + 1) * height - element.clientHeight;
    }
  }, [keepKey ?? keep]);

  return html`
    <div ref=${box} class=${name} role=${role} aria-label=${label} tabindex="0" ...${attrs}
      onScroll=${(event) => { redraw(); onScroll?.(event.currentTarget); }}>
      <div class="virtual" role="presentation" style=${{ height: `${rows.length * height}px` }}>
        <div class="virtual-view" role="presentation" style=${{ transform: `translateY(${first * height}px)` }}>
          ${rows.slice(first, last).map((item, offset) => row(item, first + offset))}
        </div>
      </div>
    </div>`;
}
