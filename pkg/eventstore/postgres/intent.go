package postgres

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
)

const intentColumns = `key, kind, stream_kind, stream_id, payload, due,
	at, correlation, causation, traceparent, state, attempts, last_error`

// claimSQL looks at each kind through the index: a backlog of one kind is not
// walked for the sake of another. What another owner is claiming is passed by.
// Rows of a kind beyond the limit are locked until the statement ends, no more.
const claimSQL = `WITH due AS MATERIALIZED (
		SELECT few.key FROM unnest($1::text[]) AS k (kind), LATERAL (
			SELECT key, greatest(due, leased_until) AS ready FROM intents
			WHERE state = 'pending' AND kind = k.kind AND greatest(due, leased_until) <= $2
			ORDER BY greatest(due, leased_until) LIMIT $3 FOR UPDATE SKIP LOCKED) AS few
		ORDER BY few.ready LIMIT $3)
	UPDATE intents SET owner = $4, leased_until = $5, attempts = attempts + 1
	WHERE key = ANY (ARRAY(SELECT due.key FROM due))
	RETURNING key, kind, stream_kind, stream_id, payload, due,
		at, correlation, causation, traceparent, state, attempts, last_error`

// ClaimIntents leases due intents, those due longest first.
func (s *Store) ClaimIntents(ctx context.Context, owner string, kinds []string, now int64, lease time.Duration, limit int) ([]eventstore.Intent, error) {
	kinds = distinct(kinds)
	if len(kinds) == 0 || limit <= 0 {
		return nil, nil
	}
	claimed, err := s.intents(ctx, claimSQL, kinds, now, limit, owner, now+lease.Microseconds())
	if err != nil {
		return nil, fmt.Errorf("claim intents for %s: %w", owner, err)
	}
	slices.SortFunc(claimed, func(a, b eventstore.Intent) int {
		return cmp.Or(cmp.Compare(a.Due, b.Due), cmp.Compare(a.Key, b.Key))
	})
	return claimed, nil
}

func (s *Store) intents(ctx context.Context, sql string, args ...any) ([]eventstore.Intent, error) {
	var list []eventstore.Intent
	err := s.each(ctx, func(r pgx.Rows) error {
		var in eventstore.Intent
		var state string
		err := r.Scan(&in.Key, &in.Kind, &in.Stream.Kind, &in.Stream.ID, &in.Payload, &in.Due,
			&in.Meta.At, &in.Meta.Correlation, &in.Meta.Causation, &in.Meta.Traceparent, &state, &in.Attempts, &in.LastError)
		in.State = eventstore.IntentState(state)
		list = append(list, in)
		return err
	}, sql, args...)
	return list, err
}

// RetryIntent gives a claimed intent back, to be due again later.
func (s *Store) RetryIntent(ctx context.Context, owner, key string, due int64, cause string) error {
	_, err := s.exec(ctx, `UPDATE intents SET due = $1, last_error = $2, owner = '', leased_until = 0
		WHERE key = $3 AND owner = $4 AND state = 'pending'`, due, text(cause), key, owner)
	if err != nil {
		return fmt.Errorf("retry intent %s: %w", key, err)
	}
	return nil
}

// ParkIntent gives a claimed intent up until an operator revives it.
func (s *Store) ParkIntent(ctx context.Context, owner, key, cause string) error {
	_, err := s.exec(ctx, `UPDATE intents SET state = 'parked', last_error = $1, owner = '', leased_until = 0
		WHERE key = $2 AND owner = $3 AND state = 'pending'`, text(cause), key, owner)
	if err != nil {
		return fmt.Errorf("park intent %s: %w", key, err)
	}
	return nil
}

// ReviveIntent makes a parked intent pending again.
func (s *Store) ReviveIntent(ctx context.Context, key string, now int64) (ok bool, err error) {
	if !isText(key) {
		return false, nil
	}
	n, err := s.exec(ctx, `UPDATE intents SET state = 'pending', due = $1, attempts = 0
		WHERE key = $2 AND state = 'parked'`, now, key)
	if err != nil {
		return false, fmt.Errorf("revive intent %s: %w", key, err)
	}
	if n > 0 {
		s.signal(false, true)
	}
	return n > 0, nil
}

const nextDueSQL = `SELECT few.ready FROM unnest($1::text[]) AS k (kind), LATERAL (
		SELECT greatest(due, leased_until) AS ready FROM intents WHERE state = 'pending' AND kind = k.kind
		ORDER BY greatest(due, leased_until) LIMIT 1) AS few
	ORDER BY few.ready LIMIT 1`

// NextDue returns when the next pending intent can be claimed.
func (s *Store) NextDue(ctx context.Context, kinds []string) (due int64, ok bool, err error) {
	err = s.each(ctx, func(r pgx.Rows) error {
		ok = true
		return r.Scan(&due)
	}, nextDueSQL, distinct(kinds))
	if err != nil {
		return 0, false, fmt.Errorf("look for the next intent: %w", err)
	}
	return due, ok, nil
}

// listIntentsSQL names the state in the text, so that its partial index serves.
// That of the pending ones is in another order, and would be walked and sorted
// for every page: the expression keeps it from being used.
var listIntentsSQL = map[eventstore.IntentState]string{
	eventstore.IntentPending: `SELECT ` + intentColumns + ` FROM intents
		WHERE state || '' = 'pending' AND key > $1 ORDER BY key LIMIT $2`,
	eventstore.IntentParked: `SELECT ` + intentColumns + ` FROM intents
		WHERE state = 'parked' AND key > $1 ORDER BY key LIMIT $2`,
}

// ListIntents returns intents in a state, by key.
func (s *Store) ListIntents(ctx context.Context, state eventstore.IntentState, after string, limit int) ([]eventstore.Intent, error) {
	query, ok := listIntentsSQL[state]
	if !ok {
		return nil, fmt.Errorf("list intents: there is no state %q", state)
	}
	list, err := s.intents(ctx, query, after, limit)
	if err != nil {
		return nil, fmt.Errorf("list %s intents: %w", state, err)
	}
	return list, nil
}

func distinct(s []string) []string {
	s = slices.Clone(s)
	slices.Sort(s)
	return slices.Compact(s)
}
