package httpserver_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/murmuration-dev/murmuration/pkg/httpserver"
	"github.com/murmuration-dev/murmuration/pkg/telemetry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must happen at once.
const patience = 10 * time.Second

// orderBody and orderAnswer are the API of these tests.
type orderBody struct {
	SKU      string `json:"sku" minLength:"1"`
	Quantity int    `json:"quantity" minimum:"1" maximum:"1000000"`
}

type placeOrder struct {
	ID   string `path:"id"`
	Body orderBody
}

type orderAnswer struct {
	Body struct {
		ID          string `json:"id"`
		Quantity    int    `json:"quantity"`
		Correlation string `json:"correlation"`
		Traceparent string `json:"traceparent"`
	}
}

type orderID struct {
	ID string `path:"id"`
}

// harness is a running server with one operation whose handler a test may
// replace.
type harness struct {
	*httpserver.Server
	logs    *observer.ObservedLogs
	metrics *telemetry.Metrics
	client  *http.Client
	get     func(ctx context.Context, in *orderID) (*orderAnswer, error)
	stop    context.CancelFunc
	stopped chan error
}

func start(t *testing.T, cfg httpserver.Config, with func(*harness)) *harness {
	t.Helper()
	core, logs := observer.New(zapcore.DebugLevel)
	h := &harness{logs: logs, metrics: telemetry.NewMetrics(), client: &http.Client{Transport: &http.Transport{}}, stopped: make(chan error, 1)}
	cfg.Title, cfg.Version, cfg.Addr = "Orders", "1.0.0", "127.0.0.1:0"
	server, err := httpserver.New(cfg, httpserver.Deps{Logger: zap.New(core), Metrics: h.metrics})
	if err != nil {
		t.Fatal(err)
	}
	h.Server = server
	h.register()
	if with != nil {
		with(h)
	}
	ctx, cancel := context.WithCancel(t.Context())
	h.stop = cancel
	done := make(chan struct{})
	go func() { defer close(done); h.stopped <- server.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		h.client.CloseIdleConnections()
		<-done
	})
	return h
}

func (h *harness) register() {
	huma.Register(h.API(), huma.Operation{
		OperationID: "place-order", Method: http.MethodPut, Path: "/orders/{id}",
	}, func(ctx context.Context, in *placeOrder) (*orderAnswer, error) {
		var out orderAnswer
		out.Body.ID, out.Body.Quantity = in.ID, in.Body.Quantity
		out.Body.Correlation, out.Body.Traceparent = telemetry.Correlation(ctx), telemetry.Inject(ctx)
		return &out, nil
	})
	huma.Register(h.API(), huma.Operation{
		OperationID: "get-order", Method: http.MethodGet, Path: "/orders/{id}",
	}, func(ctx context.Context, in *orderID) (*orderAnswer, error) { return h.get(ctx, in) })
}

// answer is a response that was read to its end.
type answer struct {
	status int
	header http.Header
	body   string
}

func (h *harness) do(t *testing.T, method, path, body string, header ...string) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, h.URL()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	return h.send(t, request)
}

func (h *harness) send(t *testing.T, request *http.Request) answer {
	t.Helper()
	response, err := h.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{status: response.StatusCode, header: response.Header, body: string(body)}
}

// mustBe checks that an answer is a complete problem of that kind.
func (a answer) mustBe(t *testing.T, status int, kind string) huma.ErrorModel {
	t.Helper()
	if a.status != status {
		t.Errorf("status %d, want %d: %s", a.status, status, a.body)
	}
	if got := a.header.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("content type %q", got)
	}
	if a.header.Get(httpserver.CorrelationHeader) == "" {
		t.Error("no correlation id")
	}
	var problem huma.ErrorModel
	if err := json.Unmarshal([]byte(a.body), &problem); err != nil {
		t.Fatalf("%v in %q", err, a.body)
	}
	if problem.Type != httpserver.ProblemType(kind) || problem.Status != status || problem.Title == "" {
		t.Errorf("problem %+v, want kind %s", problem, kind)
	}
	return problem
}

func TestServer_AnswersAValidRequest(t *testing.T) {
	h := start(t, httpserver.Config{}, nil)
	got := h.do(t, "PUT", "/orders/42", `{"sku":"85123A","quantity":6}`, "Content-Type", "application/json")
	if got.status != http.StatusOK || got.header.Get("Content-Type") != "application/json" {
		t.Fatalf("got %d %v", got.status, got.header)
	}
	if !strings.HasPrefix(got.body, `{"id":"42","quantity":6,`) || strings.Contains(got.body, "$schema") {
		t.Errorf("got %s", got.body)
	}
}

