package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Txn is one transaction. End every one with Commit or Abort, or with the
// producer's Init. It is safe for concurrent use, one call at a time.
type Txn struct {
	p *Producer
	s *session

	deadline time.Time // of producing: the brokers may abort it then
	lanes    []*lane   // the partitions it writes to
	failed   error     // why it can not be committed
	ended    bool
}

// Produce writes the records, in order per partition, and returns when every one
// is acknowledged by all in-sync replicas. Read-committed readers do not see
// them before Commit. All partitions go out at once, one request per leader;
// what exceeds a batch follows. It may be called several times.
//
// ErrRecordTooLarge alone (not ErrAborted) means that nothing was sent, and the
// transaction goes on; so does an error for a record without partition and key,
// or for a topic that does not exist. After any other error the transaction can
// not be committed (ErrAborted, and ErrFenced if the brokers refuse this
// producer). It retries what passes by itself until ctx ends or the transaction
// times out.
func (t *Txn) Produce(ctx context.Context, records ...Record) error {
	t.p.mu.Lock()
	defer t.p.mu.Unlock()
	if err := t.usable(); err != nil {
		return err
	}
	if len(records) == 0 {
		return nil
	}
	deadline := t.deadline
	if deadline.IsZero() {
		deadline = time.Now().Add(t.p.cfg.TransactionTimeout)
	}
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	lanes, err := t.enqueue(ctx, records)
	if err != nil {
		return fmt.Errorf("produce in %s: %w", t.s.id, err)
	}
	defer reset(lanes)
	t.deadline = deadline
	if err := t.write(ctx, lanes); err != nil {
		t.fail(err)
		return fmt.Errorf("produce in %s: %w: %w", t.s.id, ErrAborted, err)
	}
	t.p.stats.update(func(s *ProducerStats) { s.Records += int64(len(records)) })
	return nil
}

func (t *Txn) write(ctx context.Context, lanes []*lane) error {
	if err := t.join(ctx, lanes); err != nil {
		return err
	}
	for now := time.Now(); ; {
		more := false
		for _, l := range lanes {
			if l.done() {
				continue
			}
			if err := l.prepare(t.s, &t.p.cfg, now); err != nil {
				return err
			}
			more = true
		}
		if !more {
			return nil
		}
		if err := t.p.retry(ctx, "Produce", func(ctx context.Context) error {
			return t.p.produce(ctx, t.s, lanes)
		}); err != nil {
			return err
		}
	}
}

// join makes the partitions part of the transaction. They count as such before
// the brokers agreed, because the answer can be lost.
func (t *Txn) join(ctx context.Context, lanes []*lane) error {
	first := len(t.lanes)
	for _, l := range lanes {
		if !l.joined {
			l.joined, l.last = true, -1
			t.lanes = append(t.lanes, l)
		}
	}
	fresh := t.lanes[first:]
	if !t.p.protocol.announce || len(fresh) == 0 {
		return nil
	}
	return t.p.retry(ctx, "AddPartitionsToTxn", func(ctx context.Context) error {
		return t.p.addPartitions(ctx, t.s, fresh)
	})
}

// LastOffset is the offset of the last record that this transaction wrote to the
// partition. It is false if there is none, and in the rare case that the broker
// recognised a repeated request without naming the offset.
func (t *Txn) LastOffset(tp TopicPartition) (int64, bool) {
	t.p.mu.Lock()
	defer t.p.mu.Unlock()
	for _, l := range t.lanes {
		if l.tp == tp && l.last >= 0 {
			return l.last, true
		}
	}
	return 0, false
}

// Commit makes the records visible, all at once. After nil they stay visible
// under any failure that the brokers' replication survives, and Begin may open
// the next transaction. Lost answers are resolved by asking again, until ctx
// ends or the transaction timeout has passed since the call.
//
// ErrUnknownOutcome means that the records may be visible or not: Init, and read
// what was committed. ErrAborted means that they are not and never will be. In
// both cases Begin returns ErrNotInitialized until Init succeeded. A ctx that had
// ended before the call is the one error that changes nothing.
func (t *Txn) Commit(ctx context.Context) error {
	t.p.mu.Lock()
	defer t.p.mu.Unlock()
	if err := t.usable(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("commit %s: %w", t.s.id, err)
	}
	return t.end(ctx, true)
}

// Abort discards the records: no read-committed reader will see them. After an
// error of Produce it frees the readers of the partitions at once, instead of
// when the transaction times out; the producer needs Init all the same.
func (t *Txn) Abort(ctx context.Context) error {
	t.p.mu.Lock()
	defer t.p.mu.Unlock()
	if t.ended {
		return ErrTransactionEnded
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("abort %s: %w", t.s.id, err)
	}
	return t.end(ctx, false)
}

// end runs EndTxn. Its deadline is its own: asking again tells the outcome even
// after the transaction would have timed out.
func (t *Txn) end(ctx context.Context, commit bool) error {
	p, name := t.p, "abort"
	if commit {
		name = "commit"
	}
	if len(t.lanes) == 0 {
		t.close()
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, p.cfg.TransactionTimeout)
	defer cancel()
	handled := false // perhaps, by an attempt whose answer did not say
	err := p.retry(ctx, "EndTxn", func(ctx context.Context) error {
		err := p.endTxn(ctx, t.s, commit)
		handled = handled || !saysUntouched(err)
		return err
	})
	switch {
	case err == nil:
		t.close()
		p.turn = (p.turn + 1) % transactionalIDs
		p.stats.update(func(s *ProducerStats) {
			if commit {
				s.Transactions++
			} else {
				s.Aborted++
			}
		})
		return nil
	case commit && !handled && errors.Is(err, codeTransactionAbortable):
		// The coordinator is sure that it did not commit, and asks for an abort.
		t.fail(err)
		return fmt.Errorf("commit %s: %w: %w", t.s.id, ErrAborted, err)
	}
	p.ready = false
	t.close()
	p.stats.update(func(s *ProducerStats) { s.Unknown++ })
	return fmt.Errorf("%s %s: %w: %w", name, t.s.id, ErrUnknownOutcome, err)
}

// saysUntouched: the coordinator is not there yet, is busy with the transaction
// before, or refuses to commit. None of them changed anything.
func saysUntouched(err error) bool {
	var code Error
	return errors.As(err, &code) && slices.Contains([]Error{14, 15, 16, codeConcurrentTransactions, codeTransactionAbortable}, code)
}

// usable: neither ended nor failed.
func (t *Txn) usable() error {
	switch {
	case t.ended:
		return ErrTransactionEnded
	case t.failed != nil:
		return fmt.Errorf("%s: %w: %w", t.s.id, ErrAborted, t.failed)
	}
	return nil
}

// fail: which of its batches the brokers have is in doubt, and so is the next
// sequence. Only Init gives the producer a new start.
func (t *Txn) fail(err error) {
	t.failed = err
	t.p.ready = false
}

func (t *Txn) close() {
	t.leave()
	t.p.open = nil
}

func (t *Txn) leave() {
	t.ended = true
	for _, l := range t.lanes {
		l.joined = false
	}
}
