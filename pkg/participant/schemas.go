package participant

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/murmuration-dev/murmuration/pkg/avro"
	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/run"
	"github.com/murmuration-dev/murmuration/pkg/telemetry"
)

// The streams in which a service keeps what the registry told it: its own schemas
// by subject, and those of others by id. Nothing of them is published.
const (
	kindOwnSchema     = "schema"
	kindForeignSchema = "schema-id"
)

// confirmEvery is how soon a registry that was away at start is asked again: soon
// enough for people, seldom enough for a registry that comes back under load.
const confirmEvery = 2 * time.Second

// registration is what the registry said of one schema.
type registration struct {
	ID     int    `json:"id"`
	Schema string `json:"schema"`
}

// schemaBook is the schema registry as a service uses it. It keeps every answer in
// the service's own database, so that a service whose registry is away starts,
// takes requests and publishes as before. What it took from memory it registers
// as soon as the registry is back.
//
// It cannot help a service that never reached its registry.
type schemaBook struct {
	remote *registrar
	store  eventstore.Store
	log    *zap.Logger
	// retry is confirmEvery, or less in tests.
	retry time.Duration

	mu      sync.Mutex
	open    map[string]registration // by subject: taken from memory, not confirmed
	own     map[int]string          // by id: taken from memory
	learnt  map[int]string          // of others: to be written
	written map[int]bool            // of others: written, or about to be
	news    chan struct{}           // holds a token when learnt has grown
}

func newSchemaBook(remote *registrar, store eventstore.Store, log *zap.Logger) *schemaBook {
	return &schemaBook{
		remote: remote, store: store, log: log, retry: confirmEvery,
		open: map[string]registration{}, own: map[int]string{}, learnt: map[int]string{}, written: map[int]bool{}, news: make(chan struct{}, 1),
	}
}

// Register implements Registry. A registry that is away is not asked again for
// the other schemas: each would take its timeout.
func (b *schemaBook) Register(ctx context.Context, subject, schema string) (int, error) {
	before, err := b.recall(ctx, kindOwnSchema, subject)
	if err != nil {
		return 0, err
	}
	remembered := before.ID > 0 && before.Schema == schema
	if remembered && b.away() {
		return b.takeFromMemory(subject, before), nil
	}
	id, err := b.remote.Register(ctx, subject, schema)
	switch {
	case err == nil:
		if remembered && before.ID != id {
			b.log.Warn("the registry gives a schema another id than before: what was published under the old one can be read only where that is remembered",
				zap.String("subject", subject), zap.Int("before", before.ID), zap.Int("now", id))
		}
		return id, b.remember(ctx, kindOwnSchema, subject, registration{id, schema})
	case remembered && isAway(err):
		b.log.Warn("the schema registry is away: going on with what it said before", zap.Error(err))
		return b.takeFromMemory(subject, before), nil
	}
	return 0, err
}

func (b *schemaBook) takeFromMemory(subject string, r registration) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.open[subject], b.own[r.ID] = r, r.Schema
	return r.ID
}

func (b *schemaBook) away() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.open) > 0
}

// SchemaByID implements avro.SchemaSource.
func (b *schemaBook) SchemaByID(ctx context.Context, id int) (string, error) {
	b.mu.Lock()
	text, isOwn := b.own[id]
	b.mu.Unlock()
	if isOwn {
		return text, nil
	}
	text, err := b.remote.SchemaByID(ctx, id)
	if err == nil {
		b.learn(id, text)
		return text, nil
	}
	if isAway(err) {
		if r, failed := b.recall(ctx, kindForeignSchema, strconv.Itoa(id)); failed == nil && r.ID == id {
			return r.Schema, nil
		}
	}
	return "", err
}

// learn leaves the writing to Run: whoever reads a record may be in the middle of
// a unit of work.
func (b *schemaBook) learn(id int, text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.written[id] {
		return
	}
	b.written[id], b.learnt[id] = true, text
	select {
	case b.news <- struct{}{}:
	default:
	}
}

