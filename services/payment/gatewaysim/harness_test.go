package gatewaysim

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

const patient = 20 * time.Second

func TestMain(m *testing.M) {
	if dir := os.Getenv(childEnv); dir != "" {
		os.Exit(serveUntilKilled(dir))
	}
	goleak.VerifyTestMain(m)
}

// sim is a gateway behind a test server, and a plain HTTP client.
type sim struct {
	t      testing.TB
	server *Server
	url    string
	client *http.Client
	clock  *clock
}

type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func start(t testing.TB, cfg Config) *sim {
	t.Helper()
	s := &sim{t: t, clock: &clock{now: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)}}
	if cfg.DataDir == "" {
		cfg.DataDir = t.TempDir()
	}
	if cfg.Now == nil {
		cfg.Now = s.clock.Now
	}
	server, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	listener := httptest.NewServer(server.Handler())
	s.server, s.url = server, listener.URL
	s.client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		s.client.CloseIdleConnections()
		listener.Close()
	})
	return s
}

// answer is a decoded answer; the fields are those that tests look at.
type answer struct {
	code     int
	replayed bool
	raw      string

	ID     string
	Status string
	Amount int64
	Error  *errorObject
	Data   []refundJSON
	More   bool `json:"has_more"`
}

// try makes one call; values alternate names and values.
func (s *sim) try(ctx context.Context, method, path, key string, values ...string) (answer, error) {
	form := url.Values{}
	for i := 0; i < len(values); i += 2 {
		form.Add(values[i], values[i+1])
	}
	req, err := http.NewRequestWithContext(ctx, method, s.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		return answer{}, err
	}
	if method == http.MethodPost {
		// The transport repeats a request whose connection was closed if it can read
		// the body again, and an empty body it always can.
		req.GetBody, req.Body = nil, io.NopCloser(strings.NewReader(form.Encode()))
	}
	req.Header.Set("Authorization", "Bearer sk_test_1")
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	res, err := s.client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return answer{}, err
	}
	a := answer{code: res.StatusCode, replayed: res.Header.Get("Idempotent-Replayed") == "true", raw: string(body)}
	err = json.Unmarshal(body, &a)
	return a, err
}

func (s *sim) post(path, key string, values ...string) answer {
	s.t.Helper()
	a, err := s.try(s.t.Context(), http.MethodPost, path, key, values...)
	if err != nil {
		s.t.Fatal(err)
	}
	return a
}

func (s *sim) get(path string) answer {
	s.t.Helper()
	a, err := s.try(s.t.Context(), http.MethodGet, path, "")
	if err != nil {
		s.t.Fatal(err)
	}
	return a
}

// intent is the form of a payment of 1000.
func intent(method string) []string {
	return []string{
		"amount", "1000", "currency", "gbp", "capture_method", "manual",
		"payment_method", method, "metadata[order_id]", "order-1",
	}
}

func (s *sim) create(method string) string {
	s.t.Helper()
	return s.want(s.post("/v1/payment_intents", "", intent(method)...), requiresConfirmation)
}

func (s *sim) captured() string {
	s.t.Helper()
	id := s.create("pm_card_visa")
	s.want(s.post("/v1/payment_intents/"+id+"/confirm", ""), requiresCapture)
	s.want(s.post("/v1/payment_intents/"+id+"/capture", ""), succeeded)
	return id
}

func (s *sim) want(a answer, want status) string {
	s.t.Helper()
	if a.code != http.StatusOK || a.Status != string(want) {
		s.t.Fatalf("want %s, got %d %s", want, a.code, a.raw)
	}
	return a.ID
}

func (s *sim) wantError(a answer, code int, kind, detail string) {
	s.t.Helper()
	if a.code != code || a.Error == nil || a.Error.Type != kind || a.Error.Code != detail {
		s.t.Fatalf("want %d %s %q, got %d %s", code, kind, detail, a.code, a.raw)
	}
}

func (s *sim) control() Control { return Control{URL: s.url, Client: s.client} }

func (s *sim) ledger() []Entry {
	s.t.Helper()
	var entries []Entry
	for e, err := range s.control().Ledger(s.t.Context()) {
		if err != nil {
			s.t.Fatal(err)
		}
		entries = append(entries, e)
	}
	return entries
}

// eventually polls for what other goroutines bring about in their own time.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(patient)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline:
			t.Fatalf("not within %v: %s", patient, what)
		case <-tick.C:
		}
	}
}
