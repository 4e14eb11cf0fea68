// Reads a JSON list of LogQL expressions; writes, for each, the first place that is no LogQL, or null.
import { readFileSync } from "node:fs";
import { parser } from "@grafana/lezer-logql";

const wrong = JSON.parse(readFileSync(0, "utf8")).map((text) => {
  let found = null;
  parser.parse(text).iterate({
    enter(node) {
      if (node.type.isError && found === null) found = text.slice(0, node.from) + " ⚠ " + text.slice(node.from);
    },
  });
  return found;
});
process.stdout.write(JSON.stringify(wrong));
