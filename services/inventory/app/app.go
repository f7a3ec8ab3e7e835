// Package app wires the inventory service: the only place where its domain, its
// contract, its API and the platform meet.
package app

import (
	"context"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/murmuration-dev/murmuration/pkg/aggregate"
	"github.com/murmuration-dev/murmuration/pkg/kafka"
	"github.com/murmuration-dev/murmuration/pkg/participant"
	"github.com/murmuration-dev/murmuration/schemas"
	"github.com/murmuration-dev/murmuration/services/inventory/internal/contract"
	"github.com/murmuration-dev/murmuration/services/inventory/internal/httpapi"
)

// Version is stamped by the build.
var Version = "dev"

// Config are the settings of the inventory service.
type Config struct {
	participant.Settings
}

// Deps are what the program that starts the service may hand in.
type Deps = participant.Deps

// Run runs the service until ctx ends; see participant.Run for its errors.
func Run(ctx context.Context, cfg Config, deps Deps) error {
	return participant.Run(ctx, cfg.Settings, deps, Spec())
}

// Spec states what the inventory service is, for whoever runs it on a platform of
// their own.
func Spec() participant.Spec {
	catalogued, _ := schemas.ByName(schemas.InventoryPositions)
	return participant.Spec{
		Name:            schemas.InventoryService,
		Title:           "Murmuration: inventory",
		Version:         Version,
		Owns:            []kafka.TopicSpec{topic(schemas.Reservations), topic(schemas.StockLevels)},
		Reads:           []kafka.TopicSpec{topic(schemas.Orders)},
		Positions:       topic(schemas.InventoryPositions),
		PositionSubject: catalogued.Subject,
		PositionSchema:  catalogued.Schema,
		Build:           build,
	}
}

func build(ctx context.Context, p *participant.Platform) (participant.Parts, error) {
	c, err := contract.New(ctx, p.Registry)
	if err != nil {
		return participant.Parts{}, err
	}
	s := &service{contract: c, platform: p, now: time.Now}
	return participant.Parts{
		Decode:  c.Readers.Decode,
		Handler: s,
		Routes: func(api huma.API) {
			httpapi.Register(api, httpapi.Deps{Store: p.Store, Commands: p.Commands, Contract: c, Now: s.now})
		},
		Inspect: []aggregate.Inspector{c.Reservations, c.Stock},
		Restore: s.restores(p.Registry),
	}, nil
}

func topic(name string) kafka.TopicSpec {
	t, _ := schemas.ByName(name)
	return kafka.TopicSpec{Name: t.Name, Partitions: t.Partitions, ReplicationFactor: -1, Configs: t.Configs}
}
