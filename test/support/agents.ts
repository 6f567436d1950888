import { type Span, SpanKind, trace } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';

/** An agent with a tracer of its own, as any service with OpenTelemetry has. */
export interface Agent {
  /** A span of its own, in a trace of its own. End it. */
  begin(name: string): Span;
  /** Sends what it has recorded. */
  close(): Promise<void>;
}

/** `endpoint`: the base address of the collector. */
export function startAgent(name: string, endpoint: string): Agent {
  const exporter = new OTLPTraceExporter({ url: `${endpoint}/v1/traces` });
  const provider = new TracerProvider({
    resource: resourceFromAttributes({ 'service.name': name }),
    spanProcessors: [new SimpleSpanProcessor({ exporter })],
  });
  const tracer = provider.getTracer(name);
  return {
    begin: (span) => tracer.startSpan(span, { kind: SpanKind.INTERNAL, root: true }),
    close: () => provider.shutdown(),
  };
}

/** The header that makes a call a child of a span. */
export function traceparentOf(span: Span): string {
  const { traceId, spanId } = span.spanContext();
  return trace.isSpanContextValid(span.spanContext()) ? `00-${traceId}-${spanId}-01` : '';
}
