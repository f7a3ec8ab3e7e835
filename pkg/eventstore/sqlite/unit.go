package sqlite

import (
	"database/sql/driver"
	"errors"
	"fmt"

	engine "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/eventstore/internal/unitcheck"
)

// unitWriter writes one unit of work, what can conflict first.
type unitWriter struct {
	unit  eventstore.Unit
	heads unitcheck.Heads
	at    int64
	conn  *conn
}

func (p *unitWriter) write() error {
	for _, step := range []func() error{
		p.moves, p.answers, p.changes, p.finishIntents, p.intents, p.unpark, p.park, p.statements,
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// mark notes in the group what others must not see before it is durable.
func (p *unitWriter) mark(g *group) {
	if g.streams == nil {
		g.streams = make(map[eventstore.StreamID]struct{}, len(p.unit.Changes))
	}
	for i := range p.unit.Changes {
		g.streams[p.unit.Changes[i].Stream] = struct{}{}
		g.addedRows = g.addedRows || p.unit.Changes[i].Record != nil
	}
	if g.answers == nil && len(p.unit.Answers) > 0 {
		g.answers = make(map[string]struct{})
	}
	for _, a := range p.unit.Answers {
		g.answers[a.Key] = struct{}{}
	}
	g.addedIntents = g.addedIntents || len(p.unit.Intents) > 0
}

const moveSQL = `INSERT INTO positions (topic, partition_id, topic_id, next) VALUES (?1, ?2, ?3, ?4)
	ON CONFLICT (topic, partition_id) DO UPDATE SET next = excluded.next
	WHERE next = ?5 AND topic_id = excluded.topic_id`

func (p *unitWriter) moves() error {
	for _, m := range p.unit.Moves {
		n, err := p.conn.exec(moveSQL, m.Topic, int64(m.Partition), m.TopicID, m.To, m.From)
		if err != nil {
			return fmt.Errorf("move %s/%d to %d: %w", m.Topic, m.Partition, m.To, err)
		}
		if n == 0 {
			return p.moveConflict(m)
		}
	}
	return nil
}

func (p *unitWriter) moveConflict(m eventstore.Move) error {
	conflict := &eventstore.ConflictError{
		What: fmt.Sprintf("position %s/%d", m.Topic, m.Partition), Expected: m.From, Actual: -1,
	}
	err := p.conn.query(`SELECT next, topic_id FROM positions WHERE topic = ? AND partition_id = ?`, func(v []driver.Value) {
		conflict.Actual = integer(v[0])
		if id := text(v[1]); id != m.TopicID {
			conflict.What += fmt.Sprintf(" of topic id %s, which was %s", m.TopicID, id)
		}
	}, m.Topic, int64(m.Partition))
	return errors.Join(conflict, err)
}

func (p *unitWriter) answers() error {
	for _, a := range p.unit.Answers {
		n, err := p.conn.exec(`INSERT INTO answers (key, digest, status, body, expires_at) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT (key) DO NOTHING`, a.Key, a.Digest, int64(a.Status), a.Body, a.ExpiresAt)
		if err != nil {
			return fmt.Errorf("keep answer %s: %w", a.Key, err)
		}
		if n == 0 {
			return &eventstore.ConflictError{What: "answer " + a.Key, Expected: -1, Actual: -1}
		}
	}
	return nil
}

var (
	insertEvents = newRowset(`INSERT INTO events (kind, id, version, type, schema, data,
		at, correlation, causation, traceparent, published) VALUES `, 11, ``)
	replaceStreams = newRowset(`REPLACE INTO streams (kind, id, version, published, state, observed) VALUES `, 6, ``)
	insertOutbox   = newRowset(`INSERT INTO outbox (kind, id, version, at, topic, key, headers, value) VALUES `, 8, ``)
)

func (p *unitWriter) changes() error {
	changes := p.unit.Changes
	if len(changes) == 0 {
		return nil
	}
	if err := p.events(); err != nil {
		return err
	}
	_, err := replaceStreams.exec(p.conn, len(changes), func(i int, a *arguments) {
		c := &changes[i]
		version, published := c.Expected+int64(len(c.Events)), p.heads[c.Stream].Published
		if c.Record != nil {
			published = version
		}
		a.add(c.Stream.Kind, c.Stream.ID, version, published, c.State, c.Observed)
	})
	if err != nil {
		return fmt.Errorf("write %d streams from %s on: %w", len(changes), changes[0].Stream, err)
	}
	return p.outbox()
}

func (p *unitWriter) events() error {
	type row struct{ change, event int }
	var rows []row
	for i := range p.unit.Changes {
		for j := range p.unit.Changes[i].Events {
			rows = append(rows, row{i, j})
		}
	}
	if len(rows) == 0 {
		return nil
	}
	_, err := insertEvents.exec(p.conn, len(rows), func(i int, a *arguments) {
		c := &p.unit.Changes[rows[i].change]
		j := rows[i].event
		e := &c.Events[j]
		published := int64(0)
		if c.Record != nil && j == len(c.Events)-1 {
			published = 1
		}
		a.add(c.Stream.Kind, c.Stream.ID, c.Expected+int64(j)+1, e.Type, int64(e.Schema), e.Data,
			e.Meta.At, e.Meta.Correlation, e.Meta.Causation, e.Meta.Traceparent, published)
	})
	first := &p.unit.Changes[rows[0].change]
	if isUnique(err) { // somebody wrote to the file around the lock
		return &eventstore.ConflictError{What: "stream " + first.Stream.String() + " or one after it", Expected: first.Expected, Actual: -1}
	}
	if err != nil {
		return fmt.Errorf("append %d events from %s at %d on: %w", len(rows), first.Stream, first.Expected, err)
	}
	return nil
}

func (p *unitWriter) outbox() error {
	var rows []*eventstore.Change
	for i := range p.unit.Changes {
		if p.unit.Changes[i].Record != nil {
			rows = append(rows, &p.unit.Changes[i])
		}
	}
	_, err := insertOutbox.exec(p.conn, len(rows), func(i int, a *arguments) {
		c := rows[i]
		r := c.Record
		a.add(c.Stream.Kind, c.Stream.ID, c.Expected+int64(len(c.Events)), p.at,
			r.Topic, r.Key, encodeHeaders(r.Headers), r.Value)
	})
	if err != nil {
		return fmt.Errorf("add %d outbox rows from %s on: %w", len(rows), rows[0].Stream, err)
	}
	return nil
}

func isUnique(err error) bool {
	var e *engine.Error
	return errors.As(err, &e) &&
		(e.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY || e.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE)
}
