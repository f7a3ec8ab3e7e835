// Package projection keeps the read model of the order service: one row per
// order, to list them by status. It is written in the unit that appends the
// events, so it is never behind them.
package projection

import (
	"context"
	"embed"
	"io/fs"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/services/order"
)

//go:embed migrations/*.sql
var files embed.FS

// Migrations create the read model's table.
func Migrations() fs.FS {
	sub, err := fs.Sub(files, "migrations")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	return sub
}

// Row is one order in the list.
type Row struct {
	OrderID   string `json:"order_id"`
	Status    string `json:"status"`
	Customer  string `json:"customer"`
	Currency  string `json:"currency"`
	Total     int64  `json:"total"`
	UpdatedAt int64  `json:"-"`
}

// Statement brings an order's row up to date.
func Statement(s order.State) eventstore.Statement {
	return eventstore.Statement{
		SQL: `INSERT INTO order_list (order_id, status, customer, currency, total, updated_at) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (order_id) DO UPDATE SET status = excluded.status, updated_at = excluded.updated_at`,
		Args: []any{s.OrderID, string(s.Status), s.Customer, s.Currency, s.Total, s.UpdatedAt},
	}
}

// List returns at most limit orders with ids above after, ascending, of one
// status or, if it is empty, of all.
func List(ctx context.Context, r eventstore.Reader, status, after string, limit int) ([]Row, error) {
	query := `SELECT order_id, status, customer, currency, total, updated_at FROM order_list WHERE order_id > $1 ORDER BY order_id LIMIT $2`
	args := []any{after, int64(limit)}
	if status != "" {
		query = `SELECT order_id, status, customer, currency, total, updated_at FROM order_list WHERE status = $3 AND order_id > $1 ORDER BY order_id LIMIT $2`
		args = append(args, status)
	}
	rows := make([]Row, 0, limit)
	err := r.Query(ctx, query, args, func(row eventstore.Row) error {
		var o Row
		if err := row.Scan(&o.OrderID, &o.Status, &o.Customer, &o.Currency, &o.Total, &o.UpdatedAt); err != nil {
			return err
		}
		rows = append(rows, o)
		return nil
	})
	return rows, err
}

// openLimit bounds what Open counts, and so what it costs.
const openLimit = 100_000

// Open returns how many orders are in a status, up to 100,000, and when the one
// that has been there for longest came into it, in microseconds; 0 without any. It
// is for the statuses that orders leave again.
func Open(ctx context.Context, r eventstore.Reader, status order.Status) (orders, since int64, err error) {
	const query = `SELECT count(*), coalesce(min(updated_at), 0) FROM (SELECT updated_at FROM order_list WHERE status = $1 ORDER BY order_id LIMIT $2) AS open`
	err = r.Query(ctx, query, []any{string(status), int64(openLimit)}, func(row eventstore.Row) error { return row.Scan(&orders, &since) })
	return orders, since, err
}
