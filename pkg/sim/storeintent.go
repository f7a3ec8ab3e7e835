package sim

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
)

func (s *store) ClaimIntents(ctx context.Context, owner string, kinds []string, now int64, lease time.Duration, limit int) (out []eventstore.Intent, err error) {
	err = s.do(ctx, "claim intents", "", func() error {
		var due []intent
		for _, in := range s.disk.data.intents {
			if in.State == eventstore.IntentPending && in.ready() <= now && slices.Contains(kinds, in.Kind) {
				due = append(due, in)
			}
		}
		slices.SortFunc(due, func(a, b intent) int { return cmp.Or(cmp.Compare(a.ready(), b.ready()), cmp.Compare(a.Key, b.Key)) })
		for _, in := range due[:min(limit, len(due))] {
			in.owner, in.until = owner, now+lease.Microseconds()
			in.Attempts++
			s.disk.data.intents[in.Key] = in
			out = append(out, in.Intent)
		}
		return nil
	})
	return out, err
}

// own changes an intent that the owner has claimed; nothing happens otherwise.
func (s *store) own(ctx context.Context, op, owner, key string, change func(*intent)) error {
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
	return s.own(ctx, "retry intent", owner, key, func(in *intent) { in.Due, in.LastError = due, cause })
}

func (s *store) ParkIntent(ctx context.Context, owner, key, cause string) error {
	return s.own(ctx, "park intent", owner, key, func(in *intent) { in.State, in.LastError = eventstore.IntentParked, cause })
}

func (s *store) ReviveIntent(ctx context.Context, key string, now int64) (ok bool, err error) {
	err = s.do(ctx, "revive intent", key, func() error {
		in, exists := s.disk.data.intents[key]
		if ok = exists && in.State == eventstore.IntentParked; ok {
			in.State, in.Due, in.Attempts = eventstore.IntentPending, now, 0
			s.disk.data.intents[key] = in
			signal(s.intents)
		}
		return nil
	})
	return ok, err
}

func (s *store) NextDue(ctx context.Context, kinds []string) (due int64, ok bool, err error) {
	err = s.do(ctx, "next due", "", func() error {
		for _, in := range s.disk.data.intents {
			if in.State == eventstore.IntentPending && slices.Contains(kinds, in.Kind) && (!ok || in.ready() < due) {
				due, ok = in.ready(), true
			}
		}
		return nil
	})
	return due, ok, err
}

func (s *store) ListIntents(ctx context.Context, state eventstore.IntentState, after string, limit int) (out []eventstore.Intent, err error) {
	err = s.do(ctx, "list intents", string(state), func() error {
		for _, in := range s.disk.Intents() {
			if in.State == state && in.Key > after && len(out) < limit {
				out = append(out, in)
			}
		}
		return nil
	})
	return out, err
}

func (s *store) IntentsChanged() <-chan struct{} { return s.intents }
