package sqlite

import (
	"database/sql/driver"
	"math/bits"
	"strings"
)

// maxChunk is the most rows in one statement. Larger ones gain nothing: the
// cost per row is flat from about 32 on.
const maxChunk = 128

// rowset is a statement over any number of rows. It runs in chunks whose sizes
// are powers of two, so that few statements are prepared and all are reused.
type rowset struct {
	width int
	sql   [8]string // by the logarithm of the number of rows
}

// newRowset makes a statement of head, one list of width parameters for each
// row, and tail.
func newRowset(head string, width int, tail string) *rowset {
	r := &rowset{width: width}
	row := "(?" + strings.Repeat(",?", width-1) + ")"
	for i := range r.sql {
		r.sql[i] = head + row + strings.Repeat(","+row, 1<<i-1) + tail
	}
	return r
}

// chunks calls run for each chunk of n rows, with its statement and the
// parameters in c.args.
func (r *rowset) chunks(c *conn, n int, fill func(i int, a *arguments), run func(sql string) error) error {
	for from := 0; from < n; {
		log := bits.Len(uint(min(n-from, maxChunk))) - 1
		size := 1 << log
		c.args = c.args[:0]
		for i := from; i < from+size; i++ {
			fill(i, &c.args)
		}
		if err := run(r.sql[log]); err != nil {
			return err
		}
		from += size
	}
	return nil
}

// exec runs the statement for n rows and returns how many it changed.
func (r *rowset) exec(c *conn, n int, fill func(i int, a *arguments)) (int64, error) {
	var changed int64
	err := r.chunks(c, n, fill, func(sql string) error {
		k, err := c.execArgs(sql)
		changed += k
		return err
	})
	return changed, err
}

// query runs the statement for n rows of parameters.
func (r *rowset) query(c *conn, n int, fill func(i int, a *arguments), row func([]driver.Value)) error {
	return r.chunks(c, n, fill, func(sql string) error { return c.queryArgs(sql, row) })
}
