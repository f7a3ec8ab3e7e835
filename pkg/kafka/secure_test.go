package kafka

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http/httptest"
	"testing"

	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/murmuration-dev/murmuration/pkg/kafka/kafkatest"
)

// Groups go through a connection of their own kind: it has to be as safe as the
// others.
func TestGroup_JoinsOverTLSAndSASL(t *testing.T) {
	t.Parallel()
	server := httptest.NewTLSServer(nil) // for its certificate
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	scram, err := ScramSHA512("admin", "secret")
	if err != nil {
		t.Fatal(err)
	}
	brokers := kafkatest.Start(t, kfake.SeedTopics(2, "orders"),
		kfake.TLS(&tls.Config{Certificates: server.TLS.Certificates}),
		kfake.EnableSASL(), kfake.Superuser("PLAIN", "plain", "secret"), kfake.Superuser("SCRAM-SHA-512", "admin", "secret"))
	trusted := &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	for name, mechanism := range map[string]Mechanism{"plain": plain.Mechanism{Username: "plain", Password: "secret"}, "scram": scram} {
		t.Run(name, func(t *testing.T) {
			c := secureClient(t, Config{Brokers: brokers, TLS: trusted, SASL: mechanism})
			ctx, cancel := context.WithCancel(consumerContext(t))
			defer cancel()
			cfg := GroupConfig{ID: "secure-" + name, Topics: []string{"orders"}, OnError: func(err error) { t.Log(err) }}
			got := 0
			err := RunGroup(ctx, c, cfg, func(_ context.Context, a *Assignment) error {
				got = len(a.Partitions)
				cancel()
				return nil
			})
			if err != nil || got != 2 {
				t.Errorf("%d partitions, %v", got, err)
			}
		})
	}
	t.Run("unknown certificate", func(t *testing.T) {
		c := secureClient(t, Config{Brokers: brokers, TLS: &tls.Config{MinVersion: tls.VersionTLS12}})
		err := RunGroup(consumerContext(t), c, GroupConfig{ID: "g", Topics: []string{"orders"}}, func(context.Context, *Assignment) error { return nil })
		var cert *tls.CertificateVerificationError
		if !errors.As(err, &cert) {
			t.Errorf("what will not pass: %v", err)
		}
	})
}

func secureClient(t *testing.T, cfg Config) *Client {
	t.Helper()
	c, err := NewClient(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}
