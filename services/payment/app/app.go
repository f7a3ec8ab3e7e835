// Package app wires the payment service: the only place where its domain, its
// contract, the card gateway, its API and the platform meet.
package app

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/murmuration-dev/murmuration/pkg/aggregate"
	"github.com/murmuration-dev/murmuration/pkg/intent"
	"github.com/murmuration-dev/murmuration/pkg/kafka"
	"github.com/murmuration-dev/murmuration/pkg/participant"
	"github.com/murmuration-dev/murmuration/pkg/run"
	"github.com/murmuration-dev/murmuration/schemas"
	"github.com/murmuration-dev/murmuration/services/payment"
	"github.com/murmuration-dev/murmuration/services/payment/internal/contract"
	"github.com/murmuration-dev/murmuration/services/payment/internal/gateway"
	"github.com/murmuration-dev/murmuration/services/payment/internal/httpapi"
)

// Version is stamped by the build.
var Version = "dev"

// Config are the settings of the payment service.
type Config struct {
	participant.Settings
	// GatewayURL is the base URL of the card gateway; empty means Stripe itself.
	GatewayURL string `env:"GATEWAY_URL"`
	// GatewayKey is the gateway's secret key.
	GatewayKey string `env:"GATEWAY_KEY"`
	// GatewayTimeout bounds one call. A call that takes longer has an unknown
	// outcome and is looked up before it is tried again.
	GatewayTimeout time.Duration `env:"GATEWAY_TIMEOUT" envDefault:"10s"`
}

// Deps are what the program that starts the service may hand in.
type Deps = participant.Deps

// Run runs the service until ctx ends; see participant.Run for its errors.
func Run(ctx context.Context, cfg Config, deps Deps) error {
	cards, err := gateway.NewStripe(gateway.StripeConfig{URL: cfg.GatewayURL, APIKey: cfg.GatewayKey, Timeout: cfg.GatewayTimeout})
	if err != nil {
		return run.ConfigError(errors.Join(fmt.Errorf("GATEWAY_URL, GATEWAY_KEY, GATEWAY_TIMEOUT: %w", err), cfg.Validate()))
	}
	defer cards.Close()
	return participant.Run(ctx, cfg.Settings, deps, Spec(cards))
}

// Spec states what the payment service is, for whoever runs it on a platform of
// their own.
func Spec(cards gateway.Gateway) participant.Spec {
	catalogued, _ := schemas.ByName(schemas.PaymentPositions)
	return participant.Spec{
		Name:            schemas.PaymentService,
		Title:           "Murmuration: payments",
		Version:         Version,
		Owns:            []kafka.TopicSpec{topic(schemas.Payments)},
		Reads:           []kafka.TopicSpec{topic(schemas.Orders)},
		Positions:       topic(schemas.PaymentPositions),
		PositionSubject: catalogued.Subject,
		PositionSchema:  catalogued.Schema,
		Build: func(ctx context.Context, p *participant.Platform) (participant.Parts, error) {
			return build(ctx, cards, p)
		},
	}
}

func build(ctx context.Context, cards gateway.Gateway, p *participant.Platform) (participant.Parts, error) {
	payments, readers, err := contract.New(ctx, p.Registry)
	if err != nil {
		return participant.Parts{}, err
	}
	s := &service{payments: payments, gateway: cards, platform: p, now: time.Now}
	kinds := make(map[string]intent.Kind)
	for _, k := range []payment.Kind{payment.KindCreate, payment.KindConfirm, payment.KindCapture, payment.KindVoid, payment.KindRefund} {
		kinds[intentKind(k)] = intent.Kind{Execute: s.execute}
	}
	return participant.Parts{
		Decode:  readers.Decode,
		Handler: s,
		Intents: kinds,
		Routes: func(api huma.API) {
			httpapi.Register(api, httpapi.Deps{Store: p.Store, Payments: payments})
		},
		Inspect: []aggregate.Inspector{payments},
		Restore: s.restores(p.Registry),
	}, nil
}

// intentKind names the intents of a gateway command.
func intentKind(k payment.Kind) string { return strings.ToLower(string(k)) }

func topic(name string) kafka.TopicSpec {
	t, _ := schemas.ByName(name)
	return kafka.TopicSpec{Name: t.Name, Partitions: t.Partitions, ReplicationFactor: -1, Configs: t.Configs}
}
