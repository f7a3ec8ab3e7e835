// Package app wires the order service: the only place where its domain, its
// contract, its API and the platform meet.
package app

import (
	"context"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/murmuration-dev/murmuration/pkg/aggregate"
	"github.com/murmuration-dev/murmuration/pkg/intent"
	"github.com/murmuration-dev/murmuration/pkg/kafka"
	"github.com/murmuration-dev/murmuration/pkg/participant"
	"github.com/murmuration-dev/murmuration/schemas"
	"github.com/murmuration-dev/murmuration/services/order/internal/contract"
	"github.com/murmuration-dev/murmuration/services/order/internal/httpapi"
	"github.com/murmuration-dev/murmuration/services/order/internal/projection"
)

// Version is stamped by the build.
var Version = "dev"

// Config are the settings of the order service.
type Config struct {
	participant.Settings
	// Deadline is how long an order may wait for payment and reservation before
	// it is cancelled, unless the client asks for another.
	Deadline time.Duration `env:"ORDER_DEADLINE" envDefault:"15m"`
}

// Deps are what the program that starts the service may hand in.
type Deps = participant.Deps

// Run runs the service until ctx ends; see participant.Run for its errors.
func Run(ctx context.Context, cfg Config, deps Deps) error {
	return participant.Run(ctx, cfg.Settings, deps, Spec(cfg))
}

// Spec states what the order service is, for whoever runs it on a platform of
// their own. It takes Deadline alone from cfg.
func Spec(cfg Config) participant.Spec {
	positions := topic(schemas.OrderPositions)
	catalogued, _ := schemas.ByName(schemas.OrderPositions)
	return participant.Spec{
		Name:            schemas.OrderService,
		Title:           "Murmuration: orders",
		Version:         Version,
		Owns:            []kafka.TopicSpec{topic(schemas.Orders)},
		Reads:           []kafka.TopicSpec{topic(schemas.Payments), topic(schemas.Reservations)},
		Positions:       positions,
		PositionSubject: catalogued.Subject,
		PositionSchema:  catalogued.Schema,
		Migrations:      projection.Migrations(),
		Build: func(ctx context.Context, p *participant.Platform) (participant.Parts, error) {
			return build(ctx, cfg, p)
		},
	}
}

func build(ctx context.Context, cfg Config, p *participant.Platform) (participant.Parts, error) {
	orders, readers, err := contract.New(ctx, p.Registry)
	if err != nil {
		return participant.Parts{}, err
	}
	s := &service{orders: orders, platform: p, now: time.Now}
	return participant.Parts{
		Decode:  readers.Decode,
		Handler: s,
		Intents: map[string]intent.Kind{kindExpire: {Execute: s.expire, AfterInbox: true}},
		Routes: func(api huma.API) {
			httpapi.Register(api, httpapi.Deps{Store: p.Store, Commands: p.Commands, Orders: orders, Append: s.append, Deadline: cfg.Deadline, Now: s.now})
		},
		Inspect:  []aggregate.Inspector{orders},
		Measures: measures(p.Store, s.now),
		Restore:  s.restores(cfg.Deadline, p.Registry),
	}, nil
}

func topic(name string) kafka.TopicSpec {
	t, _ := schemas.ByName(name)
	return kafka.TopicSpec{Name: t.Name, Partitions: t.Partitions, ReplicationFactor: -1, Configs: t.Configs}
}
