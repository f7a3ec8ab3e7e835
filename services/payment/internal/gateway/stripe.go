package gateway

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/stripe/stripe-go/v85"
)

const (
	defaultTimeout = 10 * time.Second
	// idleConns is how many connections are kept for the next burst of intents,
	// so that it does not begin with as many handshakes.
	idleConns = 256
	// keyLimit is Stripe's bound on an idempotency key.
	keyLimit = 255
	// refundKey is the metadata of a refund that names the effect it is, for the
	// time after Stripe has forgotten the idempotency key.
	refundKey = "refund_key"
	// replayed is set by Stripe on the repeated answer to a repeated key.
	replayed = "Idempotent-Replayed"
)

// StripeConfig tells where Stripe is and who is calling.
type StripeConfig struct {
	// URL is the base URL of the API; empty means Stripe itself.
	URL string
	// APIKey is the secret key.
	APIKey string
	// Timeout bounds one call to the API; 10 seconds if zero. A method makes up
	// to three calls.
	Timeout time.Duration
}

// Stripe is a [Gateway] by way of Stripe's API. It never retries by itself: each
// attempt is the caller's, who has stored the intent.
type Stripe struct {
	client    *stripe.Client
	transport *http.Transport
	timeout   time.Duration
}

var _ Gateway = (*Stripe)(nil)

// NewStripe returns a client that has not connected yet. It fails only for a wrong
// configuration.
func NewStripe(cfg StripeConfig) (*Stripe, error) {
	if cfg.APIKey == "" {
		return nil, fmt.Errorf("stripe: the API key is empty")
	}
	if cfg.Timeout < 0 {
		return nil, fmt.Errorf("stripe: the timeout %v is negative", cfg.Timeout)
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = defaultTimeout
	}
	if cfg.URL == "" {
		cfg.URL = stripe.APIURL
	}
	base, err := url.Parse(cfg.URL)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return nil, fmt.Errorf("stripe: %q is not an http or https URL", cfg.URL)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConns = idleConns
	transport.MaxIdleConnsPerHost = idleConns
	backends := stripe.NewBackendsWithConfig(&stripe.BackendConfig{
		URL:               stripe.String(strings.TrimSuffix(cfg.URL, "/")),
		HTTPClient:        &http.Client{Transport: once{transport}},
		MaxNetworkRetries: stripe.Int64(0),
		EnableTelemetry:   stripe.Bool(false),
		LeveledLogger:     &stripe.LeveledLogger{Level: stripe.LevelNull},
	})
	return &Stripe{
		client:    stripe.NewClient(cfg.APIKey, stripe.WithBackends(backends)),
		transport: transport,
		timeout:   cfg.Timeout,
	}, nil
}

// Close drops the idle connections. Calls under way are not affected.
func (s *Stripe) Close() { s.transport.CloseIdleConnections() }

// once keeps the transport from silently sending a request again on a connection
// that broke: it would, because of the Idempotency-Key. It still may if nothing
// has been sent.
type once struct{ next http.RoundTripper }

func (t once) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodPost {
		own := *r
		own.GetBody = nil
		r = &own
	}
	return t.next.RoundTrip(r)
}

// Create implements [Gateway].
func (s *Stripe) Create(ctx context.Context, r CreateRequest) (Payment, error) {
	if err := checkCommand(r.IdempotencyKey, r.Amount); err != nil {
		return Payment{}, fmt.Errorf("create payment for order %s: %w", r.OrderID, err)
	}
	params := &stripe.PaymentIntentCreateParams{
		Params:             stripe.Params{IdempotencyKey: &r.IdempotencyKey},
		Amount:             &r.Amount,
		Currency:           stripe.String(strings.ToLower(r.Currency)),
		CaptureMethod:      stripe.String(stripe.PaymentIntentCaptureMethodManual),
		PaymentMethod:      &r.PaymentMethod,
		PaymentMethodTypes: stripe.StringSlice([]string{"card"}),
		Metadata:           map[string]string{"order_id": r.OrderID},
	}
	params.AddExpand("latest_charge")
	pi, err := s.call(ctx, func(ctx context.Context) (*stripe.PaymentIntent, error) {
		return s.client.V1PaymentIntents.Create(ctx, params)
	})
	if err != nil {
		return Payment{}, fmt.Errorf("create payment for order %s: %w", r.OrderID, err)
	}
	if wasReplayed(pi.LastResponse) {
		return s.Get(ctx, pi.ID)
	}
	return paymentOf(pi), nil
}

// Get implements [Gateway].
func (s *Stripe) Get(ctx context.Context, id string) (Payment, error) {
	p, err := s.get(ctx, id)
	if err != nil {
		return Payment{}, fmt.Errorf("get payment %s: %w", id, err)
	}
	return p, nil
}

func (s *Stripe) get(ctx context.Context, id string) (Payment, error) {
	if id == "" {
		return Payment{}, &InvalidError{Message: "the payment id is empty"}
	}
	params := &stripe.PaymentIntentRetrieveParams{}
	params.AddExpand("latest_charge")
	pi, err := s.call(ctx, func(ctx context.Context) (*stripe.PaymentIntent, error) {
		return s.client.V1PaymentIntents.Retrieve(ctx, id, params)
	})
	if err != nil {
		return Payment{}, err
	}
	return paymentOf(pi), nil
}

// Confirm implements [Gateway]. A card that wants its holder's presence is declined,
// because nobody is there.
func (s *Stripe) Confirm(ctx context.Context, id, key string) (Payment, error) {
	return s.move(ctx, "confirm", id, key, Authorized, func(ctx context.Context) (*stripe.PaymentIntent, error) {
		params := &stripe.PaymentIntentConfirmParams{
			Params:                stripe.Params{IdempotencyKey: &key},
			ErrorOnRequiresAction: stripe.Bool(true),
		}
		params.AddExpand("latest_charge")
		return s.client.V1PaymentIntents.Confirm(ctx, id, params)
	})
}

// Capture implements [Gateway].
func (s *Stripe) Capture(ctx context.Context, id, key string) (Payment, error) {
	return s.move(ctx, "capture", id, key, Captured, func(ctx context.Context) (*stripe.PaymentIntent, error) {
		params := &stripe.PaymentIntentCaptureParams{Params: stripe.Params{IdempotencyKey: &key}}
		params.AddExpand("latest_charge")
		return s.client.V1PaymentIntents.Capture(ctx, id, params)
	})
}

// Cancel implements [Gateway].
func (s *Stripe) Cancel(ctx context.Context, id, key string) (Payment, error) {
	return s.move(ctx, "cancel", id, key, Canceled, func(ctx context.Context) (*stripe.PaymentIntent, error) {
		params := &stripe.PaymentIntentCancelParams{Params: stripe.Params{IdempotencyKey: &key}}
		params.AddExpand("latest_charge")
		return s.client.V1PaymentIntents.Cancel(ctx, id, params)
	})
}
