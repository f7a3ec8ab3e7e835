package embedded

import (
	"errors"
	"fmt"
	"net"
	"time"

	"go.uber.org/zap"

	"github.com/murmuration-dev/murmuration/pkg/run"
)

// Config says where the platform lives. The zero value of each field but Data
// takes the default.
type Config struct {
	// Data is the folder for everything that is kept.
	Data string
	// External are servers to use instead of embedded ones.
	External External
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
	if err := cfg.validate(); err != nil {
		return nil, run.UsageError(err)
	}
	f, err := openFolder(cfg.Data)
	if err != nil {
		return nil, run.ConfigError(err)
	}
	p := &Platform{cfg: cfg, folder: f, listeners: make(map[string]net.Listener)}
	for _, want := range cfg.listeners() {
		if err := p.listen(want.name, want.port); err != nil {
			p.Close()
			return nil, err
		}
	}
	url := func(name string) string { return "http://" + p.listeners[name].Addr().String() }
	p.Addresses = Addresses{
		Kafka: cfg.External.Kafka, Registry: cfg.External.Registry, Gateway: url("gateway"),
		Order:     Service{API: url("order"), Ops: url("order operations")},
		Payment:   Service{API: url("payment"), Ops: url("payment operations")},
		Inventory: Service{API: url("inventory"), Ops: url("inventory operations")},
	}
	if l := p.listeners["kafka"]; l != nil {
		p.Addresses.Kafka = l.Addr().String()
	}
	if p.listeners["registry"] != nil {
		p.Addresses.Registry = url("registry")
	}
	return p, nil
}

// validate reports all that is wrong at once.
func (c Config) validate() error {
	var faults []error
	if c.Data == "" {
		faults = append(faults, errors.New("no data folder given"))
	}
	return errors.Join(append(faults, c.External.validate())...)
}

// listener is a port by the name of what listens on it.
type listener struct {
	name string
	port int
}

// listeners are those of everything that is embedded.
func (c Config) listeners() []listener {
	all := []listener{
		{"gateway", c.Ports.Gateway},
		{"order", c.Ports.Order}, {"payment", c.Ports.Payment}, {"inventory", c.Ports.Inventory},
		{"order operations", c.Ports.OrderOps}, {"payment operations", c.Ports.PaymentOps}, {"inventory operations", c.Ports.InventoryOps},
	}
	if c.External.Kafka == "" {
		all = append(all, listener{"kafka", c.Ports.Kafka})
	}
	if c.External.Registry == "" {
		all = append(all, listener{"registry", c.Ports.Registry})
	}
	return all
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
