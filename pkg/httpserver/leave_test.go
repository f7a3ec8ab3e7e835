package httpserver_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/httpserver"
)

// delayed is a server whose drain delay ends when the test says so.
func delayed(t *testing.T, prepare func(*harness)) (h *harness, over chan time.Time) {
	t.Helper()
	over = make(chan time.Time)
	h = start(t, httpserver.Config{DrainDelay: time.Hour}, func(h *harness) {
		httpserver.DelayBy(h.Server, func(d time.Duration) <-chan time.Time {
			if d != time.Hour {
				t.Errorf("the delay is %s", d)
			}
			return over
		})
		if prepare != nil {
			prepare(h)
		}
	})
	return h, over
}

// get42 sends a request and tells whether the server closes the connection.
func (h *harness) get42(t *testing.T) (status int, closes bool) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), "GET", h.URL()+"/orders/42", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := h.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	return response.StatusCode, response.Close
}

func TestRun_ServesOnUntilTheDelayIsOver(t *testing.T) {
	waiting := make(chan struct{}, 1)
	h, over := delayed(t, func(h *harness) {
		h.get = func(ctx context.Context, in *orderID) (*orderAnswer, error) {
			if in.ID == "waits" {
				waiting <- struct{}{}
				<-httpserver.Draining(ctx)
			}
			return &orderAnswer{}, nil
		}
	})
	if status, closes := h.get42(t); status != http.StatusOK || closes {
		t.Fatalf("before: got %d, connection closed %t", status, closes)
	}
	h.stop()
	eventually(t, "readiness fails", func() bool { return h.do(t, "GET", "/readyz", "").status == http.StatusServiceUnavailable })
	if got := h.do(t, "GET", "/readyz", ""); !strings.Contains(got.body, httpserver.StatusDraining) {
		t.Errorf("it does not say why: %s", got.body)
	}
	for range 3 { // new connections each
		if status, closes := h.get42(t); status != http.StatusOK || !closes {
			t.Errorf("in the delay: got %d, connection closed %t", status, closes)
		}
	}
	status := h.sendInBackground(t, "/orders/waits")
	<-waiting
	select {
	case <-status:
		t.Error("who waits was sent away before the delay was over")
	case err := <-h.stopped:
		t.Fatalf("Run returned %v", err)
	default:
	}
	over <- time.Time{}
	if got := <-status; got != http.StatusOK {
		t.Errorf("who waited got %d", got)
	}
	if err := <-h.stopped; err != nil {
		t.Errorf("Run returned %v", err)
	}
}

func TestLeave_FailsReadinessAlone(t *testing.T) {
	h := start(t, httpserver.Config{}, func(h *harness) {
		h.get = func(context.Context, *orderID) (*orderAnswer, error) { return &orderAnswer{}, nil }
	})
	h.Leave()
	h.Leave()
	for path, want := range map[string]int{"/readyz": 503, "/livez": 200, "/orders/42": 200, "/metrics": 200} {
		if got := h.do(t, "GET", path, ""); got.status != want {
			t.Errorf("%s: got %d, want %d", path, got.status, want)
		}
	}
}

// A broker that takes connections and says nothing.
func TestReadyz_DoesNotWaitForWhatDecidesNothing(t *testing.T) {
	silent := make(chan struct{})
	var asked atomic.Int32
	h := start(t, httpserver.Config{}, func(h *harness) {
		h.AddCheck(httpserver.Check{Name: "store", Required: true, Probe: func(context.Context) error { return nil }})
		h.AddCheck(httpserver.Check{Name: "broker", Probe: func(context.Context) error {
			asked.Add(1)
			<-silent
			return errors.New("heard after all")
		}})
	})
	for range 2 {
		got := h.do(t, "GET", "/readyz", "")
		if got.status != http.StatusOK || !strings.Contains(got.body, httpserver.StatusDegraded) || !strings.Contains(got.body, "no answer yet") {
			t.Errorf("got %d %s", got.status, got.body)
		}
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("it was asked %d times at once", n)
	}
	close(silent)
	eventually(t, "its answer shows", func() bool { return strings.Contains(h.do(t, "GET", "/readyz", "").body, "heard after all") })
}
