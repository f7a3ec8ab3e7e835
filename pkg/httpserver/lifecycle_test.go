package httpserver_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/murmuration-dev/murmuration/pkg/httpserver"
)

// gate is a handler that says when it was entered and answers when opened.
type gate struct{ entered, open chan struct{} }

func newGate() *gate { return &gate{entered: make(chan struct{}, 8), open: make(chan struct{})} }

func (g *gate) get(ctx context.Context, _ *orderID) (*orderAnswer, error) {
	g.entered <- struct{}{}
	select {
	case <-g.open:
		return &orderAnswer{}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// inBackground sends a GET and gives its status, or 0 for a broken connection.
func (h *harness) inBackground(t *testing.T) <-chan int {
	t.Helper()
	return h.sendInBackground(t, "/orders/42")
}

func (h *harness) sendInBackground(t *testing.T, path string) <-chan int {
	t.Helper()
	status := make(chan int, 1)
	request, err := http.NewRequestWithContext(t.Context(), "GET", h.URL()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		response, err := h.client.Do(request)
		if err != nil {
			status <- 0
			return
		}
		_ = response.Body.Close()
		status <- response.StatusCode
	}()
	return status
}

func TestRun_DrainFinishesARequestAtWork(t *testing.T) {
	g := newGate()
	h := start(t, httpserver.Config{}, func(h *harness) { h.get = g.get })
	status := h.inBackground(t)
	<-g.entered
	h.stop()

	// New connections are refused while the old request is still at work.
	eventually(t, "the listener is closed", func() bool {
		conn, err := net.Dial("tcp", h.Addr().String())
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	})
	if got := h.Readiness().Status; got != httpserver.StatusDraining {
		t.Errorf("readiness is %s while draining", got)
	}
	select {
	case err := <-h.stopped:
		t.Fatalf("Run returned %v with a request at work", err)
	default:
	}
	close(g.open)
	if got := <-status; got != http.StatusOK {
		t.Errorf("the request at work got %d", got)
	}
	if err := <-h.stopped; err != nil {
		t.Errorf("Run returned %v", err)
	}
}

func TestRun_CutsOffAfterTheDrainTimeout(t *testing.T) {
	g := newGate()
	h := start(t, httpserver.Config{DrainTimeout: 20 * time.Millisecond}, func(h *harness) { h.get = g.get })
	status := h.inBackground(t)
	<-g.entered
	h.stop()
	if err := <-h.stopped; !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Run returned %v, want the drain time-out", err)
	}
	if got := <-status; got == http.StatusOK {
		t.Error("the request was answered as if nothing had happened")
	}
}

func TestRun_TellsWaitingHandlersThatItDrains(t *testing.T) {
	entered := make(chan struct{})
	h := start(t, httpserver.Config{}, func(h *harness) {
		h.get = func(ctx context.Context, _ *orderID) (*orderAnswer, error) {
			close(entered)
			<-httpserver.Draining(ctx)
			return &orderAnswer{}, ctx.Err()
		}
	})
	status := h.inBackground(t)
	<-entered
	h.stop()
	if got := <-status; got != http.StatusOK {
		t.Errorf("the waiting request got %d", got)
	}
}

func TestServer_RefusesMoreThanItsSlots(t *testing.T) {
	g := newGate()
	h := start(t, httpserver.Config{MaxInFlight: 1}, func(h *harness) { h.get = g.get })
	status := h.inBackground(t)
	<-g.entered

	got := h.do(t, "GET", "/orders/43", "")
	got.mustBe(t, 503, httpserver.KindOverloaded)
	if got.header.Get("Retry-After") != "1" {
		t.Errorf("Retry-After is %q", got.header.Get("Retry-After"))
	}
	for _, path := range []string{"/livez", "/readyz", "/metrics", "/openapi.json"} {
		if got := h.do(t, "GET", path, ""); got.status != 200 {
			t.Errorf("%s needs a slot: %d", path, got.status)
		}
	}
	close(g.open)
	if got := <-status; got != 200 {
		t.Errorf("the request in the slot got %d", got)
	}
	eventually(t, "the slot is free again", func() bool { return h.do(t, "GET", "/orders/44", "").status == 200 })
}

func TestServer_BodyDeadlineDoesNotEndALongWait(t *testing.T) {
	const bodyTimeout = 50 * time.Millisecond
	h := start(t, httpserver.Config{BodyTimeout: bodyTimeout}, func(h *harness) {
		h.waitAfterBody(4 * bodyTimeout)
	})
	got := h.do(t, "POST", "/waits", `{"sku":"A","quantity":1}`)
	if got.status != 204 {
		t.Errorf("got %d %s", got.status, got.body)
	}
}

// waitAfterBody registers POST /waits, which reads its body and then waits.
func (h *harness) waitAfterBody(wait time.Duration) {
	huma.Register(h.API(), huma.Operation{
		OperationID: "wait", Method: http.MethodPost, Path: "/waits",
	}, func(ctx context.Context, _ *struct{ Body orderBody }) (*struct{}, error) {
		select {
		case <-time.After(wait):
			return nil, nil
		case <-ctx.Done():
			return nil, fmt.Errorf("wait: %w", ctx.Err())
		}
	})
}

func TestServer_GivesUpOnABodyThatDoesNotArrive(t *testing.T) {
	h := start(t, httpserver.Config{BodyTimeout: 50 * time.Millisecond}, nil)
	for _, c := range []struct {
		name, path, kind string
		status           int
	}{
		{"that an operation reads", "/orders/42", httpserver.KindSlowBody, 408},
		{"that nobody reads", "/nowhere", httpserver.KindNotFound, 404},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn, err := net.Dial("tcp", h.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			_ = conn.SetReadDeadline(time.Now().Add(patience))
			if _, err := io.WriteString(conn, "PUT "+c.path+" HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"); err != nil {
				t.Fatal(err)
			}
			reader := bufio.NewReader(conn)
			response, err := http.ReadResponse(reader, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = response.Body.Close() }()
			body, err := io.ReadAll(response.Body)
			if err != nil {
				t.Fatal(err)
			}
			answer{response.StatusCode, response.Header, string(body)}.mustBe(t, c.status, c.kind)
			if _, err := reader.ReadByte(); !errors.Is(err, io.EOF) {
				t.Errorf("the connection is not closed: %v", err)
			}
		})
	}
}

