package participant

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/murmuration-dev/murmuration/pkg/inbox"
	"github.com/murmuration-dev/murmuration/pkg/intent"
	"github.com/murmuration-dev/murmuration/pkg/kafka"
	"github.com/murmuration-dev/murmuration/pkg/outbox"
	"github.com/murmuration-dev/murmuration/pkg/run"
)

// broker is the side of a service that faces Kafka. Everything here waits until
// the topics are seen to be as declared; inbox and intents also until the relay's
// recovery has compared the database with them.
type broker struct {
	s        *service
	consumer *kafka.Client // fetches wait on it, so it is the inbox's own
	producer *kafka.Client
	inbox    *inbox.Inbox
	relay    *outbox.Relay
	intents  *intent.Runner // nil without kinds

	verified chan struct{} // closed once topics are as declared
	asking   chan struct{} // holds a token while one task asks
}

func (s *service) broker(parts Parts, codec *positions) (*broker, error) {
	b := &broker{s: s, verified: make(chan struct{}), asking: make(chan struct{}, 1)}
	var err error
	if b.consumer, err = s.client("inbox"); err != nil {
		return nil, err
	}
	if b.producer, err = s.client("relay"); err != nil {
		return nil, err
	}
	topics := make([]string, len(s.spec.Reads))
	for i, t := range s.spec.Reads {
		topics[i] = t.Name
	}
	measured, err := newHops(s.platform.Metrics, parts.Handler)
	if err != nil {
		return nil, err
	}
	b.inbox, err = inbox.New(inbox.Config{Group: s.spec.Name, Topics: topics}, inbox.Deps{
		Store: s.platform.Store, Client: b.consumer, Decode: parts.Decode, Handler: measured,
		Logger: s.log, Metrics: s.platform.Metrics,
	})
	if err != nil {
		return nil, err
	}
	log, err := outbox.NewKafkaLog(b.producer, kafka.ProducerConfig{TransactionalID: s.spec.Name})
	if err != nil {
		return nil, err
	}
	if b.relay, err = s.relay(log, codec, s.platform.Metrics); err != nil {
		return nil, err
	}
	if len(parts.Intents) > 0 {
		b.intents, err = intent.New(intent.Config{Owner: s.instance}, intent.Deps{
			Store: s.platform.Store, Kinds: parts.Intents, CaughtUp: b.inbox.CaughtUp, Logger: s.log, Metrics: s.platform.Metrics,
		})
	}
	return b, err
}

// relay publishes the service's outbox.
func (s *service) relay(log outbox.Log, codec *positions, metrics prometheus.Registerer) (*outbox.Relay, error) {
	return outbox.New(outbox.Config{Relay: s.spec.Name, PositionsTopic: s.spec.Positions.Name, Owner: s.instance}, outbox.Deps{
		Store: s.platform.Store, Log: log,
		EncodePosition: codec.encode, DecodePosition: codec.decode, Event: eventOf,
		Logger: s.log, Metrics: metrics,
	})
}

func (s *service) client(part string) (*kafka.Client, error) {
	cfg, err := s.settings.KafkaConfig(s.spec.Name + "-" + part)
	if err != nil {
		return nil, run.ConfigError(err)
	}
	return kafka.NewClient(cfg)
}

// check says whether the broker answers, for people: the service works on
// without it.
func (b *broker) check(ctx context.Context) error {
	select {
	case <-b.verified:
	default:
		return errors.New("topics not verified yet")
	}
	if !b.relay.Recovered() {
		return errors.New("the database was not compared with its topics yet: nothing is read or executed before")
	}
	if err := b.inbox.Status().Failing; err != nil {
		return err
	}
	_, err := b.producer.DescribeTopics(ctx, b.s.spec.Positions.Name)
	return err
}

