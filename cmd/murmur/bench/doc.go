// Package bench measures a running platform from the outside: it places orders
// through the public API and watches the orders topic for what becomes of them.
//
// Latency is from the moment at which an order was due to be sent, not from when
// it was sent, so that a platform that falls behind cannot hide it (no
// coordinated omission), to the moment at which a reader of committed records
// sees it COMPLETED. Percentiles come from an HDR histogram.
package bench
