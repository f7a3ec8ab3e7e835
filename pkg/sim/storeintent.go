package sim

import (
	"cmp"
	"context"
	"math"
	"slices"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
)

func (s *store) ClaimIntents(ctx context.Context, owner string, kinds []string, now int64, lease time.Duration, limit int) ([]eventstore.Intent, error) {
	return answer(ctx, s, "claim intents", kinds[0], func() (out []eventstore.Intent, err error) {
		var due []intentRow
		for _, in := range s.disk.data.intents {
			if in.State == eventstore.IntentPending && in.ready() <= now && slices.Contains(kinds, in.Kind) {
				due = append(due, in)
			}
		}
		slices.SortFunc(due, func(a, b intentRow) int { return cmp.Or(cmp.Compare(a.ready(), b.ready()), cmp.Compare(a.Key, b.Key)) })
		for _, in := range due[:min(limit, len(due))] {
			in.owner, in.until = owner, now+lease.Microseconds()
			in.Attempts++
			s.disk.data.intents[in.Key] = in
			out = append(out, in.Intent)
		}
		s.disk.world.explain(func() string { return describeIntents(out) })
		return out, nil
	})
}

func describeIntents(all []eventstore.Intent) string {
	var s string
	for _, in := range all {
		s += " " + in.Key
	}
	return s
}

// own changes an intent that the owner has claimed; nothing happens otherwise.
func (s *store) own(ctx context.Context, op, owner, key string, change func(*intentRow)) error {
	return s.do(ctx, op, key, func() error {
		in, ok := s.disk.data.intents[key]
		if ok && in.owner == owner && in.State == eventstore.IntentPending {
			in.owner, in.until = "", 0
			change(&in)
			s.disk.data.intents[key] = in
		}
		return nil
	})
}

func (s *store) RetryIntent(ctx context.Context, owner, key string, due int64, cause string) error {
	return s.own(ctx, "retry intent", owner, key, func(in *intentRow) { in.Due, in.LastError = due, cause })
}

func (s *store) ParkIntent(ctx context.Context, owner, key, cause string) error {
	return s.own(ctx, "park intent", owner, key, func(in *intentRow) { in.State, in.LastError = eventstore.IntentParked, cause })
}

func (s *store) ReviveIntent(ctx context.Context, key string, now int64) (bool, error) {
	return answer(ctx, s, "revive intent", key, func() (bool, error) {
		in, exists := s.disk.data.intents[key]
		ok := exists && in.State == eventstore.IntentParked
		if ok {
			in.State, in.Due, in.Attempts = eventstore.IntentPending, now, 0
			s.disk.data.intents[key] = in
			signal(s.intents)
		}
		return ok, nil
	})
}

func (s *store) NextDue(ctx context.Context, kinds []string) (due int64, ok bool, err error) {
	const never = math.MaxInt64
	due, err = answer(ctx, s, "next due", kinds[0], func() (int64, error) {
		due := int64(never)
		for _, in := range s.disk.data.intents {
			if in.State == eventstore.IntentPending && slices.Contains(kinds, in.Kind) {
				due = min(due, in.ready())
			}
		}
		return due, nil
	})
	if err != nil || due == never {
		return 0, false, err
	}
	return due, true, nil
}

func (s *store) ListIntents(ctx context.Context, state eventstore.IntentState, after string, limit int) ([]eventstore.Intent, error) {
	return answer(ctx, s, "list intents", string(state), func() (out []eventstore.Intent, err error) {
		for _, in := range s.disk.Intents() {
			if in.State == state && in.Key > after && len(out) < limit {
				out = append(out, in)
			}
		}
		return out, nil
	})
}

func (s *store) IntentsChanged() <-chan struct{} { return s.intents }
