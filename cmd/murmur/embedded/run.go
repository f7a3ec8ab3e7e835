package embedded

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/murmuration-dev/murmuration/cmd/murmur/embedded/registry"
	"github.com/murmuration-dev/murmuration/pkg/kafka"
	"github.com/murmuration-dev/murmuration/pkg/participant"
	"github.com/murmuration-dev/murmuration/pkg/run"
	"github.com/murmuration-dev/murmuration/schemas"
	inventory "github.com/murmuration-dev/murmuration/services/inventory/app"
	order "github.com/murmuration-dev/murmuration/services/order/app"
	payment "github.com/murmuration-dev/murmuration/services/payment/app"
	"github.com/murmuration-dev/murmuration/services/payment/gatewaysim"
)

// startTimeout bounds the start of the broker's topics.
const startTimeout = 30 * time.Second

// Run runs the platform until ctx ends and everything is drained, and calls ready
// once, when all services answer. It returns the first error of any part.
func (p *Platform) Run(ctx context.Context, ready func()) error {
	defer p.Close()
	stopBroker, err := p.kafka(ctx)
	if err != nil {
		return err
	}
	defer stopBroker()
	databases, err := p.databases(ctx)
	if err != nil {
		return err
	}
	schemas, closeSchemas, err := p.registry()
	if err != nil {
		return err
	}
	defer closeSchemas()
	gateway, err := gatewaysim.New(gatewaysim.Config{DataDir: p.folder.join("gateway"), Logger: p.cfg.Logger})
	if err != nil {
		return fmt.Errorf("gateway: %w", err)
	}
	if err := writeAddresses(p.folder.path, p.Addresses); err != nil {
		return errors.Join(fmt.Errorf("write addresses: %w", err), gateway.Close())
	}
	services, err := p.services(databases, ready)
	if err != nil {
		return errors.Join(err, gateway.Close())
	}
	servers := run.Stage{{Name: "gateway", Run: serve(p.listeners["gateway"], gateway.Handler())}}
	servers = append(servers, schemas...)
	return run.Stages(ctx, services, servers, run.Stage{run.OnStop("gateway ledger", gateway.Close)})
}

// kafka starts the embedded broker, or reaches the one that is given, and
// declares the topics there.
func (p *Platform) kafka(ctx context.Context) (stop func(), err error) {
	stop = func() {}
	if p.cfg.External.Kafka != "" {
		err = p.cfg.External.reachKafka(ctx)
	} else {
		var broker *Broker
		if broker, err = StartBroker(p.listeners["kafka"], p.folder.join("broker")); err == nil {
			stop = broker.Close
		}
	}
	if err != nil {
		return nil, err
	}
	starting, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err = p.declareTopics(starting); err != nil {
		stop()
		return nil, err
	}
	return stop, nil
}

func (p *Platform) declareTopics(ctx context.Context) error {
	brokers, err := p.cfg.External.kafka(p.Addresses.Brokers(), "murmur-topics")
	if err == nil {
		err = applyTopics(ctx, brokers)
	}
	switch {
	case err == nil:
		return nil
	case !errors.As(err, new(*kafka.TopicMismatchError)):
		return fmt.Errorf("declare topics: %w", err)
	case p.cfg.External.Kafka != "":
		return run.ConfigError(fmt.Errorf("declare topics: %w: --kafka %s has topics of these names that are of another kind", err, p.cfg.External.Kafka))
	}
	return run.ConfigError(fmt.Errorf("declare topics: %w: the broker's data in %s is of another kind: choose another folder with --data", err, p.folder.path))
}

// databases are the database URLs of the services, by name.
func (p *Platform) databases(ctx context.Context) (map[string]string, error) {
	services := []string{schemas.OrderService, schemas.PaymentService, schemas.InventoryService}
	urls := make(map[string]string, len(services))
	server := p.cfg.External.Postgres
	for _, service := range services {
		urls[service] = "sqlite://" + p.folder.join(service+".db")
		if server == "" {
			continue
		}
		var err error
		if urls[service], err = databaseURL(server, service); err != nil {
			return nil, err
		}
	}
	if server == "" {
		return urls, nil
	}
	return urls, makeDatabases(ctx, server, services...)
}

// registry opens the embedded registry. Of one that is given the services say
// themselves whether it answers, and go on trying.
func (p *Platform) registry() (tasks run.Stage, closing func(), err error) {
	if p.cfg.External.Registry != "" {
		return nil, func() {}, nil
	}
	r, err := registry.Open(p.folder.join("registry"))
	if err != nil {
		return nil, nil, fmt.Errorf("registry: %w", err)
	}
	closing = func() { _ = r.Close() } // everything is written when it is acknowledged
	return run.Stage{{Name: "registry", Run: serve(p.listeners["registry"], r.Handler())}}, closing, nil
}

// services are the three services, with settings that point at each other's
// surroundings but never at each other.
func (p *Platform) services(databases map[string]string, ready func()) (run.Stage, error) {
	var waiting atomic.Int32
	waiting.Store(3)
	answers := func() {
		if waiting.Add(-1) == 0 && ready != nil {
			ready()
		}
	}
	host, err := os.Hostname()
	if err != nil {
		host = "embedded"
	}
	settings := func(name string) participant.Settings {
		return p.cfg.External.settings(participant.Settings{
			DatabaseURL: databases[name], KafkaBrokers: p.Addresses.Brokers(), RegistryURL: p.Addresses.Registry,
			LogLevel: cmp.Or(p.cfg.LogLevel, "warn"), LogFormat: "console", TraceRatio: 0,
			Instance: fmt.Sprintf("%s-%s-%d", host, name, os.Getpid()),
		})
	}
	deps := func(name string) participant.Deps {
		d := participant.Deps{API: p.listeners[name], Ops: p.listeners[name+" operations"], Ready: answers}
		if p.cfg.Logger != nil {
			d.Logger = p.cfg.Logger.With(zap.String("service", name))
		}
		return d
	}
	return run.Stage{
		{Name: "order", Run: func(ctx context.Context) error {
			return order.Run(ctx, order.Config{Settings: settings("order"), Deadline: cmp.Or(p.cfg.Deadline, 15*time.Minute)}, deps("order"))
		}},
		{Name: "payment", Run: func(ctx context.Context) error {
			return payment.Run(ctx, payment.Config{Settings: settings("payment"), GatewayURL: p.Addresses.Gateway, GatewayKey: "sk_test_embedded", GatewayTimeout: 10 * time.Second}, deps("payment"))
		}},
		{Name: "inventory", Run: func(ctx context.Context) error {
			return inventory.Run(ctx, inventory.Config{Settings: settings("inventory")}, deps("inventory"))
		}},
	}, nil
}

// serve is the task of a plain HTTP server.
func serve(l net.Listener, handler http.Handler) func(context.Context) error {
	return func(ctx context.Context) error {
		server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
		served := make(chan error, 1)
		go func() { served <- server.Serve(l) }()
		select {
		case err := <-served:
			return err
		case <-ctx.Done():
		}
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		err := server.Shutdown(last)
		if errors.Is(err, context.DeadlineExceeded) {
			err = server.Close()
		}
		<-served
		return err
	}
}
