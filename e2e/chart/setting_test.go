package chart

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/caarlos0/env/v11"

	"github.com/murmuration-dev/murmuration/pkg/participant"
	inventory "github.com/murmuration-dev/murmuration/services/inventory/app"
	order "github.com/murmuration-dev/murmuration/services/order/app"
	payment "github.com/murmuration-dev/murmuration/services/payment/app"
)

// Settings that are not our own: who reads them.
var foreign = map[string]string{
	"PGPASSWORD":         "the PostgreSQL driver, as libpq does",
	"SSL_CERT_DIR":       "Go, for CA bundles beside the system's",
	"GATEWAYSIM_API_KEY": "the simulator",
}

var documented = regexp.MustCompile("(?m)^\\| `([A-Z_]+)` \\|")

func TestSettings_AreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, match := range documented.FindAllStringSubmatch(string(page), -1) {
		known[match[1]] = true
	}
	each(t, func(t *testing.T, _ example, all []object) {
		for _, p := range pods(all) {
			for _, c := range p.containers() {
				if !strings.Contains(text(c["image"]), "murmuration/") {
					continue
				}
				for name := range environment(all, c) {
					if !known[name] && foreign[name] == "" {
						t.Errorf("%s: nothing reads %s", p, name)
					}
				}
			}
		}
	})
}

// bundles is a folder with the CA bundles that pods of examples mount.
func bundles(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	about := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, about, about, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	for _, name := range []string{"kafka", "database"} {
		file := filepath.Join(folder, name, "ca.crt")
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// mounted is where pods find their bundles.
const mounted = "/etc/murmuration"

// settings parses what a pod is given as its program does, with its bundles in a
// folder of the test, and refuses what the program does not read.
func settings[C any](t *testing.T, given map[string]string, folder string) C {
	t.Helper()
	variables := map[string]string{}
	for name, value := range given {
		variables[name] = strings.ReplaceAll(value, mounted, folder)
	}
	read := map[string]bool{}
	parsed, err := env.ParseAsWithOptions[C](env.Options{
		Environment: variables, OnSet: func(name string, _ any, _ bool) { read[name] = true },
	})
	if err != nil {
		t.Error(err)
	}
	for name := range variables {
		if !read[name] && foreign[name] == "" {
			t.Errorf("does not read %s", name)
		}
	}
	return parsed
}

func TestSettings_AreWhatTheServicesTake(t *testing.T) {
	folder := bundles(t)
	each(t, func(t *testing.T, x example, all []object) {
		for _, p := range pods(all) {
			given := environment(all, p.containers()[0])
			var err error
			switch component := p.component(); component {
			case "order":
				err = settings[order.Config](t, given, folder).Validate()
			case "payment":
				err = settings[payment.Config](t, given, folder).Validate()
			case "inventory":
				err = settings[inventory.Config](t, given, folder).Validate()
			case "order-migrate", "payment-migrate", "inventory-migrate":
				err = settings[participant.MigrationSettings](t, given, folder).Validate()
			}
			if err != nil {
				t.Errorf("%s: %v", p, err)
			}
			for name, value := range given {
				if bundle, ok := strings.CutPrefix(value, mounted+"/"); ok && !mounts(p, mounted+"/"+strings.Split(bundle, "/")[0]) {
					t.Errorf("%s: %s is %s, which it does not mount", p, name, value)
				}
			}
		}
	})
}

// mounts tells whether the pod's container has something at a path.
func mounts(p pod, path string) bool {
	for _, m := range list(p.containers()[0]["volumeMounts"]) {
		if m["mountPath"] == path {
			return true
		}
	}
	return false
}

func TestSettings_ReachWhatIsElsewhere(t *testing.T) {
	for values, want := range map[string]map[string]string{
		`{}`: {
			"KAFKA_BROKERS": "kafka-1.example.com:9093,kafka-2.example.com:9093,kafka-3.example.com:9093",
			"KAFKA_TLS":     "true", "KAFKA_CA_FILE": mounted + "/kafka/ca.crt", "KAFKA_USERNAME": "payment", "KAFKA_PASSWORD": "secret kafka-payment/password",
			"DATABASE_URL": "postgres://payment@payment-db.example.com:5432/payment?sslmode=verify-full&sslrootcert=" + mounted + "/database/ca.crt",
			"PGPASSWORD":   "secret payment-db/password", "GATEWAY_URL": "", "GATEWAY_KEY": "secret card-gateway/key", "MIGRATE": "never",
			"SCHEMA_REGISTRY_URL": "https://registry.example.com/apis/ccompat/v7", "SCHEMA_REGISTRY_USERNAME": "secret schema-registry/username",
		},
		`{payment: {database: {ca: {configMap: ""}, port: 6432, user: pay}}, kafka: {tls: {ca: {secret: ""}}, users: {payment: {username: pays}}}}`: {
			"DATABASE_URL": "postgres://pay@payment-db.example.com:6432/payment?sslmode=verify-full", "KAFKA_CA_FILE": "", "KAFKA_USERNAME": "pays",
		},
		`{tracing: {endpoint: "https://traces:4318", ratio: 0.5}, schemaRegistry: {ca: {secret: ca}}, services: {env: {ORDER: x}}, payment: {env: {INSTANCE: second}}}`: {
			"OTEL_EXPORTER_OTLP_ENDPOINT": "https://traces:4318", "TRACE_RATIO": "0.5", "SSL_CERT_DIR": mounted + "/registry", "ORDER": "x", "INSTANCE": "second",
		},
	} {
		all := rendered(t, examples[1].with(values)).objects
		d, _ := one(all, "Deployment", "shop-murmuration-payment")
		got := environment(all, pods([]object{d})[0].containers()[0])
		for name, value := range want {
			if got[name] != value {
				t.Errorf("%s: %s is %q, want %q", values, name, got[name], value)
			}
		}
	}
}
