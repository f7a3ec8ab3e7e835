package postgres

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/eventstore/internal/headertext"
	"github.com/murmuration-dev/murmuration/pkg/eventstore/internal/unitcheck"
)

// unitWriter queues the statements of one unit, what can conflict first. Each
// takes all its rows as arrays. Rows that others may wait for are written in
// one order.
type unitWriter struct {
	unit  eventstore.Unit
	heads unitcheck.Heads
	stubs map[eventstore.StreamID]struct{}
	at    int64

	batch     pgx.Batch
	labels    []label // of each statement of the batch
	addedRows bool
}

// label says what a statement does, for errors.
type label struct {
	what string
	n    int    // rows
	name string // of the first
	own  bool   // the table is the store's: who was first there is a conflict

	expected int64
	move     *eventstore.Move
}

func (l label) String() string {
	if l.name == "" {
		return l.what
	}
	if l.n > 1 {
		return fmt.Sprintf("%s %s or one of the %d after it", l.what, l.name, l.n-1)
	}
	return l.what + " " + l.name
}

func (w *unitWriter) queue(l label, sql string, args ...any) {
	w.labels = append(w.labels, l)
	w.batch.Queue(sql, args...)
}

func (w *unitWriter) write() {
	w.moves()
	w.answers()
	if len(w.unit.Changes) > 0 {
		w.events()
		w.streams()
		w.outbox()
	}
	w.emptyStubs()
	w.finishIntents()
	w.intents()
	w.unpark()
	w.park()
	for _, s := range w.unit.Statements {
		w.queue(label{what: "statement", name: s.SQL}, s.SQL, s.Args...)
	}
}

const moveSQL = `INSERT INTO positions (topic, partition_id, topic_id, next) VALUES ($1, $2, $3, $4)
	ON CONFLICT (topic, partition_id) DO UPDATE SET next =
		CASE WHEN positions.next = $5 AND positions.topic_id = excluded.topic_id THEN excluded.next ELSE -1 END`

