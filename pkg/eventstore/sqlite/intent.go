package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
)

const intentColumns = `key, kind, stream_kind, stream_id, payload, due,
	at, correlation, causation, traceparent, state, attempts, last_error`

// claimable finds the keys that can be claimed, of each kind through the
// index: a backlog of one kind is not walked for the sake of another.
func claimable(kinds int) string {
	one := `SELECT * FROM (SELECT key, max(due, leased_until) AS ready FROM intents
		WHERE state = 'pending' AND kind = ? AND max(due, leased_until) <= ?
		ORDER BY max(due, leased_until) LIMIT ?)`
	return `UPDATE intents SET owner = ?, leased_until = ?, attempts = attempts + 1 WHERE key IN (SELECT key FROM (` +
		one + strings.Repeat(` UNION ALL `+one, kinds-1) + ` ORDER BY ready LIMIT ?)) RETURNING ` + intentColumns
}

// ClaimIntents leases due intents, those due longest first.
func (s *Store) ClaimIntents(ctx context.Context, owner string, kinds []string, now int64, lease time.Duration, limit int) ([]eventstore.Intent, error) {
	if s.writer == nil {
		return nil, ErrReadOnly
	}
	kinds = distinct(kinds)
	if len(kinds) == 0 || limit <= 0 {
		return nil, nil
	}
	args := []driver.Value{owner, now + lease.Microseconds()}
	for _, k := range kinds {
		args = append(args, k, now, int64(limit))
	}
	args = append(args, int64(limit))
	var claimed []eventstore.Intent
	err := s.writer.do(ctx, func(c *conn, _ *group) error {
		claimed = claimed[:0]
		return c.query(claimable(len(kinds)), func(v []driver.Value) {
			claimed = append(claimed, intentOf(v))
		}, args...)
	})
	if err != nil {
		return nil, fmt.Errorf("claim intents for %s: %w", owner, err)
	}
	slices.SortFunc(claimed, byDue)
	return claimed, nil
}

func intentOf(v []driver.Value) eventstore.Intent {
	return eventstore.Intent{
		Key: text(v[0]), Kind: text(v[1]), Stream: eventstore.StreamID{Kind: text(v[2]), ID: text(v[3])},
		Payload: blob(v[4]), Due: integer(v[5]),
		Meta: eventstore.Meta{
			At: integer(v[6]), Correlation: text(v[7]), Causation: text(v[8]), Traceparent: text(v[9]),
		},
		State: eventstore.IntentState(text(v[10])), Attempts: int(integer(v[11])), LastError: text(v[12]),
	}
}

// RetryIntent gives a claimed intent back, to be due again later.
func (s *Store) RetryIntent(ctx context.Context, owner, key string, due int64, cause string) error {
	err := s.update(ctx, `UPDATE intents SET due = ?, last_error = ?, owner = '', leased_until = 0
		WHERE key = ? AND owner = ? AND state = 'pending'`, due, cause, key, owner)
	if err != nil {
		return fmt.Errorf("retry intent %s: %w", key, err)
	}
	return nil
}

// ParkIntent gives a claimed intent up until an operator revives it.
func (s *Store) ParkIntent(ctx context.Context, owner, key, cause string) error {
	err := s.update(ctx, `UPDATE intents SET state = 'parked', last_error = ?, owner = '', leased_until = 0
		WHERE key = ? AND owner = ? AND state = 'pending'`, cause, key, owner)
	if err != nil {
		return fmt.Errorf("park intent %s: %w", key, err)
	}
	return nil
}

// update runs one statement that is allowed to find nothing.
func (s *Store) update(ctx context.Context, sql string, args ...driver.Value) error {
	if s.writer == nil {
		return ErrReadOnly
	}
	return s.writer.do(ctx, func(c *conn, _ *group) error {
		_, err := c.exec(sql, args...)
		return err
	})
}

// ReviveIntent makes a parked intent pending again.
func (s *Store) ReviveIntent(ctx context.Context, key string, now int64) (ok bool, err error) {
	if s.writer == nil {
		return false, ErrReadOnly
	}
	err = s.writer.do(ctx, func(c *conn, g *group) error {
		n, err := c.exec(`UPDATE intents SET state = 'pending', due = ?, attempts = 0
			WHERE key = ? AND state = 'parked'`, now, key)
		ok = n > 0
		g.addedIntents = g.addedIntents || ok
		return err
	})
	if err != nil {
		return false, fmt.Errorf("revive intent %s: %w", key, err)
	}
	return ok, nil
}

const nextDueSQL = `SELECT max(due, leased_until) FROM intents WHERE state = 'pending' AND kind = $1
	ORDER BY max(due, leased_until) LIMIT 1`

// NextDue returns when the next pending intent can be claimed.
func (s *Store) NextDue(ctx context.Context, kinds []string) (due int64, ok bool, err error) {
	for _, kind := range distinct(kinds) {
		err := s.each(ctx, func(r *sql.Rows) error {
			var at int64
			if err := r.Scan(&at); err != nil {
				return err
			}
			if !ok || at < due {
				due, ok = at, true
			}
			return nil
		}, nextDueSQL, kind)
		if err != nil {
			return 0, false, fmt.Errorf("look for the next intent of kind %s: %w", kind, err)
		}
	}
	return due, ok, nil
}

// listIntentsSQL names the state in the text, so that its partial index serves.
var listIntentsSQL = map[eventstore.IntentState]string{
	eventstore.IntentPending: `SELECT ` + intentColumns + ` FROM intents
		WHERE state = 'pending' AND key > $1 ORDER BY key LIMIT $2`,
	eventstore.IntentParked: `SELECT ` + intentColumns + ` FROM intents
		WHERE state = 'parked' AND key > $1 ORDER BY key LIMIT $2`,
}

// ListIntents returns intents in a state, by key.
func (s *Store) ListIntents(ctx context.Context, state eventstore.IntentState, after string, limit int) ([]eventstore.Intent, error) {
	query, ok := listIntentsSQL[state]
	if !ok {
		return nil, fmt.Errorf("list intents: there is no state %q", state)
	}
	var list []eventstore.Intent
	err := s.each(ctx, func(r *sql.Rows) error {
		var in eventstore.Intent
		list = append(list, in)
		p := &list[len(list)-1]
		return r.Scan(&p.Key, &p.Kind, &p.Stream.Kind, &p.Stream.ID, &p.Payload, &p.Due,
			&p.Meta.At, &p.Meta.Correlation, &p.Meta.Causation, &p.Meta.Traceparent, &p.State, &p.Attempts, &p.LastError)
	}, query, after, limit)
	if err != nil {
		return nil, fmt.Errorf("list %s intents: %w", state, err)
	}
	return list, nil
}

// IntentsChanged receives a value soon after a commit of this Store added
// intents.
func (s *Store) IntentsChanged() <-chan struct{} {
	if s.writer == nil {
		return nil
	}
	return s.writer.intents
}

func byDue(a, b eventstore.Intent) int {
	if a.Due != b.Due {
		return int(min(max(a.Due-b.Due, -1), 1))
	}
	return strings.Compare(a.Key, b.Key)
}

func distinct(s []string) []string {
	s = slices.Clone(s)
	slices.Sort(s)
	return slices.Compact(s)
}