func TestReadyz_TellsRequiredFromDegraded(t *testing.T) {
	var store, broker atomic.Pointer[string]
	probe := func(failure *atomic.Pointer[string]) func(context.Context) error {
		return func(context.Context) error {
			if text := failure.Load(); text != nil {
				return errors.New(*text)
			}
			return nil
		}
	}
	h := start(t, httpserver.Config{}, func(h *harness) {
		h.AddCheck(httpserver.Check{Name: "store", Required: true, Probe: probe(&store)})
		h.AddCheck(httpserver.Check{Name: "broker", Probe: probe(&broker)})
	})
	away := "connection refused"
	for _, c := range []struct {
		name          string
		store, broker *string
		code          int
		status        string
	}{
		{"all is well", nil, nil, 200, httpserver.StatusReady},
		{"the broker is away", nil, &away, 200, httpserver.StatusDegraded},
		{"the store is away", &away, nil, 503, httpserver.StatusUnready},
	} {
		t.Run(c.name, func(t *testing.T) {
			store.Store(c.store)
			broker.Store(c.broker)
			got := h.do(t, "GET", "/readyz", "")
			var readiness httpserver.Readiness
			if err := json.Unmarshal([]byte(got.body), &readiness); err != nil {
				t.Fatal(err)
			}
			if got.status != c.code || readiness.Status != c.status || len(readiness.Checks) != 2 {
				t.Fatalf("got %d %s", got.status, got.body)
			}
			if result := readiness.Checks[1]; result.OK != (c.broker == nil) || !result.OK && result.Error != away {
				t.Errorf("the broker's result is %+v", result)
			}
		})
	}
}

