package telemetry

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

var errAway = errors.New("connection refused")

func throttled(interval time.Duration) (*Throttle, *observer.ObservedLogs) {
	core, logs := observer.New(zapcore.DebugLevel)
	return NewThrottle(zap.New(core), interval), logs
}

func TestThrottle_LogsOncePerIntervalAndCountsTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		throttle, logs := throttled(10 * time.Second)
		for range 25 { // one failure a second: seconds 0 to 24
			throttle.Failed("fetch", errAway, zap.String("topic", "orders"))
			time.Sleep(time.Second) //nolint:forbidigo // a bubble's clock: no time passes
		}
		lines := logs.TakeAll()
		if len(lines) != 3 {
			t.Fatalf("got %d lines, want those of seconds 0, 10 and 20", len(lines))
		}
		if _, has := lines[0].ContextMap()["suppressed"]; has {
			t.Error("the first line claims that others were left out")
		}
		for _, line := range lines[1:] {
			if got := line.ContextMap()["suppressed"]; got != int64(9) {
				t.Errorf("suppressed is %v, want 9", got)
			}
		}
		if lines[0].ContextMap()["topic"] != "orders" || lines[0].ContextMap()["error"] != errAway.Error() {
			t.Errorf("fields are %v", lines[0].ContextMap())
		}
	})
}

func TestThrottle_SaysOnceThatItRecovered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		throttle, logs := throttled(time.Minute)
		throttle.Recovered("fetching again")
		for range 5 {
			throttle.Failed("fetch", errAway)
			time.Sleep(time.Second) //nolint:forbidigo // a bubble's clock: no time passes
		}
		throttle.Recovered("fetching again")
		throttle.Recovered("fetching again")
		lines := logs.TakeAll()
		if len(lines) != 2 || lines[1].Message != "fetching again" || lines[1].Level != zapcore.InfoLevel {
			t.Fatalf("got %v, want one failure and one recovery", lines)
		}
		if got := lines[1].ContextMap(); got["failures"] != int64(5) || got["after"] != 5*time.Second {
			t.Errorf("recovery says %v, want 5 failures after 5s", got)
		}
	})
}

func TestThrottle_SpeaksAtOnceWhenItFailsAnew(t *testing.T) {
	throttle, logs := throttled(time.Hour)
	throttle.Failed("fetch", errAway)
	throttle.Recovered("fetching again")
	throttle.Failed("fetch", errAway)
	if got := logs.Len(); got != 3 {
		t.Errorf("got %d lines, want failure, recovery, failure", got)
	}
}
