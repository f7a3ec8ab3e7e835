package cli

import (
	"encoding/json"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/murmuration-dev/murmuration/cmd/murmur/embedded"
	"github.com/murmuration-dev/murmuration/cmd/murmur/topics"
	"github.com/murmuration-dev/murmuration/pkg/run"
)

// hasAll tells whether a row has all parts.
func hasAll(row string, parts []string) bool {
	return !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(row, part) })
}

// follows fails unless rows are the expected ones. Those of one group happen at
// once in two services and may stand in either order.
func follows(t *testing.T, rows []string, groups ...[][]string) {
	t.Helper()
	at := 0
	for _, group := range groups {
		if at+len(group) > len(rows) {
			t.Fatalf("ends before %q:\n%s", group, strings.Join(rows, "\n"))
		}
		for _, want := range group {
			if !slices.ContainsFunc(rows[at:at+len(group)], func(row string) bool { return hasAll(row, want) }) {
				t.Errorf("row %d is not %q in\n%s", at, want, strings.Join(rows, "\n"))
			}
		}
		at += len(group)
	}
	if at != len(rows) {
		t.Errorf("goes on after %d rows:\n%s", at, strings.Join(rows, "\n"))
	}
}

func TestOrder_TellsWhatHappenedInWhichOrder(t *testing.T) {
	shared.stock(t, "TEAPOT", 10)
	shared.place(t, "told-1", "TEAPOT", "pm_card_visa")
	post(t, shared.Order.API+"/orders/told-1/returns", `{"return_id": "r1", "lines": [{"line": 1, "quantity": 1}]}`)
	shared.settle(t, "told-1")

	follows(t, strings.Split(strings.TrimSpace(succeed(t, "order", "told-1", "--data", shared.data)), "\n"),
		[][]string{{"order told-1: COMPLETED, 15.34 GBP, payment CAPTURED, reservation COMMITTED"}},
		[][]string{{"TIME (UTC)", "SINCE", "SERVICE", "EVENT", "STATUS", "VERSION", "RECORD", "WHAT"}},
		[][]string{{"order", "Placed", "PLACED", "v1", "orders/", "3 × TEAPOT, 1 × POST = 15.34 GBP; pays with pm_card_visa"}},
		[][]string{{"payment", "Authorized", "AUTHORIZED", "payments/", "15.34 GBP held"}, {"inventory", "Reserved", "RESERVED", "v1", "reservations/", "3 × TEAPOT held"}},
		[][]string{{"order", "Confirmed", "CONFIRMED", "v2"}},
		[][]string{{"payment", "Captured", "CAPTURED", "15.34 GBP captured"}, {"inventory", "Committed", "COMMITTED", "v2", "3 × TEAPOT left the shelf"}},
		[][]string{{"order", "Completed", "COMPLETED", "v3"}},
		[][]string{{"order", "Returned", "COMPLETED", "v4", "1 × TEAPOT came back; refund due 4.11 GBP"}},
		[][]string{{"payment", "Refunded", "CAPTURED", "4.11 GBP refunded; 4.11 GBP of 15.34 GBP in all"}, {"inventory", "Restocked", "COMMITTED", "1 × TEAPOT put back"}},
	)
}

func TestOrder_TellsARefusalAndTheStockMoved(t *testing.T) {
	shared.stock(t, "JUG", 10)
	shared.place(t, "told-2", "JUG", "pm_sim_captureRefused")
	out := succeed(t, "order", "told-2", "--stock", "--data", shared.data)
	contains(t, out, "order told-2: CANCELLED, 15.34 GBP, payment VOIDED, reservation RESTOCKED", "CAPTURE_REFUSED",
		"StockHeld", "JUG: reserved 0 → 3, available 10 → 7", "StockTaken", "JUG: on hand 10 → 7, reserved 3 → 0", "StockPutBack", "JUG: on hand 7 → 10, available 7 → 10")
	if plain := succeed(t, "order", "told-2", "--data", shared.data); strings.Contains(plain, "StockHeld") {
		t.Errorf("shows stock unasked:\n%s", plain)
	}
}

