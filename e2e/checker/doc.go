// Package checker judges a platform by what it keeps: the logs in Kafka, the
// databases of the services and the ledger of the gateway, against what was
// acknowledged to a client.
//
// It is a second opinion: it shares no code with the product. Kafka is read with
// another client library, read-committed; schemas are fetched over plain HTTP;
// databases are read with SQL of its own. It therefore repeats some of what the
// product knows, on purpose.
//
// It expects a platform at rest whose logs were not compacted yet. AwaitQuiet waits
// for that.
package checker
