package gatewaysim

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// statements are prepared once on the ledger's only connection.
type statements struct {
	begin, commit, rollback *sql.Stmt
	payment, save           *sql.Stmt
	answer, keep, expire    *sql.Stmt
	addRefund, refunds      *sql.Stmt
	page, total             *sql.Stmt
	refundSeq               *sql.Stmt
}

const paymentColumns = `id, order_id, currency, method, amount, status, authorized, captured, refunded,
	confirms, captures, confirm_tries, capture_tries, decline_code, cancel_reason, canceled_at, created, metadata`

func (s *statements) queries() map[**sql.Stmt]string {
	return map[**sql.Stmt]string{
		&s.begin:    `BEGIN`,
		&s.commit:   `COMMIT`,
		&s.rollback: `ROLLBACK`,
		&s.payment:  `SELECT ` + paymentColumns + ` FROM payments WHERE id = ?`,
		&s.save: `INSERT INTO payments (` + paymentColumns + `) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (id) DO UPDATE SET method = excluded.method, status = excluded.status,
				authorized = excluded.authorized, captured = excluded.captured, refunded = excluded.refunded,
				confirms = excluded.confirms, captures = excluded.captures,
				confirm_tries = excluded.confirm_tries, capture_tries = excluded.capture_tries,
				decline_code = excluded.decline_code, cancel_reason = excluded.cancel_reason, canceled_at = excluded.canceled_at`,
		&s.answer: `SELECT fingerprint, status, body, created_ms FROM answers WHERE key = ?`,
		&s.keep: `INSERT INTO answers (key, fingerprint, status, body, created_ms) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT (key) DO UPDATE SET fingerprint = excluded.fingerprint, status = excluded.status,
				body = excluded.body, created_ms = excluded.created_ms`,
		&s.expire: `DELETE FROM answers WHERE seq IN
			(SELECT seq FROM answers WHERE created_ms <= ? ORDER BY created_ms LIMIT ?)`,
		&s.addRefund: `INSERT INTO refunds (id, payment_id, amount, created, metadata) VALUES (?, ?, ?, ?, ?)`,
		&s.refunds: `SELECT id, payment_id, amount, created, metadata FROM refunds
			WHERE payment_id = ? AND seq < ? ORDER BY seq DESC LIMIT ?`,
		&s.refundSeq: `SELECT seq FROM refunds WHERE id = ?`,
		&s.page:      `SELECT seq, ` + paymentColumns + ` FROM payments WHERE seq > ? ORDER BY seq LIMIT ?`,
		&s.total: `SELECT currency, count(*), sum(authorized), sum(captured), sum(refunded),
			sum(iif(status = 'requires_capture', authorized, 0)) FROM payments GROUP BY currency`,
	}
}

func (s *statements) prepare(ctx context.Context, conn *sql.Conn) error {
	for stmt, query := range s.queries() {
		prepared, err := conn.PrepareContext(ctx, query)
		if err != nil {
			return fmt.Errorf("prepare %q: %w", query, err)
		}
		*stmt = prepared
	}
	return nil
}

func (s *statements) close() error {
	var err error
	for stmt := range s.queries() {
		if *stmt != nil {
			err = errors.Join(err, (*stmt).Close())
		}
	}
	return err
}
