package kafka

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"
)

const (
	defaultClientID    = "murmuration"
	defaultDialTimeout = 5 * time.Second

	// layoutTTL is how often, at most, the Transport asks for the addresses of
	// the brokers. It is the only thing that it learns (no topics are asked for),
	// and it never asks out of turn: a broker that moved is found within this.
	layoutTTL = time.Second
)

// Config says how to reach a cluster.
type Config struct {
	Brokers     []string       // host:port of one or more brokers, to find the others by
	ClientID    string         // shown in the brokers' logs and quotas; default "murmuration"
	TLS         *tls.Config    // nil: plain text
	SASL        sasl.Mechanism // one of kafka-go's; nil: no authentication
	DialTimeout time.Duration  // for TCP, TLS and SASL together; default 5 s
}

// Validate reports all faults at once.
func (c Config) Validate() error {
	var errs []error
	if len(c.Brokers) == 0 {
		errs = append(errs, errors.New("brokers: at least one host:port is needed"))
	}
	for _, b := range c.Brokers {
		if host, port, err := net.SplitHostPort(b); err != nil || host == "" || port == "" {
			errs = append(errs, fmt.Errorf("brokers: %q is not host:port", b))
		}
	}
	const maxClientID = 249 // brokers build metric names from it
	if len(c.ClientID) > maxClientID {
		errs = append(errs, fmt.Errorf("client id: %d bytes, at most %d", len(c.ClientID), maxClientID))
	}
	if c.DialTimeout < 0 {
		errs = append(errs, fmt.Errorf("dial timeout: %v is negative", c.DialTimeout))
	}
	if len(errs) == 0 {
		return nil
	}
	return fmt.Errorf("kafka config: %w", errors.Join(errs...))
}

// Client holds the connections to one cluster and what is known of its topics.
// It is safe for concurrent use. Give each producer and each consumer a Client
// of its own, so that a long poll never delays a commit.
type Client struct {
	cfg       Config
	addr      net.Addr
	transport *kafkago.Transport
	closed    atomic.Bool
	cancel    context.CancelFunc // ends the Transport's own goroutines

	mu     sync.RWMutex
	topics map[string]*topicMetadata
}

// NewClient checks the config and returns a Client that has not connected yet.
func NewClient(cfg Config) (*Client, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.ClientID == "" {
		cfg.ClientID = defaultClientID
	}
	if cfg.DialTimeout == 0 {
		cfg.DialTimeout = defaultDialTimeout
	}
	ctx, cancel := context.WithCancel(context.Background())
	return &Client{
		cfg:    cfg,
		cancel: cancel,
		addr:   kafkago.TCP(cfg.Brokers...),
		topics: map[string]*topicMetadata{},
		transport: &kafkago.Transport{
			Context:        ctx,
			ClientID:       cfg.ClientID,
			TLS:            cfg.TLS,
			SASL:           cfg.SASL,
			DialTimeout:    cfg.DialTimeout,
			Dial:           (&net.Dialer{Timeout: cfg.DialTimeout}).DialContext,
			MetadataTTL:    layoutTTL,
			MetadataTopics: []string{}, // not nil, which asks for every topic of the cluster
		},
	}, nil
}

// Close closes the idle connections; those in use close when their request
// ends. Calls made afterwards return ErrClosed. It may be called repeatedly.
func (c *Client) Close() {
	if !c.closed.Swap(true) {
		c.cancel()
		c.transport.CloseIdleConnections()
	}
}

// Ping returns nil once a broker answers. It is one attempt.
func (c *Client) Ping(ctx context.Context) error {
	_, err := c.describeFeatures(ctx)
	return err
}
