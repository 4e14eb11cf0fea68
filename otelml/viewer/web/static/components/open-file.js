/** Opens a file of traces: chosen by the button, or dropped on the page. */
import * as format from "../lib/format.js";
import { upload } from "../lib/api.js";
import { html, useEffect, useRef, useState } from "../lib/html.js";
import { href, navigate, path } from "../lib/router.js";

export function OpenFile() {
  const [said, setSaid] = useState(null);
  const input = useRef(null);
  const open = async (file) => {
    if (!file) return;
    setSaid({ text: `Opening ${file.name} (${format.count(file.size)} bytes)` });
    try {
      const { message, traces } = await upload("/import", file);
      setSaid({ text: `${file.name}: ${message}` });
      if (traces.length === 1) navigate(href(path("traces", traces[0]), { range: "all", from: "", to: "" }));
      else if (traces.length) navigate(href("/traces", { range: "all", from: "", to: "" }));
    } catch (error) {
      setSaid({ text: error.message, failed: true });
    }
  };
  useEffect(() => {
    const over = (event) => { if (event.dataTransfer?.types.includes("Files")) event.preventDefault(); };
    const drop = (event) => {
      if (!event.dataTransfer?.files.length) return;
      event.preventDefault();
      open(event.dataTransfer.files[0]);
    };
    document.addEventListener("dragover", over);
    document.addEventListener("drop", drop);
    return () => { document.removeEventListener("dragover", over); document.removeEventListener("drop", drop); };
  }, []);
  return html`
    <input ref=${input} type="file" accept=".json,.jsonl,.gz,application/json" class="vh" tabindex="-1" aria-label="File of traces"
      onChange=${(event) => { open(event.target.files[0]); event.target.value = ""; }} />
    <button class="button" title="OTLP JSON, also one document a line, or Jaeger's JSON; or drop it here" onClick=${() => input.current.click()}>Open a file</button>
    ${said && html`<span class=${said.failed ? "fail" : "muted"} role=${said.failed ? "alert" : "status"}>${said.text}</span>`}`;
}
