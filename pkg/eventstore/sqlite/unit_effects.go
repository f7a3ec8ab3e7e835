package sqlite

import (
	"database/sql/driver"
	"fmt"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
)

var (
	deleteIntents = newRowset(`DELETE FROM intents WHERE (key) IN (VALUES `, 1, `)`)
	insertIntents = newRowset(`INSERT INTO intents (key, kind, stream_kind, stream_id, payload, due,
		at, correlation, causation, traceparent, state, attempts, last_error, owner, leased_until) VALUES `,
		15, ` ON CONFLICT (key) DO NOTHING`)
	deleteParked  = newRowset(`DELETE FROM parked WHERE (topic, key) IN (VALUES `, 2, `)`)
	replaceParked = newRowset(`REPLACE INTO parked
		(topic, key, partition_id, record_offset, reason, at, headers, value) VALUES `, 8, ``)
)

func (p *unitWriter) finishIntents() error {
	keys := p.unit.FinishIntents
	_, err := deleteIntents.exec(p.conn, len(keys), func(i int, a *arguments) { a.add(keys[i]) })
	if err != nil {
		return fmt.Errorf("finish %d intents: %w", len(keys), err)
	}
	return nil
}

// intents runs after finishIntents, so that a unit can end an intent and ask
// for its successor under the same key.
func (p *unitWriter) intents() error {
	intents := p.unit.Intents
	_, err := insertIntents.exec(p.conn, len(intents), func(i int, a *arguments) {
		in := &intents[i]
		a.add(in.Key, in.Kind, in.Stream.Kind, in.Stream.ID, in.Payload, in.Due,
			in.Meta.At, in.Meta.Correlation, in.Meta.Causation, in.Meta.Traceparent,
			string(eventstore.IntentPending), int64(0), "", "", int64(0))
	})
	if err != nil {
		return fmt.Errorf("add %d intents: %w", len(intents), err)
	}
	return nil
}

func (p *unitWriter) unpark() error {
	keys := p.unit.Unpark
	_, err := deleteParked.exec(p.conn, len(keys), func(i int, a *arguments) { a.add(keys[i].Topic, keys[i].Key) })
	if err != nil {
		return fmt.Errorf("unpark %d keys: %w", len(keys), err)
	}
	return nil
}

// park runs after unpark: of a key that is in both, the record is kept.
func (p *unitWriter) park() error {
	parked := p.unit.Park
	_, err := replaceParked.exec(p.conn, len(parked), func(i int, a *arguments) {
		r := &parked[i]
		a.add(r.Topic, r.Key, int64(r.Partition), r.Offset, r.Reason, r.At, encodeHeaders(r.Headers), r.Value)
	})
	if err != nil {
		return fmt.Errorf("park %d records: %w", len(parked), err)
	}
	return nil
}

func (p *unitWriter) statements() error {
	for _, s := range p.unit.Statements {
		p.conn.args = p.conn.args[:0]
		for _, a := range s.Args {
			p.conn.args.add(driver.Value(a))
		}
		if _, err := p.conn.execArgs(s.SQL); err != nil {
			return fmt.Errorf("statement %q: %w", s.SQL, err)
		}
	}
	return nil
}
