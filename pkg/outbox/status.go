package outbox

import (
	"context"
	"errors"
	"time"
)

// Status is what a relay knows of itself, for readiness pages and people.
type Status struct {
	// Leader tells whether this process holds the lease.
	Leader bool
	// Batch is the last batch that this process committed or found committed.
	Batch int64
	// PublishedAt is when this process last committed a batch; zero if never.
	PublishedAt time.Time
	// Backlog is how many rows waited, and BacklogAge how old the oldest was,
	// when last measured.
	Backlog    int64
	BacklogAge time.Duration
	// LastError is the last failure, nil after a success; LastErrorAt when it was.
	LastError   error
	LastErrorAt time.Time
}

// Status is safe for concurrent use.
func (r *Relay) Status() Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.status
}

func (r *Relay) setLeader(leader bool) {
	r.mu.Lock()
	r.status.Leader = leader
	r.mu.Unlock()
	r.metrics.leader.Set(0)
	if leader {
		r.metrics.leader.Set(1)
	}
}

func (r *Relay) failed(err error) {
	r.mu.Lock()
	r.status.LastError, r.status.LastErrorAt = err, time.Now()
	r.mu.Unlock()
	if errors.Is(err, ErrFenced) {
		r.metrics.fencings.Inc()
	}
	r.trouble.Failed("relay", err)
}

// reached reports the last batch that is known to be committed; published is
// zero if it was found rather than committed now.
func (r *Relay) reached(batch int64, published time.Time) {
	r.mu.Lock()
	r.status.Batch = batch
	if !published.IsZero() {
		r.status.PublishedAt = published
	}
	r.mu.Unlock()
	r.worked()
}

func (r *Relay) worked() {
	r.mu.Lock()
	r.status.LastError = nil
	r.mu.Unlock()
	r.trouble.Recovered("relay works again")
}

// measure keeps the depth of the outbox known, in standbys too: that nobody
// publishes must not look like an empty outbox.
func (r *Relay) measure(ctx context.Context) {
	ticker := time.NewTicker(r.cfg.MeasureEvery)
	defer ticker.Stop()
	for {
		if rows, oldest, err := r.deps.Store.Backlog(ctx); err == nil {
			r.measured(rows, oldest)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (r *Relay) measured(rows, oldest int64) {
	var age time.Duration
	if rows > 0 {
		age = max(0, time.Since(time.UnixMicro(oldest)))
	}
	r.mu.Lock()
	r.status.Backlog, r.status.BacklogAge = rows, age
	r.mu.Unlock()
	r.metrics.backlog.Set(float64(rows))
	r.metrics.age.Set(age.Seconds())
}
