package httpapi_test

import (
	"encoding/json"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/sr/srfake"

	"github.com/murmuration-dev/murmuration/pkg/aggregate"
	"github.com/murmuration-dev/murmuration/pkg/avro"
	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/eventstore/sqlite"
	"github.com/murmuration-dev/murmuration/pkg/httpserver"
	"github.com/murmuration-dev/murmuration/services/order"
	"github.com/murmuration-dev/murmuration/services/order/internal/contract"
	"github.com/murmuration-dev/murmuration/services/order/internal/httpapi"
	"github.com/murmuration-dev/murmuration/services/order/internal/projection"
)

// fuzzedAPI is the API over a store of its own, with a completed order o-1.
func fuzzedAPI(f *testing.F) http.Handler {
	f.Helper()
	registry := httptest.NewServer(srfake.NewRegistry().Handler())
	f.Cleanup(registry.Close)
	client, err := avro.NewRegistry(avro.RegistryConfig{URL: registry.URL})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(client.Close)
	orders, _, err := contract.New(f.Context(), client)
	if err != nil {
		f.Fatal(err)
	}
	store, err := sqlite.Open(f.Context(), sqlite.Config{Path: filepath.Join(f.TempDir(), "order.db"), Migrations: []fs.FS{projection.Migrations()}})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() {
		if err := store.Close(); err != nil {
			f.Error(err)
		}
	})
	server, err := httpserver.New(httpserver.Config{Title: "orders", Version: "fuzz", Addr: "127.0.0.1:0"}, httpserver.Deps{})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = server.Close() })
	commands := aggregate.NewCommands(store)
	keep := func(s *aggregate.Session, root *httpapi.Root, meta eventstore.Meta, events ...order.Event) error {
		if err := root.Apply(meta, events...); err != nil {
			return err
		}
		if len(events) > 0 {
			s.Unit.Statements = append(s.Unit.Statements, projection.Statement(root.State))
		}
		return nil
	}
	httpapi.Register(server.API(), httpapi.Deps{
		Store: store, Commands: commands, Orders: orders, Append: keep, Deadline: time.Minute, Now: time.Now,
	})
	place := httptest.NewRequest(http.MethodPost, "/orders", strings.NewReader(`{"order_id":"o-1","currency":"GBP","payment_method":"pm_card_visa","lines":[{"sku":"A","quantity":3,"amount":100}]}`))
	place.Header.Set("Content-Type", "application/json")
	if answer := ask(server.Handler(), place); answer.Code != http.StatusCreated {
		f.Fatalf("%d %s", answer.Code, answer.Body)
	}
	complete(f, commands, orders, keep)
	return server.Handler()
}

// complete lets the order o-1 reach the state in which things are returned.
func complete(f *testing.F, commands *aggregate.Commands, orders *contract.Orders,
	keep func(*aggregate.Session, *httpapi.Root, eventstore.Meta, ...order.Event) error,
) {
	f.Helper()
	err := aggregate.Run(f.Context(), commands, orders, "o-1", func(s *aggregate.Session, root *httpapi.Root) error {
		for _, c := range []order.Command{order.Confirm{}, order.Complete{}} {
			events, err := order.Decide(root.State, c)
			if err != nil {
				return err
			}
			if err := keep(s, root, eventstore.Meta{}, events...); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		f.Fatal(err)
	}
}

func ask(handler http.Handler, request *http.Request) *httptest.ResponseRecorder {
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, request)
	return answer
}

// FuzzRequest: whatever a client sends, it gets JSON and never a server's error;
// and an order that was accepted is there.
func FuzzRequest(f *testing.F) {
	handler := fuzzedAPI(f)
	const place, cancel, giveBack, get, list, history = 0, 1, 2, 3, 4, 5
	f.Add(uint8(place), "", "", "", `{"order_id":"o-2","currency":"GBP","payment_method":"pm_card_visa","lines":[{"sku":"85123A","quantity":6,"amount":1530},{"sku":"POST","quantity":1,"amount":470,"kind":"SERVICE"}],"deadline_seconds":60}`)
	f.Add(uint8(place), "", "", "key-1", `{"currency":"EUR","lines":[{"sku":"A","quantity":1,"amount":0}]}`)
	f.Add(uint8(place), "", "", "", `{"currency":"GBP","lines":[{"sku":"A","quantity":1000000,"amount":9223372036854775807},{"sku":"B","quantity":1,"amount":9223372036854775807}]}`)
	f.Add(uint8(cancel), "o-2", "", "", `{"reason":"changed my mind"}`)
	f.Add(uint8(cancel), "o-1", "", "key-1", ``)
	f.Add(uint8(giveBack), "o-1", "", "", `{"return_id":"r-1","lines":[{"line":1,"quantity":1}],"reason":"broken"}`)
	f.Add(uint8(giveBack), "o-1", "", "", `{"return_id":"r-2","lines":[{"line":2147483648,"quantity":-1}]}`)
	f.Add(uint8(get), "o-1", "wait=0s", "", ``)
	f.Add(uint8(get), "o%2F1", "wait=1e9", "", ``)
	f.Add(uint8(list), "", "status=PLACED&after=o-1&limit=2", "", ``)
	f.Add(uint8(history), "o-1", "after=0&limit=10", "", ``)
	f.Fuzz(func(t *testing.T, which uint8, id, query, key, body string) {
		path := []string{"/orders", "/orders/%s/cancel", "/orders/%s/returns", "/orders/%s", "/orders", "/orders/%s/history"}[which%6]
		method := http.MethodPost
		if which%6 >= get {
			method = http.MethodGet
		}
		target := &url.URL{Path: strings.Replace(path, "%s", id, 1), RawQuery: query}
		if waits(target.Query().Get("wait")) {
			return // would take as long as it says
		}
		request := httptest.NewRequest(method, "/", strings.NewReader(body))
		request.URL = target
		request.Header.Set("Content-Type", "application/json")
		if key != "" {
			request.Header.Set("Idempotency-Key", key)
		}
		answer := ask(handler, request)
		text, _ := io.ReadAll(answer.Body)
		redirected := answer.Code/100 == 3 // a path that the router cleans
		if answer.Code >= 500 || len(text) > 0 && !redirected && !json.Valid(text) {
			t.Fatalf("%s %s %q: %d %s", method, target, body, answer.Code, text)
		}
		if answer.Code == http.StatusCreated && which%6 == place {
			look := httptest.NewRequest(http.MethodGet, "/", nil)
			look.URL = &url.URL{Path: answer.Header().Get("Location")}
			if found := ask(handler, look); found.Code != http.StatusOK {
				t.Fatalf("placed at %q and not there: %d %s", look.URL, found.Code, found.Body)
			}
		}
	})
}

func waits(text string) bool {
	d, err := time.ParseDuration(text)
	return err == nil && d > 0
}