// ready waits until the declared topics are found as declared. One task asks for
// all; the others must be able to give up waiting, since they are stopped first.
func (b *broker) ready(ctx context.Context) error {
	select {
	case <-b.verified:
		return nil
	case <-ctx.Done():
		return nil
	case b.asking <- struct{}{}:
	}
	defer func() { <-b.asking }()
	select {
	case <-b.verified:
		return nil
	default:
	}
	specs := slices.Concat(b.s.spec.Owns, b.s.spec.Reads, []kafka.TopicSpec{b.s.spec.Positions})
	err := b.s.persist(ctx, "topics cannot be verified", func() error { return b.verify(ctx, specs) })
	if err != nil || ctx.Err() != nil {
		return err
	}
	close(b.verified)
	return nil
}

// verifyTimeout bounds one look at the topics, so that a broker that does not
// answer is reported soon.
const verifyTimeout = 5 * time.Second

// verify looks at the topics once. What is wrong with the settings, and no wait
// mends, has an exit code.
func (b *broker) verify(ctx context.Context, specs []kafka.TopicSpec) error {
	attempt, cancel := context.WithTimeout(ctx, verifyTimeout)
	defer cancel()
	err := b.producer.VerifyTopics(attempt, specs...)
	var mismatch *kafka.TopicMismatchError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &mismatch) && !onlyMissing(mismatch):
		return run.ConfigError(fmt.Errorf("topics are not as declared; `murmur topics apply` makes what is missing and sets what differs, a wrong partition count needs a new topic: %w", err))
	case mismatch != nil:
		return err
	}
	return b.refused(fmt.Errorf("KAFKA_BROKERS %s: %w", strings.Join(b.s.settings.KafkaBrokers, ","), err))
}

// refused marks an error of brokers that were reached and that refuse: only other
// settings, or other rights, help.
func (b *broker) refused(err error) error {
	var untrusted *tls.CertificateVerificationError
	switch {
	case errors.Is(err, kafka.ErrUnauthenticated):
		return run.ConfigError(fmt.Errorf("KAFKA_USERNAME and KAFKA_PASSWORD: the brokers refuse them: %w", err))
	case errors.Is(err, kafka.ErrUnauthorized):
		return run.ConfigError(fmt.Errorf("KAFKA_USERNAME: the brokers do not allow this user what the service needs (`murmur acls` lists it): %w", err))
	case errors.As(err, &untrusted):
		return run.ConfigError(fmt.Errorf("KAFKA_CA_FILE: the brokers' certificate is not trusted: %w", err))
	case errors.Is(err, io.EOF) && b.s.settings.KafkaUsername == "":
		// They give no reason, and a broker that goes down does the same: tried again.
		return fmt.Errorf("KAFKA_USERNAME is empty, and the brokers hang up, as they do on who does not say who he is: %w", err)
	}
	return err
}

// consume is the inbox's task.
func (b *broker) consume(ctx context.Context) error {
	defer b.consumer.Close()
	if err := b.ready(ctx); err != nil || ctx.Err() != nil {
		return err
	}
	err := b.relay.AfterRecovery(b.inbox.Run)(ctx)
	var impossible *inbox.PositionError
	if errors.As(err, &impossible) {
		return run.InconsistentError(err)
	}
	return b.refused(err)
}

// publish is the relay's task.
func (b *broker) publish(ctx context.Context) error {
	defer b.producer.Close()
	if err := b.ready(ctx); err != nil || ctx.Err() != nil {
		return err
	}
	err := b.relay.Run(ctx)
	if errors.Is(err, outbox.ErrInconsistent) {
		return run.InconsistentError(err)
	}
	return err
}

// execute is the intents' task.
func (b *broker) execute(ctx context.Context) error {
	if b.intents == nil {
		<-ctx.Done()
		return nil
	}
	return b.relay.AfterRecovery(b.intents.Run)(ctx)
}

// onlyMissing: topics that do not exist yet are waited for, since they may be
// applied after the services were started.
func onlyMissing(e *kafka.TopicMismatchError) bool {
	return !slices.ContainsFunc(e.Mismatches, func(m kafka.TopicMismatch) bool { return m.What != "existence" })
}