func TestReadyz_SurvivesAProbeThatPanics(t *testing.T) {
	h := start(t, httpserver.Config{}, func(h *harness) {
		h.AddCheck(httpserver.Check{Name: "store", Required: true, Probe: func(context.Context) error { panic("nil pool") }})
	})
	if got := h.do(t, "GET", "/readyz", ""); got.status != 503 || !strings.Contains(got.body, "panic: nil pool") {
		t.Errorf("got %d %s", got.status, got.body)
	}
}

func TestMetrics_AreByRouteNotByPath(t *testing.T) {
	h := start(t, httpserver.Config{}, func(h *harness) {
		h.get = func(context.Context, *orderID) (*orderAnswer, error) { return &orderAnswer{}, nil }
	})
	for i := range 3 {
		h.do(t, "GET", fmt.Sprintf("/orders/%d", i), "")
	}
	h.do(t, "GET", "/nowhere", "")
	eventually(t, "all requests are counted", func() bool {
		got := h.do(t, "GET", "/metrics", "").body
		return strings.Contains(got, `http_requests_total{code="200",route="GET /orders/{id}"} 3`) &&
			strings.Contains(got, `http_requests_total{code="404",route="none"} 1`) &&
			strings.Contains(got, `http_request_duration_seconds_count{route="GET /orders/{id}"} 3`) &&
			strings.Contains(got, `http_requests_in_flight 0`)
	})
}

func TestMetrics_OfServersThatShareARegistryAreCountedTogether(t *testing.T) {
	h := start(t, httpserver.Config{}, nil)
	cfg := httpserver.Config{Title: "Operations", Version: "1.0.0", Addr: "127.0.0.1:0"}
	second, err := httpserver.New(cfg, httpserver.Deps{Metrics: h.metrics})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = second.Close() }()
	second.Handler().ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/nowhere", nil))
	h.do(t, "GET", "/nowhere", "")
	eventually(t, "both servers' requests are counted", func() bool {
		return strings.Contains(h.do(t, "GET", "/metrics", "").body, `http_requests_total{code="404",route="none"} 2`)
	})
}

func TestHandle_ServesBesideTheAPIWhileItRuns(t *testing.T) {
	h := start(t, httpserver.Config{}, nil)
	h.Handle("GET /inspect/{kind}", func(w http.ResponseWriter, r *http.Request) {
		for range 3 {
			_, _ = io.WriteString(w, r.PathValue("kind")+"\n")
			if err := http.NewResponseController(w).Flush(); err != nil {
				t.Errorf("a stream cannot be flushed: %v", err)
			}
		}
	})
	if got := h.do(t, "GET", "/inspect/order", ""); got.status != 200 || got.body != "order\norder\norder\n" {
		t.Errorf("got %d %q", got.status, got.body)
	}
	h.do(t, "POST", "/inspect/order", "").mustBe(t, 405, httpserver.KindMethod)
}

func TestClose_FreesTheAddressOfAServerThatIsNotRun(t *testing.T) {
	cfg := httpserver.Config{Title: "Orders", Version: "1.0.0", Addr: "127.0.0.1:0"}
	first, err := httpserver.New(cfg, httpserver.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	cfg.Addr = first.Addr().String()
	if _, err := httpserver.New(cfg, httpserver.Deps{}); err == nil {
		t.Fatal("two servers got one address")
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second, err := httpserver.New(cfg, httpserver.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
}

// pollInterval keeps a poll from taking the processor from what it waits for.
const pollInterval = time.Millisecond

// eventually polls: the server counts a request and frees its slot just after
// the client has its answer.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !is() {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", patience, what)
		}
		<-time.After(pollInterval)
	}
}
