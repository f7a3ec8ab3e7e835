package participant

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/kafka"
	"github.com/murmuration-dev/murmuration/pkg/run"
)

func valid() Settings {
	return Settings{
		Listen: ":8080", OpsListen: "127.0.0.1:9090", DatabaseURL: "sqlite:///var/lib/tally.db",
		KafkaBrokers: []string{"a:9092"}, RegistryURL: "http://registry:8081", LogLevel: "info", LogFormat: "json", TraceRatio: 0.5,
	}
}

func TestSettings_ReportAllFaultsAtOnce(t *testing.T) {
	t.Parallel()
	check(t, valid().Validate())
	broken := Settings{
		Listen: "8080", OpsListen: "host:no-such-port", DatabaseURL: "mysql://host/db", KafkaBrokers: []string{"broker"},
		KafkaUsername: "ada", RegistryURL: "registry:8081", LogLevel: "loud", OTLPEndpoint: "collector", TraceRatio: 2,
		DrainDelay: -time.Second, Migrate: "always",
	}
	err := run.ConfigError(broken.Validate())
	if err == nil {
		t.Fatal("no fault was found")
	}
	contains(t, err.Error(), "LISTEN is", "OPS_LISTEN is", "DATABASE_URL has scheme", "KAFKA_PASSWORD", "SCHEMA_REGISTRY_URL", `"loud"`,
		"OTEL_EXPORTER_OTLP_ENDPOINT", "TRACE_RATIO is 2", "DRAIN_DELAY is -1s", `MIGRATE is "always"`)
}

func TestSettings_EachFaultSaysWhatIsExpected(t *testing.T) {
	t.Parallel()
	pem := filepath.Join(t.TempDir(), "ca.pem")
	check(t, os.WriteFile(pem, []byte("not a certificate"), 0o600))
	for want, change := range map[string]func(*Settings){
		"DATABASE_URL is empty: expected sqlite:///path/file.db": func(s *Settings) { s.DatabaseURL = "" },
		"DATABASE_URL needs an absolute path":                    func(s *Settings) { s.DatabaseURL = "sqlite://relative.db" },
		"DATABASE_URL cannot be read":                            func(s *Settings) { s.DatabaseURL = "sqlite://%zz" },
		"KAFKA_BROKERS is empty: expected host:port,host:port":   func(s *Settings) { s.KafkaBrokers = nil },
		`brokers: "nowhere" is not host:port`:                    func(s *Settings) { s.KafkaBrokers = []string{"a:1", "nowhere"} },
		"KAFKA_CA_FILE is set, but KAFKA_TLS is not":             func(s *Settings) { s.KafkaCAFile = pem },
		"holds no PEM certificate":                               func(s *Settings) { s.KafkaTLS, s.KafkaCAFile = true, pem },
		"no such file":                                           func(s *Settings) { s.KafkaTLS, s.KafkaCAFile = true, pem+".gone" },
		"KAFKA_USERNAME and KAFKA_PASSWORD belong together":      func(s *Settings) { s.KafkaPassword = "secret" },
		"SCHEMA_REGISTRY_URL is empty or no address":             func(s *Settings) { s.RegistryURL = "" },
		"expected http://host:port or https://host:port":         func(s *Settings) { s.RegistryURL = "ftp://registry" },
		"want debug, info, warn or error":                        func(s *Settings) { s.LogLevel = "fatal" },
		"want json or console":                                   func(s *Settings) { s.LogFormat = "xml" },
		"TRACE_RATIO is -0.1: expected 0 to 1":                   func(s *Settings) { s.TraceRatio = -0.1 },
		`OPS_LISTEN is "9090": expected host:port or :port`:      func(s *Settings) { s.OpsListen = "9090" },
		"OTEL_EXPORTER_OTLP_ENDPOINT is empty or no address":     func(s *Settings) { s.OTLPEndpoint = "collector:4318" },
	} {
		s := valid()
		change(&s)
		if err := s.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestSettings_FaultsShowNoPasswords(t *testing.T) {
	t.Parallel()
	for _, change := range []func(*Settings){
		func(s *Settings) { s.DatabaseURL = "mysql://ada:s3cr3t@host/db" },
		func(s *Settings) { s.DatabaseURL = "sqlite://ada:s3cr3t@%zz" },
		func(s *Settings) { s.RegistryURL = "ftp://ada:s3cr3t@registry" },
		func(s *Settings) { s.RegistryURL = "http://ada:s3cr3t@%zz" },
		func(s *Settings) { s.KafkaPassword = "s3cr3t" },
	} {
		s := valid()
		change(&s)
		if err := s.Validate(); err == nil || strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("got %v, want a fault without the password", err)
		}
	}
}

func TestSettings_BrokersMayBeWrittenWithSpaces(t *testing.T) {
	t.Parallel()
	s := valid()
	s.KafkaBrokers = strings.Split("a:9092, b:9092", ",")
	cfg, err := s.KafkaConfig("x")
	if err != nil || !slices.Equal(cfg.Brokers, []string{"a:9092", "b:9092"}) || cfg.ClientID != "x" {
		t.Errorf("got %+v, %v", cfg, err)
	}
}

func TestSettings_CredentialsAndTLSReachTheClient(t *testing.T) {
	t.Parallel()
	s := valid()
	s.KafkaTLS, s.KafkaUsername, s.KafkaPassword = true, "ada", "s3cr3t"
	cfg, err := s.KafkaConfig("x")
	if err != nil || cfg.TLS == nil || cfg.SASL == nil || cfg.SASL.Name() != "SCRAM-SHA-512" {
		t.Errorf("got %+v, %v", cfg, err)
	}
	var none kafka.Mechanism
	if cfg, err := valid().KafkaConfig("x"); err != nil || cfg.SASL != none || cfg.TLS != nil {
		t.Errorf("got %+v, %v without credentials", cfg, err)
	}
}

func TestLoad_ReadsTheEnvironment(t *testing.T) {
	t.Setenv("KAFKA_BROKERS", "a:9092,b:9092")
	t.Setenv("DATABASE_URL", "sqlite:///x.db")
	t.Setenv("SCHEMA_REGISTRY_URL", "http://r")
	s, err := Load[struct {
		Settings
		Own string `env:"OWN" envDefault:"default"`
	}]()
	if err != nil || len(s.KafkaBrokers) != 2 || s.Listen != ":8080" || s.OpsListen != ":9090" || s.TraceRatio != 0.01 || s.Own != "default" {
		t.Errorf("got %+v, %v", s, err)
	}
	check(t, s.Validate())
	t.Setenv("TRACE_RATIO", "much")
	t.Setenv("KAFKA_TLS", "perhaps")
	_, err = Load[Settings]()
	if run.ExitCode(err) != run.ExitConfig {
		t.Fatalf("got %v, want exit code %d", err, run.ExitConfig)
	}
	contains(t, err.Error(), "TraceRatio", "KafkaTLS")
}

func TestSettings_InstancesDiffer(t *testing.T) {
	t.Parallel()
	s := valid()
	if a, b := s.instance("tally"), s.instance("tally"); a == b || a == "" {
		t.Errorf("got %q and %q", a, b)
	}
	s.Instance = "mine"
	if got := s.instance("tally"); got != "mine" {
		t.Errorf("got %q", got)
	}
}
