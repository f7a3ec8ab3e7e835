package participant

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"

	"github.com/murmuration-dev/murmuration/pkg/kafka"
	"github.com/murmuration-dev/murmuration/pkg/run"
	"github.com/murmuration-dev/murmuration/pkg/telemetry"
)

// Settings are what an operator sets, by environment variables of these names.
type Settings struct {
	// Listen is the address of the public API.
	Listen string `env:"LISTEN" envDefault:":8080"`
	// OpsListen is the address of health, metrics and inspection. It shows the
	// service's data and belongs on an internal network only.
	OpsListen string `env:"OPS_LISTEN" envDefault:":9090"`
	// DatabaseURL is where the service keeps its own data:
	// sqlite:///path/to/file.db or postgres://….
	DatabaseURL string `env:"DATABASE_URL"`
	// DrainDelay is how long the service goes on taking requests after SIGTERM while
	// /readyz fails, so that whoever sends them notices first: longer than it takes a
	// proxy or an orchestrator to act on that, 0 where nobody does. Answers meanwhile
	// close their connections. In Kubernetes it stands in for a preStop hook, and
	// terminationGracePeriodSeconds must be longer by 35 s: 20 s for requests under
	// way, the rest for what stops after them.
	DrainDelay time.Duration `env:"DRAIN_DELAY" envDefault:"0s"`
	// Migrate is auto or never. auto: the service migrates its PostgreSQL database
	// and registers its schemas itself at start, as far as its rights go. never: it
	// leaves both to the sub-command migrate. Either way it waits, and is not ready,
	// while something is missing that it does not make; where nothing is missing it
	// needs no right to make it.
	Migrate string `env:"MIGRATE" envDefault:"auto"`
	// KafkaBrokers are host:port of some brokers, separated by commas.
	KafkaBrokers []string `env:"KAFKA_BROKERS"`
	// KafkaTLS turns TLS on; KafkaCAFile is a PEM bundle to trust instead of the
	// system's.
	KafkaTLS    bool   `env:"KAFKA_TLS"`
	KafkaCAFile string `env:"KAFKA_CA_FILE"`
	// KafkaUsername and KafkaPassword authenticate by SCRAM-SHA-512.
	KafkaUsername string `env:"KAFKA_USERNAME"`
	KafkaPassword string `env:"KAFKA_PASSWORD"`
	// RegistryURL is the Confluent-compatible schema registry, with its path if
	// it has one (Apicurio: …/apis/ccompat/v7).
	RegistryURL      string `env:"SCHEMA_REGISTRY_URL"`
	RegistryUsername string `env:"SCHEMA_REGISTRY_USERNAME"`
	RegistryPassword string `env:"SCHEMA_REGISTRY_PASSWORD"`
	// LogLevel is debug, info, warn or error; LogFormat is json or console.
	LogLevel  string `env:"LOG_LEVEL" envDefault:"info"`
	LogFormat string `env:"LOG_FORMAT" envDefault:"json"`
	// OTLPEndpoint is where traces go, as http(s)://host:port; empty: nowhere.
	OTLPEndpoint string `env:"OTEL_EXPORTER_OTLP_ENDPOINT"`
	// TraceRatio is the share of traces that are kept, 0 (none) to 1.
	TraceRatio float64 `env:"TRACE_RATIO" envDefault:"0.01"`
	// Instance identifies this process among the replicas; default: host name,
	// process id and start time.
	Instance string `env:"INSTANCE"`
}

// The values of Settings.Migrate; none is auto.
const (
	migrateAuto  = "auto"
	migrateNever = "never"
)

// maxDrainDelay is more than any proxy needs; above it seconds were meant to be
// milliseconds.
const maxDrainDelay = 5 * time.Minute

// migrates tells whether the service makes what is missing itself.
func (s Settings) migrates() bool { return s.Migrate != migrateNever }

// Load reads settings of any struct with env tags from the environment.
func Load[T any]() (T, error) {
	s, err := env.ParseAs[T]()
	if err != nil {
		return s, run.ConfigError(fmt.Errorf("environment: %w", err))
	}
	return s, nil
}

