package gatewaysim

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	// batchLimit bounds one commit, and so how long the first request of a batch
	// waits for the last.
	batchLimit = 256
	// expiryEvery and expiryLimit keep the removal of expired keys from being felt.
	expiryEvery = 10 * time.Second
	expiryLimit = 2000
)

// job is one request's work inside a commit that it shares with others.
type job struct {
	run  func(*tx) error
	err  error
	done chan struct{}
}

// do carries out run in the next commit and returns once that is on disk; run's
// error, or the commit's, undoes the whole batch. It is called from the writer's
// goroutine. It returns errBusy or errClosed if run was not called.
func (l *ledger) do(run func(*tx) error) error {
	j := &job{run: run, done: make(chan struct{})}
	select {
	case <-l.stop:
		return errClosed
	case l.jobs <- j:
	default:
		return errBusy
	}
	select {
	case <-j.done:
		return j.err
	case <-l.stopped:
	}
	select {
	case <-j.done:
		return j.err
	default:
		return errClosed
	}
}

// write is the only goroutine that touches the database. While one commit waits
// for the disk, the requests of the next one gather: that is what makes a
// synchronous commit affordable.
func (l *ledger) write() {
	defer close(l.stopped)
	batch := make([]*job, 0, batchLimit)
	for {
		select {
		case <-l.stop:
			return
		case j := <-l.jobs:
			batch = append(batch[:0], j)
		}
	gather:
		for len(batch) < batchLimit {
			select {
			case j := <-l.jobs:
				batch = append(batch, j)
			default:
				break gather
			}
		}
		err := l.commit(batch)
		for _, j := range batch {
			j.err = err
			close(j.done)
		}
		clear(batch)
	}
}

func (l *ledger) commit(batch []*job) (err error) {
	ctx := context.Background()
	if _, err := l.stmt.begin.ExecContext(ctx); err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer func() {
		if err != nil {
			_, undo := l.stmt.rollback.ExecContext(ctx)
			err = errors.Join(err, undo)
		}
	}()
	t := &tx{stmt: &l.stmt, ledger: l, now: l.now(), payments: make(map[string]*payment, len(batch))}
	for _, j := range batch {
		if err := j.run(t); err != nil {
			return err
		}
	}
	if err := l.expire(t); err != nil {
		return err
	}
	if _, err := l.stmt.commit.ExecContext(ctx); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	l.publish(t.payments)
	return nil
}

// expire removes keys whose time is over. A lookup does not rely on it.
func (l *ledger) expire(t *tx) error {
	if t.now.Sub(l.lastExpiry) < expiryEvery {
		return nil
	}
	l.lastExpiry = t.now
	_, err := l.stmt.expire.ExecContext(context.Background(), t.now.Add(-l.keyTTL).UnixMilli(), expiryLimit)
	if err != nil {
		return fmt.Errorf("remove expired keys: %w", err)
	}
	return nil
}
