//go:build e2e

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"text/tabwriter"

	"github.com/jackc/pgx/v5"

	"github.com/murmuration-dev/murmuration/e2e/stack"
)

// profile places orders once more, at the rate, and leaves in a folder where
// processor time, memory and the databases' time went. It comes after what is
// measured, since it costs time itself.
func (b *bench) profile(ctx context.Context, folder string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	for _, service := range services {
		err := b.ask(ctx, service, func(conn *pgx.Conn) error {
			_, err := conn.Exec(ctx, `CREATE EXTENSION IF NOT EXISTS pg_stat_statements; SELECT pg_stat_statements_reset()`)
			return err
		})
		if err != nil {
			return fmt.Errorf("statements of %s: %w", service, err)
		}
	}
	var profiles sync.WaitGroup
	var mu sync.Mutex
	var errs []error
	for _, service := range services {
		for n, ops := range b.replicas(service) {
			profiles.Go(func() {
				name := filepath.Join(folder, string(stack.Replica(service, n+1)))
				seconds := max(1, int(b.cfg.paced.Seconds()))
				err := errors.Join(b.fetch(ctx, fmt.Sprintf("%s/debug/pprof/profile?seconds=%d", ops, seconds), name+".cpu"),
					b.fetch(ctx, ops+"/debug/pprof/heap", name+".heap"))
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, err)
			})
		}
	}
	p, err := b.phase(ctx, int(b.cfg.paced.Seconds()*b.cfg.rate), b.cfg.rate)
	profiles.Wait()
	if err := errors.Join(append(errs, err)...); err != nil {
		return err
	}
	for _, service := range services {
		if err := b.statements(ctx, service, p.orders, filepath.Join(folder, service+".statements")); err != nil {
			return fmt.Errorf("statements of %s: %w", service, err)
		}
	}
	return nil
}

// fetch writes an answer to a file.
func (b *bench) fetch(ctx context.Context, url, file string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	res, err := b.shop.http.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %s", url, res.Status)
	}
	if err != nil {
		return err
	}
	return os.WriteFile(file, body, 0o644)
}

const statementsSQL = `SELECT calls, total_exec_time, wal_bytes::bigint, regexp_replace(query, '\s+', ' ', 'g')
	FROM pg_stat_statements WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
	ORDER BY total_exec_time DESC LIMIT 60`

// statements lists what was asked of a database, for each order.
func (b *bench) statements(ctx context.Context, service string, orders int, file string) (err error) {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	out := tabwriter.NewWriter(f, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(out, "calls an order\tms an order\tms a call\tlog bytes an order\t statement")
	err = b.ask(ctx, service, func(conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, statementsSQL)
		if err != nil {
			return err
		}
		var calls, logged int64
		var spent float64
		var text string
		_, err = pgx.ForEachRow(rows, []any{&calls, &spent, &logged, &text}, func() error {
			const most = 140
			n := float64(orders)
			_, err := fmt.Fprintf(out, "%.2f\t%.3f\t%.3f\t%.0f\t %s\n", float64(calls)/n, spent/n, spent/float64(calls), float64(logged)/n,
				text[:min(len(text), most)])
			return err
		})
		return err
	})
	return errors.Join(err, out.Flush())
}
