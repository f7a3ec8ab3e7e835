//go:build e2e

package kafka_test

import (
	"context"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha512"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/murmuration-dev/murmuration/e2e/authority"
	"github.com/murmuration-dev/murmuration/pkg/kafka"
)

// soon is how long a refusal may take on a machine that is busy: it must not be
// retried, as the 30 s of whatever passes would show.
const soon = 20 * time.Second

// user makes one, with the name as its password.
func (r *rig) user(username string) {
	r.t.Helper()
	const iterations, scram512 = 4096, 2
	salt := []byte(rand.Text())
	salted, err := pbkdf2.Key(sha512.New, username, salt, iterations, sha512.Size)
	r.must(err)
	req := kmsg.NewPtrAlterUserSCRAMCredentialsRequest()
	u := kmsg.NewAlterUserSCRAMCredentialsRequestUpsertion()
	u.Name, u.Mechanism, u.Iterations, u.Salt, u.SaltedPassword = username, scram512, iterations, salt, salted
	req.Upsertions = append(req.Upsertions, u)
	if got := r.wire(0).ask(0, req).(*kmsg.AlterUserSCRAMCredentialsResponse).Results[0]; got.ErrorCode != 0 {
		r.t.Fatalf("user %s: code %d", username, got.ErrorCode)
	}
	// Brokers learn of users from the metadata log, a moment later.
	r.eventually("user "+username, func() bool { return r.as(username, username).Ping(r.ctx) == nil })
}

// as is a client of the listener with TLS and SCRAM.
func (r *rig) as(username, password string) *kafka.Client {
	r.t.Helper()
	return r.secure(kafka.Config{TLS: r.trust(r.cluster.Authority)}, username, password)
}

func (r *rig) secure(cfg kafka.Config, username, password string) *kafka.Client {
	r.t.Helper()
	cfg.Brokers = r.cluster.Secure()
	if username != "" {
		m, err := kafka.ScramSHA512(username, password)
		r.must(err)
		cfg.SASL = m
	}
	c, err := kafka.NewClient(cfg)
	r.must(err)
	r.t.Cleanup(c.Close)
	return c
}

func (r *rig) trust(a *authority.Authority) *tls.Config {
	r.t.Helper()
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(a.PEM()) {
		r.t.Fatal("no certificate")
	}
	return &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
}

// A refusal comes at once and says which of the settings it is about; what a
// setting cannot explain is tried again.
func TestSecure_RefusalsAreToldApartAndNotRetried(t *testing.T) {
	t.Parallel()
	r := newRig(t, &one)
	username := name("clerk")
	r.user(username)
	stranger, err := authority.New()
	r.must(err)
	unauthenticated := func(err error) bool { return errors.Is(err, kafka.ErrUnauthenticated) }
	untrusted := func(err error) bool { return errors.As(err, new(*tls.CertificateVerificationError)) }
	for what, c := range map[string]struct {
		client *kafka.Client
		is     func(error) bool
	}{
		"a wrong password":        {r.as(username, "wrong"), unauthenticated},
		"a user that nobody made": {r.as(name("nobody"), "secret"), unauthenticated},
		"another authority":       {r.secure(kafka.Config{TLS: r.trust(stranger)}, username, username), untrusted},
		"the system's authorities": {
			r.secure(kafka.Config{TLS: &tls.Config{MinVersion: tls.VersionTLS12}}, username, username), untrusted,
		},
		"no rights": {r.as(username, username), func(err error) bool { return errors.Is(err, kafka.ErrUnauthorized) }},
	} {
		topic := r.topic(1)
		for call, do := range map[string]func(context.Context) error{
			"describe": func(ctx context.Context) error { _, err := c.client.DescribeTopics(ctx, topic); return err },
			"init": func(ctx context.Context) error {
				p, err := kafka.NewProducer(c.client, kafka.ProducerConfig{TransactionalID: name("relay"), TransactionTimeout: lifetime})
				r.must(err)
				return p.Init(ctx)
			},
			"group": func(ctx context.Context) error {
				return kafka.RunGroup(ctx, c.client, kafka.GroupConfig{ID: name("group"), Topics: []string{topic}},
					func(ctx context.Context, _ *kafka.Assignment) error { <-ctx.Done(); return nil })
			},
		} {
			began := time.Now()
			ctx, cancel := context.WithTimeout(r.ctx, soon)
			err := do(ctx)
			if cancel(); !c.is(err) {
				t.Errorf("%s, %s after %v: %v", what, call, time.Since(began).Round(time.Millisecond), err)
			}
		}
	}
}

// What the brokers do not say in words of their own is tried again: it can be a
// broker that is going down.
func TestSecure_AClientThatDoesNotOfferWhatIsAskedForIsKeptWaiting(t *testing.T) {
	t.Parallel()
	r := newRig(t, &one)
	topic := r.topic(1)
	for what, c := range map[string]struct {
		client *kafka.Client
		says   func(error) bool
	}{
		"without TLS": {r.secure(kafka.Config{}, "", ""), func(err error) bool { return strings.Contains(err.Error(), "expecting TLS") }},
		"without credentials": {
			r.secure(kafka.Config{TLS: r.trust(r.cluster.Authority)}, "", ""), func(err error) bool { return errors.Is(err, io.EOF) },
		},
	} {
		// The last attempt within a wait may be one that the wait cut short.
		r.eventually(what+": waiting, and why", func() bool {
			ctx, cancel := context.WithTimeout(r.ctx, 3*time.Second)
			defer cancel()
			_, err := c.client.DescribeTopics(ctx, topic)
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("%s: %v", what, err)
			}
			return c.says(err)
		})
	}
}
