package shape

import (
	"strconv"

	"peerbench/internal/event"
)

// murmuration: the tables are those of the store's own migration (the peer
// makes them), in a schema of their own. A transaction writes what an append
// writes: the event and the outbox row, which both name the stream and its
// version. The order's row stands for the stream's.
func init() {
	All["murmuration"] = Shape{
		DDL: []string{`DROP SCHEMA IF EXISTS murmuration CASCADE`, `CREATE SCHEMA murmuration`},
		Insert: `WITH event AS (
				INSERT INTO murmuration.events (kind, id, version, type, schema, data, at, correlation, causation, traceparent, published)
				VALUES ('order', $1, $2, 'Placed', 1, $5, $3, '', '', '', 1))
			INSERT INTO murmuration.outbox (kind, id, version, at, topic, key, headers, value)
			VALUES ('order', $1, $2, $3, $4, $1, 'version:' || $6 || E'\n', $5)`,
		Args: func(e event.Event, topic string) []any {
			return []any{e.Key, e.KSeq, e.T0 / 1000, topic, e.Value, strconv.FormatInt(e.KSeq, 10)}
		},
	}
}