func (w *unitWriter) moves() {
	moves := slices.Clone(w.unit.Moves)
	slices.SortStableFunc(moves, func(a, b eventstore.Move) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
	for i := range moves {
		m := &moves[i]
		w.queue(label{what: "move", name: m.Topic, move: m}, moveSQL, m.Topic, int64(m.Partition), m.TopicID, m.To, m.From)
	}
}

const answersSQL = `INSERT INTO answers (key, digest, status, body, expires_at)
	SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bytea[], $5::bigint[])`

func (w *unitWriter) answers() {
	answers := w.unit.Answers
	if len(answers) == 0 {
		return
	}
	answers = slices.Clone(answers)
	slices.SortStableFunc(answers, func(a, b eventstore.Answer) int { return cmp.Compare(a.Key, b.Key) })
	n := len(answers)
	keys, digests, statuses := make([]string, n), make([]string, n), make([]int64, n)
	bodies, expire := make([][]byte, n), make([]int64, n)
	for i, a := range answers {
		keys[i], digests[i], statuses[i], bodies[i], expire[i] = a.Key, a.Digest, int64(a.Status), a.Body, a.ExpiresAt
	}
	w.queue(label{what: "answer", n: n, name: keys[0], own: true, expected: -1}, answersSQL,
		keys, digests, statuses, bodies, expire)
}

const eventsSQL = `INSERT INTO events (kind, id, version, type, schema, data, at, correlation, causation, traceparent, published)
	SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::bigint[], $6::bytea[],
		$7::bigint[], $8::text[], $9::text[], $10::text[], $11::bigint[])`

func (w *unitWriter) events() {
	n, first := 0, -1
	for i := range w.unit.Changes {
		n += len(w.unit.Changes[i].Events)
		if n > 0 && first < 0 {
			first = i
		}
	}
	if n == 0 {
		return
	}
	kinds, ids, versions := make([]string, 0, n), make([]string, 0, n), make([]int64, 0, n)
	types, schemas, data := make([]string, 0, n), make([]int64, 0, n), make([][]byte, 0, n)
	var m metas
	m.grow(n)
	published := make([]int64, n)
	for i := range w.unit.Changes {
		c := &w.unit.Changes[i]
		for j := range c.Events {
			e := &c.Events[j]
			kinds, ids, versions = append(kinds, c.Stream.Kind), append(ids, c.Stream.ID), append(versions, c.Expected+int64(j)+1)
			types, schemas, data = append(types, e.Type), append(schemas, int64(e.Schema)), append(data, e.Data)
			m.add(e.Meta)
			if c.Record != nil && j == len(c.Events)-1 {
				published[len(kinds)-1] = 1
			}
		}
	}
	c := &w.unit.Changes[first]
	w.queue(label{what: "stream", n: n, name: c.Stream.String(), own: true, expected: c.Expected}, eventsSQL,
		kinds, ids, versions, types, schemas, data, m.at, m.correlation, m.causation, m.traceparent, published)
}

// streamsSQL finds the rows through the index whatever the planner thinks of
// their number. All of them exist, and are locked.
const streamsSQL = `INSERT INTO streams (kind, id, version, published, state, observed)
	SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bytea[], $6::bytea[])
	ON CONFLICT (kind, id) DO UPDATE SET version = excluded.version, published = excluded.published,
		state = excluded.state, observed = excluded.observed`

func (w *unitWriter) streams() {
	n := len(w.unit.Changes)
	kinds, ids := make([]string, n), make([]string, n)
	versions, published := make([]int64, n), make([]int64, n)
	states, observed := make([][]byte, n), make([][]byte, n)
	for i := range w.unit.Changes {
		c := &w.unit.Changes[i]
		kinds[i], ids[i] = c.Stream.Kind, c.Stream.ID
		versions[i], published[i] = c.Expected+int64(len(c.Events)), w.heads[c.Stream].Published
		if c.Record != nil {
			published[i] = versions[i]
		}
		states[i], observed[i] = c.State, c.Observed
		if versions[i] > 0 || c.State != nil || c.Observed != nil {
			delete(w.stubs, c.Stream)
		}
	}
	w.queue(label{what: "write stream", n: n, name: w.unit.Changes[0].Stream.String()}, streamsSQL,
		kinds, ids, versions, published, states, observed)
}

const outboxSQL = `INSERT INTO outbox (kind, id, version, at, topic, key, headers, value)
	SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::bytea[])`

func (w *unitWriter) outbox() {
	n := 0
	for i := range w.unit.Changes {
		if w.unit.Changes[i].Record != nil {
			n++
		}
	}
	if n == 0 {
		return
	}
	kinds, ids, versions, at := make([]string, 0, n), make([]string, 0, n), make([]int64, 0, n), make([]int64, 0, n)
	topics, keys, headers, values := make([]string, 0, n), make([]string, 0, n), make([]string, 0, n), make([][]byte, 0, n)
	for i := range w.unit.Changes {
		c := &w.unit.Changes[i]
		if c.Record == nil {
			continue
		}
		kinds, ids = append(kinds, c.Stream.Kind), append(ids, c.Stream.ID)
		versions, at = append(versions, c.Expected+int64(len(c.Events))), append(at, w.at)
		topics, keys = append(topics, c.Record.Topic), append(keys, c.Record.Key)
		headers, values = append(headers, text(headertext.Encode(c.Record.Headers))), append(values, c.Record.Value)
	}
	w.addedRows = true
	w.queue(label{what: "outbox row of stream", n: n, name: kinds[0] + "/" + ids[0], own: true, expected: versions[0] - 1},
		outboxSQL, kinds, ids, versions, at, topics, keys, headers, values)
}

const emptyStubsSQL = `DELETE FROM streams USING unnest($1::text[], $2::text[]) AS u (k, i)
	WHERE kind = u.k AND streams.id = u.i AND version = 0 AND state IS NULL AND observed IS NULL`

// emptyStubs takes away the rows that were only made to be locked.
func (w *unitWriter) emptyStubs() {
	if len(w.stubs) == 0 {
		return
	}
	ids := make([]eventstore.StreamID, 0, len(w.stubs))
	for id := range w.stubs {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, eventstore.StreamID.Compare)
	kinds, names := columns(ids)
	w.queue(label{what: "forget stub", n: len(ids), name: ids[0].String()}, emptyStubsSQL, kinds, names)
}

// metas are the columns of metadata.
type metas struct {
	at                                  []int64
	correlation, causation, traceparent []string
}

func (m *metas) grow(n int) {
	m.at = make([]int64, 0, n)
	m.correlation, m.causation, m.traceparent = make([]string, 0, n), make([]string, 0, n), make([]string, 0, n)
}

func (m *metas) add(meta eventstore.Meta) {
	m.at = append(m.at, meta.At)
	m.correlation = append(m.correlation, text(meta.Correlation))
	m.causation = append(m.causation, text(meta.Causation))
	m.traceparent = append(m.traceparent, text(meta.Traceparent))
}
