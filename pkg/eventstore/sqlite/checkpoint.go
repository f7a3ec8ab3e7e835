package sqlite

import (
	"database/sql/driver"
	"fmt"
	"time"
)

const (
	// checkpointPages is how much the write-ahead log holds before it is copied
	// into the database file: 16 MB. A copy takes some 20 ms, which the next unit
	// waits for; smaller ones are hardly shorter and come more often.
	checkpointPages = 4096
	// maxWALPages is the size at which the log is emptied even if that means
	// waiting for readers that are under way: 64 MB.
	maxWALPages = 16384
	// starvedWait is how long all writers wait for readers so that the log can
	// be emptied; ordinary reads take a few milliseconds.
	starvedWait = 250 * time.Millisecond
	// starvedPause is how long the log is left alone after a reader would not
	// let go of it, so that waiting takes a small part of the time.
	starvedPause = 5 * time.Second
)

// checkpoint keeps the write-ahead log small. It runs after the units were
// told, so that none waits for it but the next. Above maxWAL it waits for
// readers under way: overlapping readers could otherwise keep the log from
// ever starting over. New readers do not prolong the wait, since a log that is
// copied in full is no longer read.
//
// Failing changes nothing that was promised: the log goes on growing, and a
// later commit tries again.
func (w *writer) checkpoint() {
	var busy, pages, copied int64
	counts := func(v []driver.Value) { busy, pages, copied = integer(v[0]), integer(v[1]), integer(v[2]) }
	if err := w.conn.query("PRAGMA wal_checkpoint(NOOP)", counts); err != nil {
		return
	}
	switch {
	case pages >= w.maxWAL && time.Since(w.starved) > starvedPause:
		w.waitForLocks(starvedWait)
		if err := w.conn.query("PRAGMA wal_checkpoint(TRUNCATE)", counts); err != nil || busy != 0 {
			w.starved = time.Now()
		}
		w.waitForLocks(busyTimeout)
	case pages-copied >= checkpointPages:
		_ = w.conn.query("PRAGMA wal_checkpoint(PASSIVE)", counts)
	}
}

// waitForLocks sets how long the connection waits for others'.
func (w *writer) waitForLocks(d time.Duration) {
	_ = w.conn.query(fmt.Sprintf("PRAGMA busy_timeout(%d)", d.Milliseconds()), func([]driver.Value) {})
}
