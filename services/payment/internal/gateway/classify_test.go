package gateway_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/murmuration-dev/murmuration/services/payment/internal/gateway"
)

type verdict int

const (
	isRefused verdict = iota
	isUnavailable
	isInvalid
)

func TestStripe_ClassifiesAnswers(t *testing.T) {
	card := func(code string) string {
		return `{"error":{"type":"card_error","code":"card_declined","decline_code":"` + code + `","message":"no"}}`
	}
	request := func(code, param string) string {
		return `{"error":{"type":"invalid_request_error","code":"` + code + `","param":"` + param + `","message":"no"}}`
	}
	const broken = `{"error":{"type":"api_error","message":"sorry"}}`
	cases := []struct {
		name   string
		status int
		body   string
		want   verdict
		code   string
	}{
		{"card declined", 402, card("do_not_honor"), isRefused, "do_not_honor"},
		{"card error without decline code", 402, `{"error":{"type":"card_error","code":"expired_card"}}`, isRefused, "expired_card"},
		{"card error sent as 400", 400, card("stolen_card"), isRefused, "stolen_card"},
		{"authorization expired", 400, request("charge_expired_for_capture", ""), isRefused, "charge_expired_for_capture"},
		{"capture unauthorized", 400, request("capture_unauthorized_payment", ""), isRefused, "capture_unauthorized_payment"},
		{"below the gateway's minimum", 400, request("amount_too_small", "amount"), isRefused, "amount_too_small"},
		{"no such card", 400, request("resource_missing", "payment_method"), isRefused, "resource_missing"},
		{"no such payment", 404, request("resource_missing", "intent"), isInvalid, "resource_missing"},
		{"wrong parameter", 400, request("parameter_unknown", "colour"), isInvalid, "parameter_unknown"},
		{"key reused otherwise", 400, `{"error":{"type":"idempotency_error","message":"no"}}`, isInvalid, ""},
		{"wrong API key", 401, request("", ""), isInvalid, ""},
		{"API key without permission", 403, request("", ""), isInvalid, ""},
		{"same key under way", 409, request("idempotency_key_in_use", ""), isUnavailable, ""},
		{"rate limit", 429, request("rate_limit", ""), isUnavailable, ""},
		{"lock timeout", 429, request("lock_timeout", ""), isUnavailable, ""},
		{"internal error", 500, broken, isUnavailable, ""},
		{"bad gateway", 502, broken, isUnavailable, ""},
		{"unavailable", 503, broken, isUnavailable, ""},
		{"gateway timeout", 504, broken, isUnavailable, ""},
		{"a decline with a server error's status", 500, card("do_not_honor"), isUnavailable, ""},
		{"a proxy's page", 502, `<html>bad gateway</html>`, isUnavailable, ""},
		{"a proxy's refusal", 403, `<html>forbidden</html>`, isUnavailable, ""},
		{"an empty answer", 400, ``, isUnavailable, ""},
		{"an unknown shape", 400, `{"message":"no"}`, isUnavailable, ""},
		{"success that cannot be read", 200, `<html>hello</html>`, isUnavailable, ""},
		{"success cut short", 200, `{"id":"pi_1","sta`, isUnavailable, ""},
		{"not decided yet", 200, `{"id":"pi_1","status":"processing"}`, isUnavailable, ""},
		{"success without effect", 200, `{"id":"pi_1","status":"requires_confirmation"}`, isUnavailable, ""},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(tc.status)
				_, _ = io.WriteString(w, tc.body)
			}))
			t.Cleanup(server.Close)
			c := newClient(t, gateway.StripeConfig{URL: server.URL, APIKey: "sk"})
			_, err := c.Confirm(t.Context(), "pi_1", "key")
			switch tc.want {
			case isRefused:
				wantRefused(t, err, tc.code)
			case isInvalid:
				wantInvalid(t, err, tc.status)
				var invalid *gateway.InvalidError
				if errors.As(err, &invalid) && invalid.Code != tc.code {
					t.Errorf("code %q, want %q", invalid.Code, tc.code)
				}
			default:
				wantUnavailable(t, err)
			}
		})
	}
}

func TestStripe_NobodyListening(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	url := server.URL
	server.Close()
	_, err := newClient(t, gateway.StripeConfig{URL: url, APIKey: "sk"}).Get(t.Context(), "pi_1")
	wantUnavailable(t, err)
}

func TestStripe_WrongKeyIsInvalid(t *testing.T) {
	f := start(t)
	c := newClient(t, gateway.StripeConfig{URL: f.sim.URL() + "/", APIKey: "sk_wrong"})
	_, err := c.Get(t.Context(), "pi_1")
	wantInvalid(t, err, 401)
}

func TestStripe_MissingPaymentIsInvalid(t *testing.T) {
	f := start(t)
	_, err := f.client(patient).Confirm(t.Context(), "pi_missing", "confirm")
	wantInvalid(t, err, 404)
}

func TestStripe_RefusesSenselessRequestsUnsent(t *testing.T) {
	c, ctx := newClient(t, gateway.StripeConfig{URL: "http://192.0.2.1", APIKey: "sk"}), t.Context()
	long := strings.Repeat("k", 256)
	create := func(key string, amount int64) error {
		_, err := c.Create(ctx, gateway.CreateRequest{IdempotencyKey: key, OrderID: "o", Amount: amount, Currency: "GBP"})
		return err
	}
	move := func(id, key string) error {
		_, err := c.Confirm(ctx, id, key)
		return err
	}
	refund := func(id string, amount int64, key string) error {
		_, err := c.Refund(ctx, id, amount, key)
		return err
	}
	_, getNothing := c.Get(ctx, "")
	for name, err := range map[string]error{
		"create nothing":         create("k", 0),
		"create less":            create("k", -1),
		"create without key":     create("", 1),
		"confirm without key":    move("pi_1", ""),
		"confirm with long key":  move("pi_1", long),
		"confirm padded key":     move("pi_1", " k"),
		"confirm without id":     move("", "k"),
		"refund nothing":         refund("pi_1", 0, "k"),
		"refund without id":      refund("", 1, "k"),
		"refund without key":     refund("pi_1", 1, ""),
		"get without id":         getNothing,
		"create with a long key": create(long, 1),
	} {
		t.Run(name, func(t *testing.T) { wantInvalid(t, err, 0) })
	}
}

func TestNewStripe_RefusesWrongConfiguration(t *testing.T) {
	for name, cfg := range map[string]gateway.StripeConfig{
		"no key":           {URL: "https://gateway.test"},
		"no scheme":        {URL: "gateway.test:443", APIKey: "sk"},
		"other scheme":     {URL: "ftp://gateway.test", APIKey: "sk"},
		"no host":          {URL: "https://", APIKey: "sk"},
		"negative timeout": {APIKey: "sk", Timeout: -1},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := gateway.NewStripe(cfg); err == nil {
				t.Error("accepted")
			}
		})
	}
}