func TestServer_RefusesWhatIsWrongWithAProblem(t *testing.T) {
	const limit = 1 << 10
	h := start(t, httpserver.Config{MaxBodyBytes: limit}, nil)
	large := `{"sku":"` + strings.Repeat("x", limit) + `","quantity":1}`
	for _, c := range []struct {
		name, method, path, body, contentType string
		status                                int
		kind                                  string
	}{
		{"malformed JSON", "PUT", "/orders/42", `{"sku":`, "application/json", 400, httpserver.KindMalformed},
		{"trailing data", "PUT", "/orders/42", `{"sku":"A","quantity":1} {}`, "application/json", 400, httpserver.KindMalformed},
		{"no body", "PUT", "/orders/42", "", "application/json", 400, httpserver.KindMalformed},
		{"unknown field", "PUT", "/orders/42", `{"sku":"A","quantity":1,"colour":"red"}`, "application/json", 422, httpserver.KindInvalid},
		{"missing field", "PUT", "/orders/42", `{"sku":"A"}`, "application/json", 422, httpserver.KindInvalid},
		{"wrong type", "PUT", "/orders/42", `{"sku":"A","quantity":"6"}`, "application/json", 422, httpserver.KindInvalid},
		{"out of range", "PUT", "/orders/42", `{"sku":"A","quantity":0}`, "application/json", 422, httpserver.KindInvalid},
		{"wrong content type", "PUT", "/orders/42", `sku=A`, "text/plain", 415, httpserver.KindMediaType},
		{"too large", "PUT", "/orders/42", large, "application/json", 413, httpserver.KindTooLarge},
		{"unknown path", "GET", "/nowhere", "", "", 404, httpserver.KindNotFound},
		{"unknown method", "DELETE", "/orders/42", "", "", 405, httpserver.KindMethod},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := h.do(t, c.method, c.path, c.body, "Content-Type", c.contentType)
			got.mustBe(t, c.status, c.kind)
			if strings.Contains(got.body, "xxx") {
				t.Error("the answer repeats the request")
			}
		})
	}
	if h.logs.Len() != 0 {
		t.Errorf("a client's mistakes were logged: %v", h.logs.All())
	}
}

func TestServer_NamesWhatIsAllowedInstead(t *testing.T) {
	h := start(t, httpserver.Config{}, nil)
	if got := h.do(t, "POST", "/orders/42", "").header.Get("Allow"); got != "GET, PUT" {
		t.Errorf("Allow is %q", got)
	}
}

func TestServer_TakesABodyOfExactlyTheLimit(t *testing.T) {
	body := `{"sku":"85123A","quantity":6}`
	h := start(t, httpserver.Config{MaxBodyBytes: int64(len(body))}, nil)
	if got := h.do(t, "PUT", "/orders/42", body); got.status != http.StatusOK {
		t.Errorf("declared: got %d %s", got.status, got.body)
	}
	for _, c := range []struct {
		body string
		want int
	}{{body, 200}, {body + " ", 413}} {
		request, err := http.NewRequestWithContext(t.Context(), "PUT", h.URL()+"/orders/42", io.MultiReader(strings.NewReader(c.body)))
		if err != nil {
			t.Fatal(err)
		}
		if got := h.send(t, request); got.status != c.want {
			t.Errorf("%d bytes without a declared length: got %d, want %d", len(c.body), got.status, c.want)
		}
	}
}

func TestServer_HidesInternalErrorsAndLogsThem(t *testing.T) {
	h := start(t, httpserver.Config{}, func(h *harness) {
		h.get = func(context.Context, *orderID) (*orderAnswer, error) {
			return nil, errors.New("password authentication failed for user murmur")
		}
	})
	got := h.do(t, "GET", "/orders/42", "", httpserver.CorrelationHeader, "c-1")
	problem := got.mustBe(t, 500, httpserver.KindInternal)
	if strings.Contains(got.body, "password") || len(problem.Errors) != 0 {
		t.Errorf("the client learns %s", got.body)
	}
	lines := h.logs.FilterMessage("request failed").All()
	if len(lines) != 1 || lines[0].ContextMap()["correlation_id"] != "c-1" ||
		lines[0].ContextMap()["error"] != "password authentication failed for user murmur" {
		t.Errorf("logged %v", lines)
	}
}

