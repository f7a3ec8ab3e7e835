package aggregatetest

import (
	"context"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
)

// Stream implements eventstore.Reader.
func (s *Store) Stream(ctx context.Context, id eventstore.StreamID) (eventstore.Stream, error) {
	if err := s.failure("stream"); err != nil {
		return eventstore.Stream{}, err
	}
	return s.Store.Stream(ctx, id)
}

// History implements eventstore.Reader.
func (s *Store) History(ctx context.Context, id eventstore.StreamID, after int64, limit int) ([]eventstore.Event, error) {
	if err := s.failure("history"); err != nil {
		return nil, err
	}
	return s.Store.History(ctx, id, after, limit)
}

// Position implements eventstore.Reader.
func (s *Store) Position(ctx context.Context, topic string, partition int32) (eventstore.Position, bool, error) {
	if err := s.failure("position"); err != nil {
		return eventstore.Position{}, false, err
	}
	return s.Store.Position(ctx, topic, partition)
}

// Parked implements eventstore.Reader.
func (s *Store) Parked(ctx context.Context, after eventstore.ParkedKey, limit int) ([]eventstore.Parked, error) {
	if err := s.failure("parked"); err != nil {
		return nil, err
	}
	return s.Store.Parked(ctx, after, limit)
}

// ClaimIntents implements eventstore.Intents.
func (s *Store) ClaimIntents(ctx context.Context, owner string, kinds []string, now int64, lease time.Duration, limit int) ([]eventstore.Intent, error) {
	if err := s.failure("claim"); err != nil {
		return nil, err
	}
	return s.Store.ClaimIntents(ctx, owner, kinds, now, lease, limit)
}

// RetryIntent implements eventstore.Intents.
func (s *Store) RetryIntent(ctx context.Context, owner, key string, due int64, cause string) error {
	if err := s.failure("retry"); err != nil {
		return err
	}
	return s.Store.RetryIntent(ctx, owner, key, due, cause)
}

// ParkIntent implements eventstore.Intents.
func (s *Store) ParkIntent(ctx context.Context, owner, key, cause string) error {
	if err := s.failure("park"); err != nil {
		return err
	}
	return s.Store.ParkIntent(ctx, owner, key, cause)
}

// NextDue implements eventstore.Intents.
func (s *Store) NextDue(ctx context.Context, kinds []string) (int64, bool, error) {
	if err := s.failure("next due"); err != nil {
		return 0, false, err
	}
	return s.Store.NextDue(ctx, kinds)
}
