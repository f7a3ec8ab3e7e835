//go:build e2e

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/murmuration-dev/murmuration/e2e/bench/quantile"
	"github.com/murmuration-dev/murmuration/e2e/stack"
)

// cost is what was spent, by what it was spent on.
type cost map[spending]float64

// spending is a kind of cost and who has it.
type spending struct{ what, who string }

const (
	cpu     = "processor ms"
	writes  = "transactions that write"
	sql     = "transactions"
	batches = "Kafka transactions"
	wall    = "ms that passed"
	// self is this program: customers, and the reader of the topics.
	self = "this program"
	// others are whatever else runs on this machine, Docker and the kernel's own
	// work included.
	others = "everything else"
)

// groups of parts that are added up.
var groups = []string{stack.Order, stack.Payment, stack.Inventory, "databases", "brokers", "registry and gateway"}

func groupOf(p stack.Part) string {
	name := string(p)
	for _, service := range services {
		if name != string(stack.Database(service)) && strings.HasPrefix(name, service+"-") {
			return service
		}
	}
	switch {
	case strings.HasPrefix(name, "kafka"):
		return "brokers"
	case p == stack.Registry, p == stack.RegistryDatabase, p == stack.Gateway:
		return "registry and gateway"
	}
	return "databases"
}

// spent is what was spent since the start.
func (b *bench) spent(ctx context.Context) (cost, error) {
	c := cost{spending{wall, others}: quantile.Milliseconds(time.Since(b.begun))}
	for _, part := range b.stack.Parts() {
		if part == stack.Everything {
			continue
		}
		used, err := b.stack.CPU(ctx, part)
		if err != nil {
			return nil, fmt.Errorf("processor time of %s: %w", part, err)
		}
		c[spending{cpu, groupOf(part)}] += quantile.Milliseconds(used)
	}
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return nil, err
	}
	c[spending{cpu, self}] = quantile.Milliseconds(time.Duration(usage.Utime.Nano() + usage.Stime.Nano()))
	busy, err := busy()
	if err != nil {
		return nil, err
	}
	for what, used := range c {
		if what.what == cpu {
			busy -= used
		}
	}
	c[spending{cpu, others}] = busy
	for _, service := range services {
		if err := b.transactions(ctx, service, c); err != nil {
			return nil, fmt.Errorf("transactions of %s: %w", service, err)
		}
	}
	return c, nil
}

// transactions adds what a service's database and its relays have counted.
func (b *bench) transactions(ctx context.Context, service string, c cost) error {
	var ids, all int64
	err := b.ask(ctx, service, func(conn *pgx.Conn) error {
		// A transaction has an id as soon as it writes.
		return conn.QueryRow(ctx, `SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint,
			(SELECT xact_commit FROM pg_stat_database WHERE datname = current_database())`).Scan(&ids, &all)
	})
	if err != nil {
		return err
	}
	c[spending{writes, service}], c[spending{sql, service}] = float64(ids), float64(all)
	for _, replica := range b.replicas(service) {
		committed, err := b.metric(ctx, replica, "outbox_batches_total")
		if err != nil {
			return err
		}
		c[spending{batches, service}] += committed
	}
	return nil
}

// busy is how long all processors together have not been idle, in ms.
func busy() (float64, error) {
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	first, _, _ := strings.Cut(string(stat), "\n")
	const tick, idle, wait, most = 10, 4, 5, 8 // ms; fields of proc(5): those behind are counted before
	var sum float64
	for i, field := range strings.Fields(first) {
		if i == 0 || i == idle || i == wait || i > most {
			continue
		}
		ticks, err := strconv.ParseFloat(field, 64)
		if err != nil {
			return 0, fmt.Errorf("/proc/stat: %w", err)
		}
		sum += ticks * tick
	}
	return sum, nil
}

// foreign is the share of the processors that others had.
func (c cost) foreign() float64 {
	return c[spending{cpu, others}] / c[spending{wall, others}] / float64(runtime.NumCPU())
}

func (c cost) since(before cost) cost {
	out := make(cost, len(c))
	for k, v := range c {
		out[k] = v - before[k]
	}
	return out
}

func (c cost) each(n int) cost {
	out := make(cost, len(c))
	for k, v := range c {
		out[k] = v / float64(n)
	}
	return out
}

// ask runs something on a connection to the database of a service.
func (b *bench) ask(ctx context.Context, service string, do func(*pgx.Conn) error) (err error) {
	cfg, err := pgx.ParseConfig(b.stack.DatabaseInside(service))
	if err != nil {
		return err
	}
	cfg.DialFunc = b.stack.Dial
	cfg.LookupFunc = func(_ context.Context, host string) ([]string, error) { return []string{host}, nil } // Dial knows it by name
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	return do(conn)
}

// replicas are the operations addresses of a service.
func (b *bench) replicas(service string) []string {
	at := b.shop.at
	all := map[string][]string{}
	for _, r := range at.Order.Replicas {
		all[stack.Order] = append(all[stack.Order], r.Ops)
	}
	for _, r := range at.Payment.Replicas {
		all[stack.Payment] = append(all[stack.Payment], r.Ops)
	}
	for _, r := range at.Inventory.Replicas {
		all[stack.Inventory] = append(all[stack.Inventory], r.Ops)
	}
	return all[service]
}

// metric is the sum of one counter over its labels; 0 if nothing was counted.
func (b *bench) metric(ctx context.Context, ops, name string) (float64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, ops+"/metrics", http.NoBody)
	if err != nil {
		return 0, err
	}
	res, err := b.shop.http.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	var sum float64
	lines := bufio.NewScanner(io.LimitReader(res.Body, 4<<20))
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 2 {
			continue
		}
		if counter, _, _ := strings.Cut(fields[0], "{"); counter != name {
			continue
		}
		value, err := strconv.ParseFloat(fields[len(fields)-1], 64)
		if err != nil {
			return 0, err
		}
		sum += value
	}
	return sum, lines.Err()
}