func TestServer_SurvivesAPanic(t *testing.T) {
	h := start(t, httpserver.Config{}, func(h *harness) {
		h.get = func(_ context.Context, in *orderID) (*orderAnswer, error) {
			if in.ID == "bad" {
				panic("index out of range")
			}
			return &orderAnswer{}, nil
		}
	})
	h.do(t, "GET", "/orders/bad", "").mustBe(t, 500, httpserver.KindInternal)
	lines := h.logs.FilterMessage("request panicked").All()
	if len(lines) != 1 || !strings.Contains(lines[0].ContextMap()["stack"].(string), "server_test.go") {
		t.Errorf("logged %v, want the stack of the handler", lines)
	}
	if got := h.do(t, "GET", "/orders/good", ""); got.status != 200 {
		t.Errorf("the next request got %d", got.status)
	}
}

func TestServer_AnswersAServicesOwnProblem(t *testing.T) {
	h := start(t, httpserver.Config{}, func(h *harness) {
		h.get = func(context.Context, *orderID) (*orderAnswer, error) {
			problem := httpserver.Problem(http.StatusConflict, "out-of-stock", "Only 3 are left.",
				&huma.ErrorDetail{Location: "body.quantity", Message: "at most 3"})
			return nil, httpserver.RetryAfter(problem, 1500*time.Millisecond)
		}
	})
	got := h.do(t, "GET", "/orders/42", "")
	problem := got.mustBe(t, 409, "out-of-stock")
	if problem.Title != "Out of stock" || problem.Detail != "Only 3 are left." || problem.Errors[0].Location != "body.quantity" {
		t.Errorf("got %s", got.body)
	}
	if got.header.Get("Retry-After") != "2" {
		t.Errorf("Retry-After is %q", got.header.Get("Retry-After"))
	}
}

func TestIsProblem_SeesThroughWrapping(t *testing.T) {
	err := httpserver.RetryAfter(httpserver.Problem(409, "out-of-stock", ""), time.Second)
	if !httpserver.IsProblem(err, "out-of-stock") || httpserver.IsProblem(err, "conflict") || httpserver.IsProblem(io.EOF, "conflict") {
		t.Error("a problem is not recognized by its kind alone")
	}
}

func TestServer_HandsCorrelationAndTraceOn(t *testing.T) {
	h := start(t, httpserver.Config{}, nil)
	const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	got := h.do(t, "PUT", "/orders/42", `{"sku":"A","quantity":1}`, "X-Correlation-ID", "basket-7", "traceparent", parent)
	if got.header.Get("X-Correlation-ID") != "basket-7" || !strings.Contains(got.body, `"correlation":"basket-7"`) {
		t.Errorf("correlation: header %q, body %s", got.header.Get("X-Correlation-ID"), got.body)
	}
	if !strings.Contains(got.body, "4bf92f3577b34da6a3ce929d0e0e4736") {
		t.Errorf("the trace was not continued: %s", got.body)
	}
}

func TestServer_MakesACorrelationIDForOneItCannotTake(t *testing.T) {
	h := start(t, httpserver.Config{}, nil)
	for _, given := range []string{"", "two words", strings.Repeat("x", 129)} {
		got := h.do(t, "PUT", "/orders/42", `{"sku":"A","quantity":1}`, "X-Correlation-ID", given).header.Get("X-Correlation-ID")
		if got == given || len(got) < 16 {
			t.Errorf("%q became %q", given, got)
		}
	}
}

func TestServer_DescribesItsOperations(t *testing.T) {
	got := start(t, httpserver.Config{}, nil).do(t, "GET", "/openapi.json", "")
	var document struct {
		OpenAPI string                               `json:"openapi"`
		Info    map[string]any                       `json:"info"`
		Paths   map[string]map[string]map[string]any `json:"paths"`
	}
	if err := json.Unmarshal([]byte(got.body), &document); err != nil {
		t.Fatal(err)
	}
	if document.OpenAPI != "3.1.0" || document.Info["title"] != "Orders" || document.Paths["/orders/{id}"]["put"]["operationId"] != "place-order" {
		t.Errorf("got %s", got.body)
	}
	if len(document.Paths) != 1 {
		t.Errorf("%d paths, want the API's alone", len(document.Paths))
	}
}

func TestNew_ReportsAllWrongSettings(t *testing.T) {
	_, err := httpserver.New(httpserver.Config{MaxBodyBytes: -1, MaxInFlight: -1, DrainTimeout: -time.Second}, httpserver.Deps{})
	want := "http: title and version are required\nhttp: an address or a listener is required\n" +
		"http: max body bytes -1: want a positive number\nhttp: max in flight -1: want a positive number\n" +
		"http: drain timeout -1s: want a positive duration"
	if err == nil || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
}