// check says whether something is not confirmed yet, for people.
func (b *schemaBook) check(context.Context) error {
	if b.away() {
		return errors.New("away since the start: going on with what it said before")
	}
	return nil
}

// Run writes what was learnt of others, and confirms what was taken from memory,
// until ctx ends. It returns an error with an exit code when the registry, back
// again, refuses or says otherwise: records were made that it cannot explain.
func (b *schemaBook) Run(ctx context.Context) error {
	throttle := telemetry.NewThrottle(b.log, logEvery)
	tick := time.NewTicker(b.retry)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-b.news:
			b.write(ctx)
		case <-tick.C:
			if !b.away() {
				continue
			}
			if err := b.confirm(ctx, throttle); err != nil {
				return err
			}
		}
	}
}

// write keeps what was learnt. It is a cache: what fails is learnt again at the
// next start.
func (b *schemaBook) write(ctx context.Context) {
	b.mu.Lock()
	learnt := b.learnt
	b.learnt = map[int]string{}
	b.mu.Unlock()
	for id, text := range learnt {
		if err := b.remember(ctx, kindForeignSchema, strconv.Itoa(id), registration{id, text}); err != nil {
			b.log.Debug("a schema could not be remembered", zap.Int("id", id), zap.Error(err))
		}
	}
}

// confirm registers what was taken from memory. An error is for ever.
func (b *schemaBook) confirm(ctx context.Context, throttle *telemetry.Throttle) error {
	b.mu.Lock()
	open := maps.Clone(b.open)
	b.mu.Unlock()
	for subject, r := range open {
		id, err := b.remote.Register(ctx, subject, r.Schema)
		switch {
		case err != nil && ctx.Err() != nil:
			return nil
		case errors.Is(err, errNotRegistered):
			return run.TempFailError(fmt.Errorf("SCHEMA_REGISTRY_URL: %w, though records were written with the id %d, which it gave before: is it another registry, or did it lose its data?", err, r.ID))
		case err != nil && avro.Permanent(err):
			return run.ConfigError(err)
		case errors.Is(err, avro.ErrUnauthorized):
			return unauthorized(err)
		case err != nil:
			throttle.Failed("the schema registry is still away; going on without", err)
			return nil
		case id != r.ID:
			return run.TempFailError(fmt.Errorf("SCHEMA_REGISTRY_URL: the registry gives %s the id %d, and records were written with %d, which it gave before: is it another registry, or did it lose its data?", subject, id, r.ID))
		}
		b.mu.Lock()
		delete(b.open, subject)
		b.mu.Unlock()
	}
	throttle.Recovered("the schema registry is back, and agrees")
	return nil
}

func unauthorized(err error) error {
	return run.ConfigError(fmt.Errorf("SCHEMA_REGISTRY_USERNAME and SCHEMA_REGISTRY_PASSWORD: %w", err))
}

// recall returns the zero value when nothing is remembered.
func (b *schemaBook) recall(ctx context.Context, kind, id string) (r registration, err error) {
	stream, err := b.store.Stream(ctx, eventstore.StreamID{Kind: kind, ID: id})
	if err != nil || stream.State == nil {
		return r, err
	}
	if err := json.Unmarshal(stream.State, &r); err != nil {
		return r, fmt.Errorf("remembered schema %s: %w", id, err)
	}
	return r, nil
}

// remember appends what the registry said, unless it said so before.
func (b *schemaBook) remember(ctx context.Context, kind, id string, r registration) error {
	if before, err := b.recall(ctx, kind, id); err != nil || before == r {
		return err
	}
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	tx, err := b.store.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	stream := eventstore.StreamID{Kind: kind, ID: id}
	rows, err := tx.Load(ctx, stream)
	if err != nil {
		return err
	}
	return tx.Commit(ctx, eventstore.Unit{Changes: []eventstore.Change{{
		Stream: stream, Expected: rows[0].Version, State: data,
		Events: []eventstore.NewEvent{{Type: "Registered", Schema: 1, Data: data, Meta: eventstore.Meta{At: time.Now().UnixMicro()}}},
	}}})
}
