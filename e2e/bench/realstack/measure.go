//go:build e2e

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/murmuration-dev/murmuration/e2e/bench/floor"
	"github.com/murmuration-dev/murmuration/e2e/bench/hop"
	"github.com/murmuration-dev/murmuration/e2e/stack"
)

const (
	brokers = 3
	// patience bounds the wait for the orders of one phase.
	patience = 3 * time.Minute
	// warmBurst is how many orders are placed at once, again and again, before
	// anything is measured.
	warmBurst = 200
)

// services by name.
var services = []string{stack.Order, stack.Payment, stack.Inventory}

// bench is a platform that is measured.
type bench struct {
	cfg   config
	stack *stack.Containers
	shop  *shop
	seen  *hop.Reader
	floor *floor.Floor
	begun time.Time
	n     int // phases so far: each has its own names of orders
}

// round is what one round gave.
type round struct {
	floor floor.Result // the mean of those before and after
	paced phase
	burst phase
}

func measure(ctx context.Context, cfg config, out io.Writer) (err error) {
	b := &bench{cfg: cfg, begun: time.Now()}
	defer func() { err = errors.Join(err, b.close()) }()
	if err := b.start(ctx); err != nil {
		return err
	}
	facts, err := b.facts(ctx)
	if err != nil {
		return fmt.Errorf("look at the platform: %w", err)
	}
	passed := func(what string) { fmt.Fprintf(out, "%4.0f s  %s\n", time.Since(b.begun).Seconds(), what) }
	fmt.Fprint(out, facts)
	passed("started")
	rest, err := b.atRest(ctx)
	if err != nil {
		return fmt.Errorf("at rest: %w", err)
	}
	if err := b.shop.stock(ctx); err != nil {
		return fmt.Errorf("fill the shelves: %w", err)
	}
	passed("shelves are full")
	if err := b.warm(ctx); err != nil {
		return fmt.Errorf("warm up: %w", err)
	}
	passed("warm")
	rounds, err := b.rounds(ctx, passed)
	if err != nil {
		return err
	}
	peak, err := b.memory(ctx, highest)
	if err != nil {
		return err
	}
	fmt.Fprintln(out)
	err = report{cfg: cfg, rest: rest, rounds: rounds, peak: peak}.write(out)
	if err == nil && cfg.profiles != "" {
		err = b.profile(ctx, cfg.profiles)
	}
	return err
}

func (b *bench) start(ctx context.Context) (err error) {
	settings := map[string]string{"track_commit_timestamp": "on"}
	if b.cfg.profiles != "" {
		settings["shared_preload_libraries"] = "pg_stat_statements"
	}
	b.stack, err = stack.NewContainers(ctx, stack.ContainersConfig{
		Brokers: brokers, Replicas: b.cfg.replicas, DatabaseVolume: true, DatabaseSettings: settings,
	})
	if err != nil {
		return err
	}
	at := b.stack.Inside()
	b.shop = newShop(at, b.stack.Dial)
	seeds := strings.Split(at.Kafka, ",")
	if b.seen, err = hop.Start(ctx, hop.Config{Brokers: seeds, Dial: b.stack.Dial}); err != nil {
		return err
	}
	b.floor, err = floor.Open(ctx, floor.Config{Brokers: seeds, DatabaseURL: b.stack.DatabaseInside(stack.Order), Dial: b.stack.Dial})
	return err
}

func (b *bench) close() error {
	if b.seen != nil {
		b.seen.Close()
	}
	if b.shop != nil {
		b.shop.close()
	}
	var err error
	if b.floor != nil {
		err = b.floor.Close(context.Background())
	}
	if b.stack != nil {
		err = errors.Join(err, b.stack.Close())
	}
	return err
}

// warm places orders, as fast as they go, before anything is measured: Java
// compiles what it runs often, and takes processor time for it.
func (b *bench) warm(ctx context.Context) error {
	for begun := time.Now(); time.Since(begun) < b.cfg.warm; {
		if _, err := b.phase(ctx, warmBurst, 0); err != nil {
			return err
		}
	}
	return nil
}

// rounds measures floor, platform, floor, platform, … floor.
func (b *bench) rounds(ctx context.Context, passed func(string)) ([]round, error) {
	before, err := b.floor.Measure(ctx, b.cfg.floor)
	if err != nil {
		return nil, fmt.Errorf("floor: %w", err)
	}
	var rounds []round
	for i := range b.cfg.rounds {
		unix.Sync() // what the floor wrote is not the platform's to wait for
		var r round
		if r.paced, err = b.phase(ctx, int(b.cfg.paced.Seconds()*b.cfg.rate), b.cfg.rate); err != nil {
			return nil, fmt.Errorf("round %d at %g/s: %w", i+1, b.cfg.rate, err)
		}
		if r.burst, err = b.phase(ctx, b.cfg.burst, 0); err != nil {
			return nil, fmt.Errorf("round %d, burst: %w", i+1, err)
		}
		after, err := b.floor.Measure(ctx, b.cfg.floor)
		if err != nil {
			return nil, fmt.Errorf("floor: %w", err)
		}
		r.floor, before = floor.Mean(before, after), after
		rounds = append(rounds, r)
		passed(fmt.Sprintf("round %d: %s", i+1, r))
	}
	return rounds, nil
}

// pause waits; an error if ctx ends first.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
