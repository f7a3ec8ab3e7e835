package embedded

import (
	"context"
	"errors"
	"fmt"

	"github.com/murmuration-dev/murmuration/cmd/murmur/embedded/registry"
	"github.com/murmuration-dev/murmuration/pkg/run"
)

// Surroundings are what the services of a platform work with, without them.
type Surroundings struct {
	Kafka    string // host:port
	Registry string // base URL
	folder   *folder
}

// Database is the URL of a service's database.
func (s Surroundings) Database(service string) string {
	return "sqlite://" + s.folder.join(service+".db")
}

// Aside runs broker and registry of a platform that is not running, without its
// services, for as long as work takes. It takes free ports. Topics that are missing
// are declared, as when the platform starts.
func Aside(ctx context.Context, data string, work func(context.Context, Surroundings) error) error {
	if _, err := ReadAddresses(data); err != nil {
		return run.UsageError(err) // there never was a platform: make none
	}
	p, err := Open(Config{Data: data})
	if err != nil {
		return err
	}
	defer p.Close()
	broker, err := StartBroker(p.listeners["kafka"], p.folder.join("broker"))
	if err != nil {
		return err
	}
	defer broker.Close()
	starting, cancel := context.WithTimeout(ctx, startTimeout)
	err = p.declareTopics(starting)
	cancel()
	if err != nil {
		return err
	}
	schemas, err := registry.Open(p.folder.join("registry"))
	if err != nil {
		return fmt.Errorf("registry: %w", err)
	}
	defer func() { _ = schemas.Close() }() // everything is written when it is acknowledged
	ctx, end := context.WithCancel(ctx)
	served := make(chan error, 1)
	go func() { served <- serve(p.listeners["registry"], schemas.Handler())(ctx) }()
	err = work(ctx, Surroundings{Kafka: broker.Address(), Registry: p.Addresses.Registry, folder: p.folder})
	end()
	return errors.Join(err, <-served)
}
