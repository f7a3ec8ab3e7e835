package cli

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/murmuration-dev/murmuration/cmd/murmur/embedded"
	"github.com/murmuration-dev/murmuration/cmd/murmur/topics"
	"github.com/murmuration-dev/murmuration/pkg/avro"
	"github.com/murmuration-dev/murmuration/pkg/kafka"
	"github.com/murmuration-dev/murmuration/pkg/participant"
	"github.com/murmuration-dev/murmuration/pkg/run"
)

const (
	// brokerPatience is how long a command waits for a broker to answer at all: a
	// person waits too.
	brokerPatience = 4 * time.Second
	// registryPatience is less, since there is a way to go on without it.
	registryPatience = 2 * time.Second
	// servicePatience bounds one request to a service.
	servicePatience = 5 * time.Second
)

// reachKafka returns a client of a broker that answers. The caller closes it. TLS
// and credentials are those of the environment, as for services. A broker that does
// not answer is worth another try later: exit code 75; one that refuses is not: 78.
func reachKafka(ctx context.Context, address string) (*kafka.Client, error) {
	cfg, err := participant.KafkaFromEnvironment(embedded.Addresses{Kafka: address}.Brokers(), "murmur")
	if err != nil {
		return nil, err
	}
	cfg.DialTimeout = brokerPatience
	client, err := kafka.NewClient(cfg)
	if err != nil {
		return nil, run.UsageError(err)
	}
	ping, cancel := context.WithTimeout(ctx, brokerPatience)
	defer cancel()
	if err := client.Ping(ping); err != nil {
		client.Close()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if refused := kafkaRefusal(err); refused != nil {
			return nil, refused
		}
		return nil, run.TempFailError(fmt.Errorf("no broker answers at %s (is the platform running? another address: --kafka): %w", address, err))
	}
	return client, nil
}

// kafkaRefusal names the setting that a broker refuses; nil for any other error.
func kafkaRefusal(err error) error {
	var untrusted *tls.CertificateVerificationError
	switch {
	case errors.Is(err, kafka.ErrUnauthenticated):
		return run.ConfigError(fmt.Errorf("KAFKA_USERNAME and KAFKA_PASSWORD: the brokers refuse them: %w", err))
	case errors.Is(err, kafka.ErrUnauthorized):
		return run.ConfigError(fmt.Errorf("KAFKA_USERNAME: the brokers do not allow this user what the command needs (`murmur acls` lists who may what): %w", err))
	case errors.As(err, &untrusted):
		return run.ConfigError(fmt.Errorf("KAFKA_CA_FILE: the brokers' certificate is not trusted: %w", err))
	}
	return nil
}

// kafkaFailure gives an error of a broker that was reached its exit code.
func kafkaFailure(err error) error {
	if refused := kafkaRefusal(err); refused != nil {
		return refused
	}
	switch {
	case errors.Is(err, kafka.ErrUnknownTopic):
		return fmt.Errorf("%w (`murmur topics` lists those that the platform has)", err)
	case errors.Is(err, context.DeadlineExceeded):
		return run.TempFailError(err)
	}
	return err
}

// newDecoder makes a decoder that uses the registry at url, if there is one, with
// the credentials of the environment, and says on warn when it goes on without.
func newDecoder(url string, warn io.Writer) (*topics.Decoder, error) {
	if url == "" {
		return topics.NewDecoder(nil, nil)
	}
	access, err := participant.RegistryFromEnvironment(url)
	if err != nil {
		return nil, err
	}
	access.Timeout = registryPatience
	registry, err := avro.NewRegistry(access)
	if err != nil {
		return nil, run.UsageError(fmt.Errorf("--registry: %w", err))
	}
	return topics.NewDecoder(registry, func(err error) {
		fmt.Fprintln(warn, "murmur: going on with the schemas built into this program:", err)
	})
}
