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
	inventory "github.com/murmuration-dev/murmuration/services/inventory/app"
	order "github.com/murmuration-dev/murmuration/services/order/app"
	payment "github.com/murmuration-dev/murmuration/services/payment/app"
	"github.com/murmuration-dev/murmuration/services/payment/gatewaysim"
)

// Config says where the platform lives. The zero value of each field but Data
// takes the default.
type Config struct {
	// Data is the folder for everything that is kept.
	Data string
	// Ports are the ports to ask for; one that is taken is replaced.
	Ports Ports
	// Deadline is how long an order may wait; default 15 minutes.
	Deadline time.Duration
	// LogLevel is that of the services; default "warn".
	LogLevel string
	// Logger replaces the services' own loggers.
	Logger *zap.Logger
}

// Ports are TCP ports on the loopback interface; 0 takes any free one.
type Ports struct {
	Kafka, Registry, Gateway           int
	Order, Payment, Inventory          int
	OrderOps, PaymentOps, InventoryOps int
}

// DefaultPorts are what people find in the documentation.
func DefaultPorts() Ports {
	return Ports{
		Kafka: 9092, Registry: 8085, Gateway: 8086, Order: 8080, Payment: 8081, Inventory: 8082,
		OrderOps: 9180, PaymentOps: 9181, InventoryOps: 9182,
	}
}

// Replaced is a port that was taken, and what stands in for it.
type Replaced struct {
	Name         string
	Wanted, Used int
}

// Platform is a platform that has listeners but does not run yet.
type Platform struct {
	Addresses Addresses
	// Replaced lists the ports that were taken.
	Replaced []Replaced

	cfg       Config
	folder    *folder
	listeners map[string]net.Listener
}

// Open locks the data folder and takes the ports. The caller must Run it, or
// Close it.
func Open(cfg Config) (*Platform, error) {
	if cfg.Data == "" {
		return nil, run.UsageError(errors.New("no data folder given"))
	}
	f, err := openFolder(cfg.Data)
	if err != nil {
		return nil, run.ConfigError(err)
	}
	p := &Platform{cfg: cfg, folder: f, listeners: make(map[string]net.Listener)}
	for _, want := range []struct {
		name string
		port int
	}{
		{"kafka", cfg.Ports.Kafka}, {"registry", cfg.Ports.Registry}, {"gateway", cfg.Ports.Gateway},
		{"order", cfg.Ports.Order}, {"payment", cfg.Ports.Payment}, {"inventory", cfg.Ports.Inventory},
		{"order operations", cfg.Ports.OrderOps}, {"payment operations", cfg.Ports.PaymentOps}, {"inventory operations", cfg.Ports.InventoryOps},
	} {
		if err := p.listen(want.name, want.port); err != nil {
			p.Close()
			return nil, err
		}
	}
	url := func(name string) string { return "http://" + p.listeners[name].Addr().String() }
	p.Addresses = Addresses{
		Kafka: p.listeners["kafka"].Addr().String(), Registry: url("registry"), Gateway: url("gateway"),
		Order:     Service{API: url("order"), Ops: url("order operations")},
		Payment:   Service{API: url("payment"), Ops: url("payment operations")},
		Inventory: Service{API: url("inventory"), Ops: url("inventory operations")},
	}
	return p, nil
}

func (p *Platform) listen(name string, port int) error {
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil && port != 0 {
		if l, err = net.Listen("tcp", "127.0.0.1:0"); err == nil {
			p.Replaced = append(p.Replaced, Replaced{name, port, l.Addr().(*net.TCPAddr).Port})
		}
	}
	if err != nil {
		return fmt.Errorf("listen for %s: %w", name, err)
	}
	p.listeners[name] = l
	return nil
}

// Close releases ports and folder of a platform that is not run.
func (p *Platform) Close() {
	for _, l := range p.listeners {
		_ = l.Close() // one that a server took over is closed already
	}
	p.folder.close()
}

// startTimeout bounds the start of the broker's topics.
const startTimeout = 30 * time.Second

// Run runs the platform until ctx ends and everything is drained, and calls ready
// once, when all services answer. It returns the first error of any part.
func (p *Platform) Run(ctx context.Context, ready func()) error {
	defer p.Close()
	broker, err := StartBroker(p.listeners["kafka"], p.folder.join("broker"))
	if err != nil {
		return err
	}
	defer broker.Close()
	starting, cancel := context.WithTimeout(ctx, startTimeout)
	err = applyTopics(starting, broker.Address())
	cancel()
	var mismatch *kafka.TopicMismatchError
	if errors.As(err, &mismatch) {
		return run.ConfigError(fmt.Errorf("declare topics: %w: the broker's data in %s is of another kind: choose another folder with --data", err, p.folder.path))
	}
	if err != nil {
		return fmt.Errorf("declare topics: %w", err)
	}
	schemas, err := registry.Open(p.folder.join("registry"))
	if err != nil {
		return fmt.Errorf("registry: %w", err)
	}
	defer func() { _ = schemas.Close() }() // everything is written when it is acknowledged
	gateway, err := gatewaysim.New(gatewaysim.Config{DataDir: p.folder.join("gateway"), Logger: p.cfg.Logger})
	if err != nil {
		return fmt.Errorf("gateway: %w", err)
	}
	if err := writeAddresses(p.folder.path, p.Addresses); err != nil {
		return errors.Join(fmt.Errorf("write addresses: %w", err), gateway.Close())
	}
	services, err := p.services(ready)
	if err != nil {
		return errors.Join(err, gateway.Close())
	}
	return run.Stages(ctx,
		services,
		run.Stage{
			{Name: "gateway", Run: serve(p.listeners["gateway"], gateway.Handler())},
			{Name: "registry", Run: serve(p.listeners["registry"], schemas.Handler())},
		},
		run.Stage{run.OnStop("gateway ledger", gateway.Close)},
	)
}

// services are the three services, with settings that point at each other's
// surroundings but never at each other.
func (p *Platform) services(ready func()) (run.Stage, error) {
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
		return participant.Settings{
			DatabaseURL: "sqlite://" + p.folder.join(name+".db"), KafkaBrokers: []string{p.Addresses.Kafka}, RegistryURL: p.Addresses.Registry,
			LogLevel: cmp.Or(p.cfg.LogLevel, "warn"), LogFormat: "console", TraceRatio: 0,
			Instance: fmt.Sprintf("%s-%s-%d", host, name, os.Getpid()),
		}
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
