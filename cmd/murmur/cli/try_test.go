package cli

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/murmuration-dev/murmuration/cmd/murmur/embedded"
	"github.com/murmuration-dev/murmuration/pkg/run"
)

func TestTry_SeesItsOrderCompletedEachTime(t *testing.T) {
	seen := map[string]bool{}
	for range 2 {
		out := succeed(t, "try", "--data", shared.data)
		id, _, _ := strings.Cut(strings.TrimPrefix(out, "order "), ":")
		if !strings.HasPrefix(id, "try-") || seen[id] {
			t.Errorf("order %q", id)
		}
		seen[id] = true
		contains(t, out, ": COMPLETED, 1.00 GBP, payment CAPTURED, reservation COMMITTED", "1 × MURMUR-TRY")
	}
}

// stub answers like services: first that it is not ready, then that an order has a
// status, and is settled or not; asked is told of each question about the order.
func stub(t *testing.T, status string, settled bool, asked func()) string {
	t.Helper()
	var requests atomic.Int64
	services := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if requests.Add(1) == 1 {
			http.Error(w, "starting", http.StatusServiceUnavailable)
			return
		}
		if r.Method == http.MethodGet {
			fmt.Fprintf(w, `{"status": %q, "settled": %v}`, status, settled)
			asked()
		}
	}))
	t.Cleanup(services.Close)
	return services.URL
}

func TestTry_FailsForAnOrderThatEndsOtherwise(t *testing.T) {
	services := stub(t, "CANCELLED", true, func() {})
	_, errs, code := murmur(t, "try", "--order", services, "--inventory", services, "--data", shared.data)
	if code != run.ExitFailure || !strings.Contains(errs, "ended as CANCELLED, not COMPLETED") {
		t.Errorf("exit code %d: %s", code, errs)
	}
}

func TestTry_SaysWhereAnOrderStandsThatTakesTooLong(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var asked atomic.Int64
	services := stub(t, "CONFIRMED", false, func() {
		if asked.Add(1) == 2 { // the answer to the first has arrived
			stop()
		}
	})
	w := newWeb()
	defer w.close()
	at := embedded.Service{API: services}
	if _, err := w.try(ctx, embedded.Addresses{Order: at, Inventory: at}, "late"); err == nil || err.Error() != "it is CONFIRMED" {
		t.Errorf("got %v", err)
	}
}

func TestTry_SaysWhatDoesNotAnswer(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	_, errs, code := murmur(t, "try", "--wait", "1s", "--data", shared.data, "--inventory", gone.URL)
	if code != run.ExitTempFail || !strings.Contains(errs, "connection refused") {
		t.Errorf("exit code %d: %s", code, errs)
	}
}

func TestTry_DoesNotRepeatWhatIsRefused(t *testing.T) {
	refuses := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "no such thing", http.StatusUnprocessableEntity)
	}))
	t.Cleanup(refuses.Close)
	_, errs, code := murmur(t, "try", "--data", shared.data, "--inventory", refuses.URL)
	if code != run.ExitFailure || !strings.Contains(errs, "no such thing") {
		t.Errorf("exit code %d: %s", code, errs)
	}
	if _, _, code := murmur(t, "try", "--wait", "0s", "--data", shared.data); code != run.ExitUsage {
		t.Errorf("exit code %d for a wait of nothing", code)
	}
}
