package postgres

import (
	"cmp"
	"slices"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/eventstore/internal/headertext"
)

// finishIntentsSQL finds each key by the index. A join could be planned the other
// way round, by walking all intents, when the table was empty just before.
const finishIntentsSQL = `DELETE FROM intents WHERE key = ANY ($1::text[])`

func (w *unitWriter) finishIntents() {
	if len(w.unit.FinishIntents) == 0 {
		return
	}
	keys := slices.Clone(w.unit.FinishIntents)
	slices.Sort(keys)
	w.queue(label{what: "finish intent", n: len(keys), name: keys[0]}, finishIntentsSQL, keys)
}

const intentsSQL = `INSERT INTO intents (key, kind, stream_kind, stream_id, payload, due,
		at, correlation, causation, traceparent, state, attempts, last_error, owner, leased_until)
	SELECT u.*, 'pending', 0, '', '', 0 FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bytea[],
		$6::bigint[], $7::bigint[], $8::text[], $9::text[], $10::text[]) AS u
	ON CONFLICT (key) DO NOTHING`

// intents runs after finishIntents, so that a unit can end an intent and ask
// for its successor under the same key.
func (w *unitWriter) intents() {
	n := len(w.unit.Intents)
	if n == 0 {
		return
	}
	intents := slices.Clone(w.unit.Intents)
	slices.SortStableFunc(intents, func(a, b eventstore.Intent) int { return cmp.Compare(a.Key, b.Key) })
	keys, kinds, streamKinds, streamIDs := make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	payloads, due := make([][]byte, n), make([]int64, n)
	var m metas
	m.grow(n)
	for i := range intents {
		in := &intents[i]
		keys[i], kinds[i], streamKinds[i], streamIDs[i] = in.Key, in.Kind, in.Stream.Kind, in.Stream.ID
		payloads[i], due[i] = in.Payload, in.Due
		m.add(in.Meta)
	}
	w.queue(label{what: "intent", n: n, name: keys[0]}, intentsSQL,
		keys, kinds, streamKinds, streamIDs, payloads, due, m.at, m.correlation, m.causation, m.traceparent)
}

const unparkSQL = `DELETE FROM parked USING unnest($1::text[], $2::bytea[]) AS u (t, k)
	WHERE topic = u.t AND key = u.k`

func (w *unitWriter) unpark() {
	n := len(w.unit.Unpark)
	if n == 0 {
		return
	}
	keys := slices.Clone(w.unit.Unpark)
	slices.SortFunc(keys, byParkedKey)
	topics, names := make([]string, n), make([][]byte, n)
	for i, k := range keys {
		topics[i], names[i] = k.Topic, []byte(k.Key)
	}
	w.queue(label{what: "unpark", n: n, name: topics[0] + " " + keys[0].Key}, unparkSQL, topics, names)
}

const parkSQL = `INSERT INTO parked (topic, key, partition_id, record_offset, reason, at, headers, value)
	SELECT * FROM unnest($1::text[], $2::bytea[], $3::bigint[], $4::bigint[], $5::text[], $6::bigint[], $7::bytea[], $8::bytea[])
	ON CONFLICT (topic, key) DO UPDATE SET partition_id = excluded.partition_id, record_offset = excluded.record_offset,
		reason = excluded.reason, at = excluded.at, headers = excluded.headers, value = excluded.value`

// park runs after unpark: of a key that is in both, the record is kept. Of
// several records of one key the last is.
func (w *unitWriter) park() {
	if len(w.unit.Park) == 0 {
		return
	}
	last := make(map[eventstore.ParkedKey]int, len(w.unit.Park))
	for i := range w.unit.Park {
		last[w.unit.Park[i].ParkedKey] = i
	}
	n := len(last)
	keys := make([]eventstore.ParkedKey, 0, n)
	for k := range last {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, byParkedKey)
	topics, names, partitions, offsets := make([]string, n), make([][]byte, n), make([]int64, n), make([]int64, n)
	reasons, at, headers, values := make([]string, n), make([]int64, n), make([][]byte, n), make([][]byte, n)
	for i, k := range keys {
		p := &w.unit.Park[last[k]]
		topics[i], names[i], partitions[i], offsets[i] = p.Topic, []byte(p.Key), int64(p.Partition), p.Offset
		reasons[i], at[i], headers[i], values[i] = text(p.Reason), p.At, []byte(headertext.Encode(p.Headers)), p.Value
	}
	w.queue(label{what: "park", n: n, name: topics[0] + " " + keys[0].Key}, parkSQL,
		topics, names, partitions, offsets, reasons, at, headers, values)
}

func byParkedKey(a, b eventstore.ParkedKey) int {
	return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Key, b.Key))
}
