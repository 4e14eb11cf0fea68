// The Node SDK as a sender: `node send.mjs grpc|proto|http ADDRESS ROUNDS`; prints what was acknowledged.
import { SpanStatusCode, context, trace } from "@opentelemetry/api";
import { SeverityNumber } from "@opentelemetry/api-logs";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { BatchLogRecordProcessor, LoggerProvider } from "@opentelemetry/sdk-logs";
import { AggregationTemporality, MeterProvider, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";
import { BatchSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";

const [protocol, address, rounds] = process.argv.slice(2);
const url = (path) => (protocol === "grpc" ? address : `${address}/v1/${path}`);
const exporters = {};
for (const [signal, path, name] of [["trace", "traces", "OTLPTraceExporter"], ["metrics", "metrics", "OTLPMetricExporter"], ["logs", "logs", "OTLPLogExporter"]]) {
  const Exporter = (await import(`@opentelemetry/exporter-${signal}-otlp-${protocol}`))[name];
  exporters[signal] = new Exporter({ url: url(path), temporalityPreference: AggregationTemporality.CUMULATIVE });
}

const acknowledged = { spans: 0, logs: 0, exports: 0 };
function counted(exporter, count) {
  const send = exporter.export.bind(exporter);
  exporter.export = (items, done) => send(items, (result) => {
    if (result.code === 0) count(items);
    else console.error(result.error);
    done(result);
  });
  return exporter;
}

const resource = resourceFromAttributes({ "service.name": "sender" });
const spans = new BatchSpanProcessor({ exporter: counted(exporters.trace, (items) => { acknowledged.spans += items.length; }) });
const tracers = new TracerProvider({ resource, spanProcessors: [spans] });
const reader = new PeriodicExportingMetricReader({ exporter: counted(exporters.metrics, () => { acknowledged.exports += 1; }), exportIntervalMillis: 3600e3 });
const meters = new MeterProvider({ resource, readers: [reader] });
const logs = new BatchLogRecordProcessor({ exporter: counted(exporters.logs, (items) => { acknowledged.logs += items.length; }) });
const loggers = new LoggerProvider({ resource, processors: [logs] });

const tracer = tracers.getTracer("sender-scope", "1.2.3");
const meter = meters.getMeter("sender-scope", "1.2.3");
const counter = meter.createCounter("sender.jobs", { unit: "{job}" });
const histogram = meter.createHistogram("sender.duration", { unit: "s" });
const logger = loggers.getLogger("sender-scope", "1.2.3");
for (let round = 0; round < Number(rounds); round += 1) {
  const root = tracer.startSpan("job", { attributes: { round, text: "ünïcode 🔥", list: ["a", "b"] } });
  const inside = trace.setSpan(context.active(), root);
  for (const name of ["read", "write"]) tracer.startSpan(name, { links: [{ context: root.spanContext() }] }, inside).end();
  if (round === 0) {
    root.recordException(new Error("disk full"));
    root.setStatus({ code: SpanStatusCode.ERROR, message: "disk full" });
  }
  root.end();
  counter.add(3, { kind: round % 2 ? "odd" : "even" });
  histogram.record((round + 1) / 10);
  logger.emit({ body: `round ${round}`, severityNumber: SeverityNumber.INFO, context: inside });
  if (round % 5 === 4) await reader.forceFlush();
}
await tracers.shutdown();
await meters.shutdown();
await loggers.shutdown();
console.log(JSON.stringify(acknowledged));