func TestOrder_IsJSONForPrograms(t *testing.T) {
	shared.stock(t, "CUP", 1)
	shared.place(t, "told-3", "CUP", "pm_card_visa") // 3 of 1: out of stock
	var story topics.Story
	if err := json.Unmarshal([]byte(succeed(t, "order", "told-3", "--data", shared.data, "-o", "json")), &story); err != nil {
		t.Fatal(err)
	}
	if story.OrderID != "told-3" || story.Order == nil || story.Order.Status != "CANCELLED" || story.Reservation == nil || len(story.Reservation.Shortages) != 1 || len(story.Gaps) != 0 {
		t.Errorf("is %+v", story)
	}
	seen := map[string]bool{}
	for _, s := range story.Steps {
		if cause := s.Causation; strings.HasPrefix(cause, "order/") && !seen[cause] {
			t.Errorf("%s stands before its cause %s", s.EventID, cause)
		}
		if s.Service == "" || s.Event == "" || s.Schema == "" || s.Record == nil || s.SincePlaced < 0 {
			t.Errorf("step is %+v", s)
		}
		seen[s.EventID] = true
	}
}

func TestOrder_UnknownIsAFailure(t *testing.T) {
	_, errs, code := murmur(t, "order", "nobody-placed-me", "--data", shared.data)
	if code != run.ExitFailure {
		t.Errorf("exit code %d", code)
	}
	contains(t, errs, "order nobody-placed-me: no topic has a record of this order")
}

func TestOrder_NeedsNoServiceAndNoRegistry(t *testing.T) {
	dir := t.TempDir()
	w, err := startWorld(dir)
	if err != nil {
		t.Fatal(err)
	}
	w.stock(t, "BOWL", 10)
	w.place(t, "alone-1", "BOWL", "pm_card_visa")
	if err := w.stop(); err != nil {
		t.Fatal(err)
	}
	_, errs, code := murmur(t, "order", "alone-1", "--data", dir)
	if code != run.ExitTempFail {
		t.Errorf("exit code %d without a broker", code)
	}
	contains(t, errs, "no broker answers at "+w.Kafka)

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	broker, err := embedded.StartBroker(listener, filepath.Join(dir, "broker"))
	if err != nil {
		t.Fatal(err)
	}
	defer broker.Close()
	out, errs, code := murmur(t, "order", "alone-1", "--data", dir, "--kafka", broker.Address())
	if code != run.ExitOK {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	contains(t, out, "order alone-1: COMPLETED, 15.34 GBP", "Placed", "Authorized", "Reserved", "Confirmed", "Captured", "Committed", "Completed")
	if n := strings.Count(errs, "going on with the schemas built into this program"); n != 1 {
		t.Errorf("says %d times that there is no registry: %s", n, errs)
	}
	if out := succeed(t, "order", "alone-1", "--kafka", broker.Address(), "-o", "json"); !strings.Contains(out, `"schema": "built-in version 1"`) {
		t.Errorf("does not say what it was decoded with:\n%s", out)
	}
}

func TestUnreachableBroker_IsToldSoon(t *testing.T) {
	// It accepts and never answers, which is worse than nobody there.
	deaf, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = deaf.Close() }) // the subtests outlast this function
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = gone.Close() // its port is free now
	for name, address := range map[string]string{"nobody": gone.Addr().String(), "deaf": deaf.Addr().String()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, command := range [][]string{{"order", "o"}, {"tail", "orders"}, {"topics"}} {
				t.Run(command[0], func(t *testing.T) {
					t.Parallel()
					begin := time.Now()
					_, errs, code := murmur(t, append(command, "--kafka", address)...)
					if code != run.ExitTempFail {
						t.Errorf("exit code %d", code)
					}
					contains(t, errs, "no broker answers at "+address)
					if took := time.Since(begin); took > brokerPatience+2*time.Second {
						t.Errorf("took %v", took)
					}
				})
			}
		})
	}
}
