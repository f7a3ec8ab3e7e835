package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"

	engine "modernc.org/sqlite"
)

// maxStatements bounds the cache of prepared statements of the writing
// connection. The store itself needs about a hundred; the rest are read-model
// statements, whose text should be constant.
const maxStatements = 512

// statement is what the driver's prepared statements can do.
type statement interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

// conn is the writing connection. It goes around database/sql, whose pool,
// locks and conversions cost as much as a small insert, and keeps every
// statement prepared. It is not safe for concurrent use.
type conn struct {
	raw   driver.Conn
	stmts map[string]statement
	args  arguments
}

// arguments collects the parameters of one statement, in order.
type arguments []driver.NamedValue

func (a *arguments) add(values ...driver.Value) {
	for _, v := range values {
		*a = append(*a, driver.NamedValue{Ordinal: len(*a) + 1, Value: v})
	}
}

func openConn(dsn string) (*conn, error) {
	raw, err := new(engine.Driver).Open(dsn)
	if err != nil {
		return nil, err
	}
	return &conn{raw: raw, stmts: make(map[string]statement)}, nil
}

func (c *conn) close() error {
	c.forget()
	return c.raw.Close()
}

// forget closes all prepared statements.
func (c *conn) forget() {
	for text, s := range c.stmts {
		_ = s.Close() // reports the error of its last run, which was handled there
		delete(c.stmts, text)
	}
}

func (c *conn) prepare(text string) (statement, error) {
	if s, ok := c.stmts[text]; ok {
		return s, nil
	}
	if len(c.stmts) >= maxStatements {
		c.forget()
	}
	s, err := c.raw.Prepare(text)
	if err != nil {
		return nil, err
	}
	st, ok := s.(statement)
	if !ok {
		return nil, errors.Join(fmt.Errorf("prepare: statements of type %T are not supported", s), s.Close())
	}
	c.stmts[text] = st
	return st, nil
}

// exec runs a statement and returns how many rows it changed. Statements of
// the writer are short and are never interrupted: their outcome is always
// known.
func (c *conn) exec(text string, values ...driver.Value) (int64, error) {
	c.args = c.args[:0]
	c.args.add(values...)
	return c.execArgs(text)
}

// execArgs is exec with the parameters in c.args.
func (c *conn) execArgs(text string) (int64, error) {
	s, err := c.prepare(text)
	if err != nil {
		return 0, err
	}
	res, err := s.ExecContext(context.Background(), c.args)
	if err != nil {
		return 0, err
	}
	if res == nil { // an empty script
		return 0, nil
	}
	return res.RowsAffected()
}

// query calls row for every result row; the slice is reused.
func (c *conn) query(text string, row func([]driver.Value), values ...driver.Value) error {
	c.args = c.args[:0]
	c.args.add(values...)
	return c.queryArgs(text, row)
}

// queryArgs is query with the parameters in c.args.
func (c *conn) queryArgs(text string, row func([]driver.Value)) (err error) {
	s, err := c.prepare(text)
	if err != nil {
		return err
	}
	rows, err := s.QueryContext(context.Background(), c.args)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	dest := make([]driver.Value, len(rows.Columns()))
	for {
		switch err := rows.Next(dest); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		row(dest)
	}
}

func text(v driver.Value) string { s, _ := v.(string); return s }

func integer(v driver.Value) int64 { n, _ := v.(int64); return n }

// blob keeps the difference between NULL and an empty value, which the driver
// tells by the type of the nil.
func blob(v driver.Value) []byte {
	b, ok := v.([]byte)
	if ok && b == nil {
		return []byte{}
	}
	return b
}
