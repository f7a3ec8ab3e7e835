package gatewaysim

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// tx is what a job may do to the ledger. It lives in the writer's goroutine, and
// a job sees what the jobs before it in the same batch have done.
type tx struct {
	stmt     *statements
	ledger   *ledger
	now      time.Time
	payments map[string]*payment
}

// payment returns a copy that the caller may change and save, or nil if there is
// no such payment.
func (t *tx) payment(id string) (*payment, error) {
	p, ok := t.payments[id]
	if !ok {
		p, ok = t.ledger.cached(id)
	}
	if !ok {
		row := t.stmt.payment.QueryRowContext(context.Background(), id)
		loaded, err := scanPayment(row.Scan)
		if errors.Is(err, sql.ErrNoRows) {
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("load payment %s: %w", id, err)
		}
		p = loaded
		t.payments[id] = p
	}
	own := *p
	return &own, nil
}

// save stores p, which must not be changed afterwards.
func (t *tx) save(p *payment) error {
	metadata, err := json.Marshal(p.metadata)
	if err != nil {
		return fmt.Errorf("encode metadata of %s: %w", p.id, err)
	}
	_, err = t.stmt.save.ExecContext(context.Background(),
		p.id, p.orderID, p.currency, p.method, p.amount, string(p.status), p.authorized, p.captured, p.refunded,
		p.confirms, p.captures, p.confirmTries, p.captureTries, p.declineCode, p.cancelReason, p.canceledAt, p.created,
		string(metadata))
	if err != nil {
		return fmt.Errorf("save payment %s: %w", p.id, err)
	}
	t.payments[p.id] = p
	return nil
}

func scanPayment(scan func(...any) error, before ...any) (*payment, error) {
	var p payment
	var metadata string
	err := scan(append(before,
		&p.id, &p.orderID, &p.currency, &p.method, &p.amount, (*string)(&p.status), &p.authorized, &p.captured, &p.refunded,
		&p.confirms, &p.captures, &p.confirmTries, &p.captureTries, &p.declineCode, &p.cancelReason, &p.canceledAt, &p.created,
		&metadata)...)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal([]byte(metadata), &p.metadata); err != nil {
		return nil, fmt.Errorf("decode metadata of %s: %w", p.id, err)
	}
	return &p, nil
}

// answer returns what was answered under key, if it has not expired. The second
// result tells whether the request was the same one.
func (t *tx) answer(key string, fingerprint []byte) (*reply, bool, error) {
	var stored []byte
	var created int64
	r := reply{replayed: true}
	err := t.stmt.answer.QueryRowContext(context.Background(), key).Scan(&stored, &r.status, &r.body, &created)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("look up key %q: %w", key, err)
	}
	if created <= t.now.Add(-t.ledger.keyTTL).UnixMilli() {
		return nil, false, nil
	}
	return &r, bytes.Equal(stored, fingerprint), nil
}

func (t *tx) keep(key string, fingerprint []byte, r reply) error {
	_, err := t.stmt.keep.ExecContext(context.Background(), key, fingerprint, r.status, r.body, t.now.UnixMilli())
	if err != nil {
		return fmt.Errorf("keep answer of key %q: %w", key, err)
	}
	return nil
}

func (t *tx) addRefund(r refund) error {
	metadata, err := json.Marshal(r.metadata)
	if err != nil {
		return fmt.Errorf("encode metadata of %s: %w", r.id, err)
	}
	_, err = t.stmt.addRefund.ExecContext(context.Background(), r.id, r.paymentID, r.amount, r.created, string(metadata))
	if err != nil {
		return fmt.Errorf("save refund %s: %w", r.id, err)
	}
	return nil
}

const latest = int64(1)<<62 - 1

// refunds returns the newest refunds of a payment, those before the refund named
// after if that is not empty.
func (t *tx) refunds(paymentID, after string, limit int) (list []refund, err error) {
	ctx := context.Background()
	before := latest
	if after != "" {
		err := t.stmt.refundSeq.QueryRowContext(ctx, after).Scan(&before)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return nil, fmt.Errorf("find refund %s: %w", after, err)
		}
	}
	rows, err := t.stmt.refunds.QueryContext(ctx, paymentID, before, limit)
	if err != nil {
		return nil, fmt.Errorf("list refunds of %s: %w", paymentID, err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var r refund
		var metadata string
		if err := rows.Scan(&r.id, &r.paymentID, &r.amount, &r.created, &metadata); err != nil {
			return nil, fmt.Errorf("read refund of %s: %w", paymentID, err)
		}
		if err := json.Unmarshal([]byte(metadata), &r.metadata); err != nil {
			return nil, fmt.Errorf("decode metadata of %s: %w", r.id, err)
		}
		list = append(list, r)
	}
	return list, rows.Err()
}

// page returns up to limit entries after the position, in the order in which the
// payments were made, and the position of the last one.
func (t *tx) page(after int64, limit int) (entries []Entry, last int64, err error) {
	rows, err := t.stmt.page.QueryContext(context.Background(), after, limit)
	if err != nil {
		return nil, 0, fmt.Errorf("read ledger after %d: %w", after, err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	last = after
	for rows.Next() {
		p, err := scanPayment(rows.Scan, &last)
		if err != nil {
			return nil, 0, fmt.Errorf("read ledger after %d: %w", last, err)
		}
		entries = append(entries, p.entry())
	}
	return entries, last, rows.Err()
}

func (t *tx) totals() (totals Totals, err error) {
	rows, err := t.stmt.total.QueryContext(context.Background())
	if err != nil {
		return nil, fmt.Errorf("sum up ledger: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	totals = Totals{}
	for rows.Next() {
		var currency string
		var s Sum
		if err := rows.Scan(&currency, &s.Payments, &s.Authorized, &s.Captured, &s.Refunded, &s.Held); err != nil {
			return nil, fmt.Errorf("sum up ledger: %w", err)
		}
		totals[strings.ToUpper(currency)] = s
	}
	return totals, rows.Err()
}
