package telemetry

import (
	"sync"
	"time"

	"go.uber.org/zap"
)

// Throttle logs the failures of a loop that retries: the first at once, then
// at most one line per interval that says how many were left out, and one line
// when it works again. It is safe for concurrent use, and one Throttle serves
// one loop.
type Throttle struct {
	log      *zap.Logger
	interval time.Duration

	mu         sync.Mutex
	since      time.Time // of the first failure; zero while it works
	logged     time.Time // when the last line was written
	failures   int
	suppressed int
}

// NewThrottle returns a Throttle that writes to log at most once per interval.
func NewThrottle(log *zap.Logger, interval time.Duration) *Throttle {
	return &Throttle{log: log, interval: interval}
}

// Failed reports one failure. The line is a warning with the error, the
// fields, and "suppressed": how many failures were left out since the last
// line.
func (t *Throttle) Failed(msg string, err error, fields ...zap.Field) {
	suppressed, due := t.count(time.Now())
	if !due {
		return
	}
	fields = append(fields[:len(fields):len(fields)], zap.Error(err))
	if suppressed > 0 {
		fields = append(fields, zap.Int("suppressed", suppressed))
	}
	t.log.Warn(msg, fields...)
}

func (t *Throttle) count(now time.Time) (suppressed int, due bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.failures++
	if t.since.IsZero() {
		t.since = now
	} else if now.Sub(t.logged) < t.interval {
		t.suppressed++
		return 0, false
	}
	suppressed, t.suppressed, t.logged = t.suppressed, 0, now
	return suppressed, true
}

// Recovered reports that the loop works. After failures it writes one line
// with their number and how long it took; otherwise it does nothing, so a loop
// calls it after every success.
func (t *Throttle) Recovered(msg string, fields ...zap.Field) {
	t.mu.Lock()
	failures, since := t.failures, t.since
	t.failures, t.suppressed, t.since = 0, 0, time.Time{}
	t.mu.Unlock()
	if failures == 0 {
		return
	}
	fields = append(fields[:len(fields):len(fields)], zap.Int("failures", failures), zap.Duration("after", time.Since(since)))
	t.log.Info(msg, fields...)
}
