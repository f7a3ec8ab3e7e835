package hop

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/jackc/pgx/v5"
)

// Event is one row of a service's event table.
type Event struct {
	Service, Stream, ID string // ID as the record of it has it
	Causation           string // the ID of the record that led to it, or a request or intent
	Committed           time.Time
}

const eventsSQL = `SELECT id, kind || '/' || id || '/' || version, causation, pg_xact_commit_timestamp(xmin)
	FROM events WHERE starts_with(id, $1) ORDER BY kind, id, version`

// Events reads the events of the orders whose ids begin with a name out of the
// database of a service, by stream and version. The server must keep commit
// timestamps.
func Events(ctx context.Context, service, url string, dial func(context.Context, string, string) (net.Conn, error), name string) (_ []Event, err error) {
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	cfg.DialFunc = dial
	cfg.LookupFunc = func(_ context.Context, host string) ([]string, error) { return []string{host}, nil }
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("events of %s: %w", service, err)
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	rows, err := conn.Query(ctx, eventsSQL, name)
	if err != nil {
		return nil, fmt.Errorf("events of %s: %w", service, err)
	}
	events, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Event, error) {
		e := Event{Service: service}
		return e, row.Scan(&e.Stream, &e.ID, &e.Causation, &e.Committed)
	})
	if err != nil {
		return nil, fmt.Errorf("events of %s: %w", service, err)
	}
	return events, nil
}
