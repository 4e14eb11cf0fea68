/** A stretch chosen by dragging, as shares of an element's width. */
import { useState } from "../lib/html.js";

const LEAST = 0.004;

/**
 * @param {(from: number, to: number) => void} onRange
 * @returns {{drag: [number, number]|null, handlers: object}} what is being dragged over, and what the element listens to
 */
export function useRangeDrag(onRange) {
  const [ends, setEnds] = useState(null);
  const share = (event) => {
    const box = event.currentTarget.getBoundingClientRect();
    return Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
  };
  const handlers = {
    onPointerDown: (event) => {
      if (event.button) return;
      event.currentTarget.setPointerCapture(event.pointerId);
      setEnds([share(event), share(event)]);
    },
    onPointerMove: (event) => ends && setEnds([ends[0], share(event)]),
    onPointerUp: (event) => {
      if (!ends) return;
      const [low, high] = [ends[0], share(event)].sort((a, b) => a - b);
      setEnds(null);
      if (high - low > LEAST) onRange(low, high);
    },
    onPointerCancel: () => setEnds(null),
  };
  return { drag: ends && [Math.min(...ends), Math.max(...ends)], handlers };
}
