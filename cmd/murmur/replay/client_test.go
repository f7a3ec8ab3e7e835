package replay

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/murmuration-dev/murmuration/cmd/murmur/embedded"
	"github.com/murmuration-dev/murmuration/pkg/run"
)

// orderService answers as the order service would, by handler.
func orderService(t *testing.T, handler http.HandlerFunc) embedded.Addresses {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return embedded.Addresses{Order: embedded.Service{API: s.URL}, Inventory: embedded.Service{API: s.URL}}
}

func clientOf(t *testing.T, to embedded.Addresses, patience time.Duration) (*client, *Progress) {
	t.Helper()
	p := &Progress{}
	c := newClient(to, Config{Concurrency: 2, Patience: patience}, p)
	t.Cleanup(c.close)
	return c, p
}

func TestClient_TriesAgainWhileThePlatformCannotAnswer(t *testing.T) {
	var tries atomic.Int32
	var keys atomic.Value
	to := orderService(t, func(w http.ResponseWriter, r *http.Request) {
		keys.Store(r.Header.Get("Idempotency-Key"))
		switch tries.Add(1) {
		case 1:
			w.WriteHeader(http.StatusServiceUnavailable)
		case 2:
			w.WriteHeader(http.StatusTooManyRequests)
		case 3:
			panic(http.ErrAbortHandler) // the connection breaks
		default:
			w.WriteHeader(http.StatusCreated)
		}
	})
	c, p := clientOf(t, to, time.Minute)
	a, err := c.post(t.Context(), to.Order.API+"/orders", "k", struct{}{})
	if err != nil || a.status != http.StatusCreated || tries.Load() != 4 {
		t.Errorf("got status %d, error %v after %d tries; want 201 at the fourth", a.status, err, tries.Load())
	}
	if keys.Load() != "k" {
		t.Errorf("the last try had the key %v", keys.Load())
	}
	if s := p.Snapshot(); s.Trouble != "" {
		t.Errorf("the trouble %q is over, and still shown", s.Trouble)
	}
}

func TestClient_TakesARefusalForAnAnswer(t *testing.T) {
	var tries atomic.Int32
	to := orderService(t, func(w http.ResponseWriter, _ *http.Request) {
		tries.Add(1)
		w.WriteHeader(http.StatusUnprocessableEntity)
		_, _ = w.Write([]byte(`{"detail":"The order cannot be accepted as it is.","errors":[{"message":"is 0","location":"body.lines[0].quantity"}]}`))
	})
	c, _ := clientOf(t, to, time.Minute)
	a, err := c.post(t.Context(), to.Order.API+"/orders", "", struct{}{})
	if err != nil || tries.Load() != 1 {
		t.Fatalf("got error %v after %d tries", err, tries.Load())
	}
	if want := "The order cannot be accepted as it is. (body.lines[0].quantity is 0)"; a.detail() != want {
		t.Errorf("got detail %q, want %q", a.detail(), want)
	}
}

func TestClient_LosesPatience(t *testing.T) {
	c, _ := clientOf(t, embedded.Addresses{}, 100*time.Millisecond)
	_, err := c.post(t.Context(), "http://127.0.0.1:1/orders", "", struct{}{})
	if run.ExitCode(err) != run.ExitTempFail || !strings.Contains(err.Error(), "no answer within 100ms") {
		t.Errorf("got %v (exit code %d), want that it may work later", err, run.ExitCode(err))
	}
}

func TestClient_StopsWhenAsked(t *testing.T) {
	ctx, stop := context.WithCancelCause(t.Context())
	asked := errors.New("asked to stop")
	to := orderService(t, func(w http.ResponseWriter, _ *http.Request) {
		stop(asked)
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	c, _ := clientOf(t, to, time.Minute)
	if _, err := c.post(ctx, to.Order.API+"/orders", "", struct{}{}); !errors.Is(err, asked) {
		t.Errorf("got %v, want the reason to stop", err)
	}
}

// TestRun_GivesUpOnOrdersThatNeverEnd has a service that accepts and does nothing.
func TestRun_GivesUpOnOrdersThatNeverEnd(t *testing.T) {
	to := orderService(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodPost:
			w.WriteHeader(http.StatusCreated)
			_, _ = w.Write([]byte(`{}`))
		case r.URL.Query().Get("status") == statusPlaced:
			_, _ = w.Write([]byte(`{"orders":[{"order_id":"1","status":"PLACED"}]}`))
		default:
			_, _ = w.Write([]byte(`{"orders":[]}`))
		}
	})
	p := planOf(t, file(t, "a.csv", "1 A 1 1 c", "2 A 1 1 c"))
	_, err := Run(t.Context(), to, p, Config{Patience: 300 * time.Millisecond}, nil)
	if run.ExitCode(err) != run.ExitTempFail || !strings.Contains(err.Error(), "1 orders, such as 1") {
		t.Errorf("got %v, want that order 1 never ended", err)
	}
}

func TestRun_SaysWhenAnAddressIsAnotherService(t *testing.T) {
	to := orderService(t, http.NotFound)
	_, err := Run(t.Context(), to, planOf(t, file(t, "a.csv", "1 A 1 1 c")), Config{}, nil)
	if err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("got %v, want the status", err)
	}
}

func TestRunner_ListsPageByPageWithinItsIDs(t *testing.T) {
	var after []string
	full := `{"orders":[` + strings.TrimSuffix(strings.Repeat(`{"order_id":"15","status":"PLACED"},`, pageSize), ",") + `]}`
	to := orderService(t, func(w http.ResponseWriter, r *http.Request) {
		after = append(after, r.URL.Query().Get("after"))
		body := full
		if len(after) == 2 {
			body = strings.ReplaceAll(full, `"15"`, `"21"`) // behind the plan's last id
		}
		_, _ = w.Write([]byte(body))
	})
	c, _ := clientOf(t, to, time.Minute)
	r := &runner{plan: planOf(t, file(t, "a.csv", "10 A 1 1 c", "20 A 1 1 c")), client: c}
	n := 0
	if err := r.pages(t.Context(), "", func(listed) { n++ }); err != nil {
		t.Fatal(err)
	}
	if n != 2*pageSize || strings.Join(after, ",") != "1,15" {
		t.Errorf("got %d orders, asking behind %v; want two pages, behind 1 and 15", n, after)
	}
}
