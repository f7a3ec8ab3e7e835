package audit_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	_ "modernc.org/sqlite" // to damage the files of a stopped platform

	"github.com/murmuration-dev/murmuration/cmd/murmur/audit"
	"github.com/murmuration-dev/murmuration/cmd/murmur/embedded"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds everything a test waits for, for machines that are busy.
const patience = 30 * time.Second

// platform is an embedded platform on a folder.
type platform struct {
	embedded.Addresses
	t    *testing.T
	stop func()
}

// start runs a platform until stop, or the end of the test.
func start(t *testing.T, dir string) *platform {
	t.Helper()
	p, err := embedded.Open(embedded.Config{Data: dir, Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- p.Run(ctx, func() { close(ready) }) }()
	stopped := false
	stop := func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("platform: %v", err)
		}
		http.DefaultClient.CloseIdleConnections()
	}
	t.Cleanup(stop)
	select {
	case <-ready:
	case err := <-ended:
		stopped = true
		t.Fatalf("platform ended: %v", err)
	case <-time.After(patience):
		t.Fatal("the platform does not start")
	}
	return &platform{Addresses: p.Addresses, t: t, stop: stop}
}

// post sends JSON, or a form when body is one, and wants success.
func (p *platform) post(address string, body any) []byte {
	p.t.Helper()
	content, reader := "application/json", io.Reader(nil)
	if form, ok := body.(url.Values); ok {
		content, reader = "application/x-www-form-urlencoded", strings.NewReader(form.Encode())
	} else {
		raw, err := json.Marshal(body)
		if err != nil {
			p.t.Fatal(err)
		}
		reader = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(p.t.Context(), http.MethodPost, address, reader)
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Content-Type", content)
	req.Header.Set("Authorization", "Bearer sk_test_embedded")
	return p.do(req)
}

func (p *platform) do(req *http.Request) []byte {
	p.t.Helper()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode/100 != 2 {
		p.t.Fatalf("%s %s: %s: %s %v", req.Method, req.URL, res.Status, raw, err)
	}
	return raw
}

// place places an order of one line.
func (p *platform) place(id, card, sku string, quantity int) {
	p.t.Helper()
	p.post(p.Order.API+"/orders", map[string]any{
		"order_id": id, "currency": "GBP", "payment_method": card,
		"lines": []map[string]any{{"sku": sku, "quantity": quantity, "amount": 500 * quantity}},
	})
}

// settled waits until the order has an end, and returns its status.
func (p *platform) settled(id string) string {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, p.Order.API+"/orders/"+id+"?wait=20s", nil)
	if err != nil {
		p.t.Fatal(err)
	}
	var view struct {
		Status  string `json:"status"`
		Settled bool   `json:"settled"`
	}
	if err := json.Unmarshal(p.do(req), &view); err != nil {
		p.t.Fatal(err)
	}
	if !view.Settled {
		p.t.Fatalf("order %s is %s and not settled", id, view.Status)
	}
	return view.Status
}

// charge makes a payment at the gateway behind the platform's back, by the given
// steps after its creation, and returns its id.
func (p *platform) charge(order string, steps ...string) {
	p.t.Helper()
	var made struct {
		ID string `json:"id"`
	}
	raw := p.post(p.Gateway+"/v1/payment_intents", url.Values{
		"amount": {"1000"}, "currency": {"gbp"}, "capture_method": {"manual"}, "payment_method": {"pm_card_visa"},
		"payment_method_types[]": {"card"}, "metadata[order_id]": {order},
	})
	if err := json.Unmarshal(raw, &made); err != nil {
		p.t.Fatal(err)
	}
	for _, step := range steps {
		p.post(p.Gateway+"/v1/payment_intents/"+made.ID+"/"+step, url.Values{})
	}
}

// kafka connects a client that is closed with the test.
func (p *platform) kafka(opts ...kgo.Opt) *kgo.Client {
	p.t.Helper()
	client, err := kgo.NewClient(append(opts, kgo.SeedBrokers(p.Kafka))...)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(client.Close)
	return client
}

// record finds a record by its key and version.
func (p *platform) record(topic, key, version string) *kgo.Record {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	client := p.kafka(kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	for {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			p.t.Fatalf("find version %s of %s in %s: %v", version, key, topic, err)
		}
		var found *kgo.Record
		fetches.EachRecord(func(r *kgo.Record) {
			for _, h := range r.Headers {
				if string(r.Key) == key && h.Key == "version" && string(h.Value) == version {
					found = r
				}
			}
		})
		if found != nil {
			client.Close()
			return found
		}
	}
}

// produce writes a record to the partition that it names.
func (p *platform) produce(r *kgo.Record) {
	p.t.Helper()
	client := p.kafka(kgo.RecordPartitioner(kgo.ManualPartitioner()))
	copied := &kgo.Record{Topic: r.Topic, Partition: r.Partition, Key: r.Key, Value: r.Value, Headers: r.Headers}
	if err := client.ProduceSync(p.t.Context(), copied).FirstErr(); err != nil {
		p.t.Fatal(err)
	}
	client.Close()
}

// idle puts one order through, so that all inboxes have read their positions, and
// waits until they have written them.
func (p *platform) idle() {
	p.t.Helper()
	p.place("last", "pm_card_visa", "mug", 1)
	p.settled("last")
	if r := p.audit(patience); r.Verdict != audit.Consistent {
		p.t.Fatalf("verdict is %s, failed are %v", r.Verdict, failed(r))
	}
}

// audit waits for quiescence as long as it may, collects and checks.
func (p *platform) audit(wait time.Duration) audit.Report {
	p.t.Helper()
	s, err := audit.Collect(p.t.Context(), p.Addresses, audit.Options{Wait: wait})
	if err != nil {
		p.t.Fatal(err)
	}
	return audit.Check(s)
}

// change runs SQL on a file of a platform and wants it to change something. It
// waits its turn, since the service may be writing.
func change(t *testing.T, dir, file string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, file)+"?_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1) // pragmas belong to a connection
	for _, s := range statements {
		res, err := db.ExecContext(t.Context(), s)
		if err != nil {
			t.Fatalf("%s: %s: %v", file, s, err)
		}
		if n, _ := res.RowsAffected(); n == 0 && !strings.HasPrefix(s, "PRAGMA") {
			t.Fatalf("%s: %s: changed nothing", file, s)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// copyOf copies a stopped platform.
func copyOf(t *testing.T, dir string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "platform")
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(fmt.Errorf("copy %s: %w", dir, err))
	}
	return to
}