// Validate reports all faults at once.
func (s Settings) Validate() error {
	var faults []error
	if s.DatabaseURL == "" {
		faults = append(faults, errors.New("DATABASE_URL is empty: expected sqlite:///path/file.db or postgres://user@host/database"))
	} else if _, _, err := parseDatabaseURL(s.DatabaseURL); err != nil {
		faults = append(faults, err)
	}
	if !slices.Contains([]string{"", migrateAuto, migrateNever}, s.Migrate) {
		faults = append(faults, fmt.Errorf("MIGRATE is %q: expected %s or %s", s.Migrate, migrateAuto, migrateNever))
	}
	if s.DrainDelay < 0 || s.DrainDelay > maxDrainDelay {
		faults = append(faults, fmt.Errorf("DRAIN_DELAY is %s: expected 0s to %s", s.DrainDelay, maxDrainDelay))
	}
	if len(s.KafkaBrokers) == 0 {
		faults = append(faults, errors.New("KAFKA_BROKERS is empty: expected host:port,host:port"))
	}
	if _, err := s.KafkaConfig(""); err != nil && len(s.KafkaBrokers) > 0 {
		faults = append(faults, err)
	}
	faults = append(faults, validateURL("SCHEMA_REGISTRY_URL", s.RegistryURL))
	if s.OTLPEndpoint != "" {
		faults = append(faults, validateURL("OTEL_EXPORTER_OTLP_ENDPOINT", s.OTLPEndpoint))
	}
	if !(s.TraceRatio >= 0 && s.TraceRatio <= 1) { // NaN is neither
		faults = append(faults, fmt.Errorf("TRACE_RATIO is %v: expected 0 to 1", s.TraceRatio))
	}
	if _, err := telemetry.NewLogger(telemetry.LogConfig{Level: s.LogLevel, Format: s.LogFormat, Output: io.Discard}); err != nil {
		faults = append(faults, fmt.Errorf("LOG_LEVEL and LOG_FORMAT: %w", err))
	}
	faults = append(faults, validateAddress("LISTEN", s.Listen), validateAddress("OPS_LISTEN", s.OpsListen))
	return errors.Join(faults...)
}

// validateURL does not repeat the value, which may hold a password.
func validateURL(name, value string) error {
	if u, err := url.Parse(value); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return fmt.Errorf("%s is empty or no address: expected http://host:port or https://host:port", name)
	}
	return nil
}

// validateAddress accepts an empty one, for which a listener is handed in.
func validateAddress(name, address string) error {
	if address == "" {
		return nil
	}
	_, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = net.LookupPort("tcp", port)
	}
	if err != nil {
		return fmt.Errorf("%s is %q: expected host:port or :port", name, address)
	}
	return nil
}

// KafkaFromEnvironment is how a tool reaches the brokers that services use: the
// brokers as given, TLS and credentials from the services' environment variables.
// Wrong ones are marked with run.ConfigError.
func KafkaFromEnvironment(brokers []string, client string) (kafka.Config, error) {
	s, err := Load[Settings]()
	if err != nil {
		return kafka.Config{}, err
	}
	s.KafkaBrokers = brokers
	cfg, err := s.KafkaConfig(client)
	return cfg, run.ConfigError(err)
}

// KafkaConfig is how the brokers are reached, by a client of a name. The error says
// which settings are wrong.
func (s Settings) KafkaConfig(client string) (kafka.Config, error) {
	cfg := kafka.Config{ClientID: client}
	for _, b := range s.KafkaBrokers {
		cfg.Brokers = append(cfg.Brokers, strings.TrimSpace(b)) // "a:9092, b:9092"
	}
	if s.KafkaCAFile != "" && !s.KafkaTLS {
		return cfg, errors.New("KAFKA_CA_FILE is set, but KAFKA_TLS is not: set both or neither")
	}
	if s.KafkaTLS {
		cfg.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
		if s.KafkaCAFile != "" {
			pem, err := os.ReadFile(s.KafkaCAFile)
			if err != nil {
				return cfg, fmt.Errorf("KAFKA_CA_FILE: %w", err)
			}
			cfg.TLS.RootCAs = x509.NewCertPool()
			if !cfg.TLS.RootCAs.AppendCertsFromPEM(pem) {
				return cfg, fmt.Errorf("KAFKA_CA_FILE %s holds no PEM certificate", s.KafkaCAFile)
			}
		}
	}
	var err error
	cfg.SASL, err = s.mechanism()
	if err != nil {
		return cfg, err
	}
	return cfg, cfg.Validate()
}

func (s Settings) mechanism() (kafka.Mechanism, error) {
	switch {
	case s.KafkaUsername == "" && s.KafkaPassword == "":
		return nil, nil
	case s.KafkaUsername == "" || s.KafkaPassword == "":
		return nil, errors.New("KAFKA_USERNAME and KAFKA_PASSWORD belong together: set both or neither")
	}
	return kafka.ScramSHA512(s.KafkaUsername, s.KafkaPassword)
}

func (s Settings) instance(service string) string {
	if s.Instance != "" {
		return s.Instance
	}
	host, err := os.Hostname()
	if err != nil {
		host = service
	}
	return fmt.Sprintf("%s-%d-%d", host, os.Getpid(), time.Now().UnixNano())
}
