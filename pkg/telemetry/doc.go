// Package telemetry builds what a service uses to tell what it is doing: a zap
// logger, a Prometheus registry of its own, and an OpenTelemetry tracer whose
// context can be stored as text.
//
// Guarantee: nothing here is global, so several services live in one process
// without mixing their metrics, spans or log lines; and a trace crosses a
// database or a broker as a W3C traceparent, with or without a collector.
//
// What it does not do: it never makes a program wait or fail because a
// collector or a scraper is away. Spans that cannot be exported are dropped,
// with a throttled warning.
//
//	parent := telemetry.Inject(ctx) // stored beside the outbox row
//	…
//	ctx = telemetry.Extract(ctx, parent) // in the consumer: the same trace
package telemetry
