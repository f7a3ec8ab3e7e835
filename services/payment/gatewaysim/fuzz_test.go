package gatewaysim

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// FuzzRequest: whatever a client of the gateway sends, it gets the gateway's JSON
// and never a server's error; and no more is refunded than was captured.
func FuzzRequest(f *testing.F) {
	server, err := New(Config{DataDir: f.TempDir()})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() {
		if err := server.Close(); err != nil {
			f.Error(err)
		}
	})
	handler := server.Handler()
	f.Add(true, "/v1/payment_intents", "key-1", "amount=1530&currency=gbp&capture_method=manual&payment_method=pm_card_visa&metadata[order]=536365")
	f.Add(true, "/v1/payment_intents", "", "amount=-1&currency=GBP&expand[]=latest_charge.refunds")
	f.Add(true, "/v1/payment_intents/pi_1/confirm", "", "payment_method=pm_card_chargeDeclined")
	f.Add(true, "/v1/payment_intents/pi_1/capture", "key-2", "amount_to_capture=99999999999999999999")
	f.Add(true, "/v1/payment_intents/pi_1/cancel", "", "cancellation_reason=%zz")
	f.Add(true, "/v1/refunds", "key-3", "payment_intent=pi_1&amount=1")
	f.Add(false, "/v1/payment_intents/pi_1", "", "expand[]=latest_charge")
	f.Add(false, "/v1/refunds", "", "payment_intent=pi_1&limit=100")
	f.Add(false, "/_sim/totals", "", "")
	f.Fuzz(func(t *testing.T, post bool, path, key, form string) {
		request := httptest.NewRequest(http.MethodGet, "/", nil)
		request.URL = &url.URL{Path: path, RawQuery: form}
		if post {
			request = httptest.NewRequest(http.MethodPost, "/", strings.NewReader(form))
			request.URL = &url.URL{Path: path}
			request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		request.Header.Set("Authorization", "Bearer sk_test_fuzz")
		request.Header.Set("Idempotency-Key", key)
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, request)
		ours := strings.HasPrefix(path, "/v1/") && answer.Code != http.StatusNotFound && answer.Code/100 != 3
		if answer.Code >= 500 || ours && answer.Code != http.StatusMethodNotAllowed && !json.Valid(answer.Body.Bytes()) {
			t.Fatalf("%s %s %q: %d %s", request.Method, request.URL, form, answer.Code, answer.Body)
		}
	})
}
