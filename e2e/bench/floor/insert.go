package floor

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// database is one of its own, so that the service's is left as it is.
const database = "bench_floor"

// value is what each record and each row holds.
var value = bytes.Repeat([]byte("murmuration "), payload/12+1)[:payload]

func (f *Floor) openRows(ctx context.Context, cfg Config) error {
	owner, err := connect(ctx, cfg, "")
	if err != nil {
		return err
	}
	_, err = owner.Exec(ctx, `CREATE DATABASE `+database)
	if err := errors.Join(err, owner.Close(ctx)); err != nil {
		return err
	}
	for range Writers {
		c, err := connect(ctx, cfg, database)
		if err != nil {
			return err
		}
		f.rows = append(f.rows, c)
	}
	_, err = f.rows[0].Exec(ctx, `CREATE TABLE floor (id BIGSERIAL PRIMARY KEY, value BYTEA NOT NULL)`)
	return err
}

func connect(ctx context.Context, cfg Config, name string) (*pgx.Conn, error) {
	c, err := pgx.ParseConfig(cfg.DatabaseURL)
	if err != nil {
		return nil, err
	}
	if name != "" {
		c.Database = name
	}
	c.DialFunc = cfg.Dial
	c.LookupFunc = func(_ context.Context, host string) ([]string, error) { return []string{host}, nil } // Dial knows it by name
	return pgx.ConnectConfig(ctx, c)
}

// insert returns when the row is committed.
func insert(ctx context.Context, c *pgx.Conn) error {
	_, err := c.Exec(ctx, `INSERT INTO floor (value) VALUES ($1)`, value)
	return err
}

// together inserts over all connections for so long.
func (f *Floor) together(ctx context.Context, long time.Duration) (perSecond float64, err error) {
	begun := time.Now()
	counts, errs := make([]int, len(f.rows)), make([]error, len(f.rows))
	var all sync.WaitGroup
	for i, c := range f.rows {
		all.Go(func() {
			for time.Since(begun) < long && errs[i] == nil {
				errs[i] = insert(ctx, c)
				counts[i]++
			}
		})
	}
	all.Wait()
	rows := 0
	for _, n := range counts {
		rows += n
	}
	return float64(rows) / time.Since(begun).Seconds(), errors.Join(errs...)
}
