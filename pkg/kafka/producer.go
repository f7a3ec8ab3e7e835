package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Protocol is the version of Kafka's transaction protocol.
type Protocol int8

const (
	// ProtocolAuto uses V2 where the cluster has finalized it, else V1.
	ProtocolAuto Protocol = iota
	// ProtocolV1 announces every partition to the coordinator, and keeps its
	// epoch. Every broker since Kafka 3.0 serves it.
	ProtocolV1
	// ProtocolV2 (KIP-890, transaction.version 2) lets the partition leaders
	// announce themselves, and gives every transaction an epoch of its own.
	ProtocolV2
)

// String is auto, v1 or v2.
func (p Protocol) String() string {
	switch p {
	case ProtocolAuto:
		return "auto"
	case ProtocolV1:
		return "v1"
	case ProtocolV2:
		return "v2"
	}
	return fmt.Sprintf("protocol(%d)", int8(p))
}

const (
	transactionalIDs = 2 // see TransactionalIDs

	defaultTransactionTimeout = 10 * time.Second
	// maxTransactionTimeout is the brokers' default transaction.max.timeout.ms.
	maxTransactionTimeout = 15 * time.Minute
	minTransactionTimeout = 100 * time.Millisecond

	// defaultMaxBatchBytes leaves room below the brokers' default
	// message.max.bytes of 1 MiB, for a codec that makes a batch larger.
	defaultMaxBatchBytes = 900 << 10
	minMaxBatchBytes     = 1 << 10
	// maxMaxBatchBytes stays well below the brokers' socket.request.max.bytes.
	maxMaxBatchBytes = 64 << 20

	defaultRetryBackoff = 5 * time.Millisecond
)

// ProducerConfig configures a Producer.
type ProducerConfig struct {
	// TransactionalID is the name that fences: of two producers with the same one
	// only the one initialised last can write. The ids that the brokers see are
	// those of TransactionalIDs.
	TransactionalID string
	// Protocol pins the transaction protocol; the default asks the cluster.
	Protocol Protocol
	// TransactionTimeout bounds a transaction, and every call on it, 100 ms to
	// 15 min; default 10 s. An abandoned one holds back all read-committed
	// readers of its partitions for this long, plus up to 10 s on Apache Kafka.
	TransactionTimeout time.Duration
	// Compression of the batches; default LZ4.
	Compression Compression
	// MaxBatchBytes bounds a batch before compression; default 900 KiB. Keep it
	// below the topics' max.message.bytes. What is larger is sent in several
	// batches of the same transaction.
	MaxBatchBytes int
	// RetryBackoff is the first pause after a failure that passes by itself;
	// default 5 ms. It doubles up to 50 times itself. The pause while the brokers
	// complete an earlier transaction is 1 to 2 ms at first, and 100 ms at most,
	// whatever this says.
	RetryBackoff time.Duration
}

// Validate reports all faults at once.
func (c ProducerConfig) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.TransactionalID == "" {
		bad("transactional id: must not be empty")
	}
	if c.Protocol < ProtocolAuto || c.Protocol > ProtocolV2 {
		bad("protocol: %v", c.Protocol)
	}
	if t := c.TransactionTimeout; t != 0 && (t < minTransactionTimeout || t > maxTransactionTimeout) {
		bad("transaction timeout: %v, want %v to %v", t, minTransactionTimeout, maxTransactionTimeout)
	}
	if !c.Compression.valid() {
		bad("compression: %v", c.Compression)
	}
	if n := c.MaxBatchBytes; n != 0 && (n < minMaxBatchBytes || n > maxMaxBatchBytes) {
		bad("max batch bytes: %d, want %d to %d", n, minMaxBatchBytes, maxMaxBatchBytes)
	}
	if c.RetryBackoff < 0 {
		bad("retry backoff: %v is negative", c.RetryBackoff)
	}
	if len(errs) == 0 {
		return nil
	}
	return fmt.Errorf("producer config: %w", errors.Join(errs...))
}

// TransactionalIDs are the ids that the brokers see, and that access control lists
// have to allow: TransactionalID with -0 and -1 appended. They take turns, so that
// a transaction never waits until the markers of the one before it are written.
func (c ProducerConfig) TransactionalIDs() []string {
	ids := make([]string, transactionalIDs)
	for i := range ids {
		ids[i] = fmt.Sprintf("%s-%d", c.TransactionalID, i)
	}
	return ids
}

func (c *ProducerConfig) setDefaults() {
	if c.TransactionTimeout == 0 {
		c.TransactionTimeout = defaultTransactionTimeout
	}
	if c.MaxBatchBytes == 0 {
		c.MaxBatchBytes = defaultMaxBatchBytes
	}
	if c.RetryBackoff == 0 {
		c.RetryBackoff = defaultRetryBackoff
	}
}

// Producer writes transactions: of the records of one, a read-committed reader
// sees all or none, each once.
//
// The order of use is Init, then Begin, Produce, Commit again and again. After
// an error that is ErrFenced, ErrUnknownOutcome or ErrAborted comes Init again,
// and a look at what was committed. A Producer is safe for concurrent use, one
// call at a time: others wait.
type Producer struct {
	client *Client
	cfg    ProducerConfig
	stats  statistics

	mu       sync.Mutex // held for the whole of every call
	protocol transactionProtocol
	sessions [transactionalIDs]*session
	turn     int
	ready    bool
	open     *Txn
}

// session is one transactional id, and what the brokers gave it.
type session struct {
	id    string
	pid   int64 // -1: never initialised
	epoch int16
	coord int32 // node of the coordinator; anyBroker: not known
	lanes map[TopicPartition]*lane
}

// NewProducer checks the config. It sends nothing: call Init.
func NewProducer(c *Client, cfg ProducerConfig) (*Producer, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg.setDefaults()
	p := &Producer{client: c, cfg: cfg}
	for i, id := range cfg.TransactionalIDs() {
		p.sessions[i] = &session{
			id: id, pid: -1, epoch: -1,
			coord: anyBroker, lanes: map[TopicPartition]*lane{},
		}
	}
	return p, nil
}

// Init makes this producer the one owner of its transactional ids: it fences
// every other, and aborts whatever transaction they or we left open. When it
// returned nil, no earlier transaction can become visible any more, so what is
// committed now is final: read it before you produce.
//
// The first Init takes over unconditionally. A later one presents what we own,
// and returns ErrFenced if somebody took over since; the one after that takes
// over again. Even a refused Init can abort the transaction of the rightful
// owner: never call Init without holding the lease that makes you the owner.
//
// It retries until ctx ends or the transaction timeout has passed, and may be
// called at any time; an open transaction is abandoned.
func (p *Producer) Init(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ready = false
	p.abandon()
	ctx, cancel := context.WithTimeout(ctx, p.cfg.TransactionTimeout)
	defer cancel()
	if err := p.retry(ctx, "ApiVersions", func(ctx context.Context) error {
		f, err := p.client.describeFeatures(ctx)
		if err == nil {
			p.protocol, err = chooseProtocol(p.cfg.Protocol, f)
		}
		return err
	}); err != nil {
		return fmt.Errorf("init %s: %w", p.cfg.TransactionalID, err)
	}
	for _, s := range p.sessions {
		if err := p.initSession(ctx, s); err != nil {
			return fmt.Errorf("init %s: %w", s.id, err)
		}
	}
	p.stats.initialised(p.protocol.name)
	// The first transaction uses the id that was initialised first. Of two owners
	// whose Inits interleaved, each is left with one id, and then one of them fails
	// at its first transaction, rather than both going on beside each other.
	p.turn = 0
	p.ready = true
	return nil
}

func (p *Producer) initSession(ctx context.Context, s *session) error {
	err := p.retry(ctx, "InitProducerId", func(ctx context.Context) error {
		err := p.initProducerID(ctx, s)
		if errors.Is(err, codeInvalidProducerMapping) || errors.Is(err, codeUnknownProducerID) {
			// The brokers expired the id (a week without use by default), so there is
			// nobody to be fenced by.
			s.pid, s.epoch = -1, -1
			err = p.initProducerID(ctx, s)
		}
		return err
	})
	if errors.Is(err, ErrFenced) {
		s.pid, s.epoch = -1, -1 // the caller decides whether to take over again
	}
	if err != nil {
		return err
	}
	for _, l := range s.lanes {
		l.seq = 0
	}
	return nil
}

// abandon forgets the open transaction; only Init, which aborts it, may follow.
func (p *Producer) abandon() {
	if p.open != nil {
		p.open.leave()
		p.open = nil
	}
}

// Begin opens a transaction. It sends nothing. It returns ErrNotInitialized if
// Init has to come first, and ErrTransactionOpen before the last transaction was
// committed or aborted.
func (p *Producer) Begin() (*Txn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.open != nil:
		return nil, ErrTransactionOpen
	case !p.ready:
		return nil, ErrNotInitialized
	}
	p.open = &Txn{p: p, s: p.sessions[p.turn]}
	return p.open, nil
}

// Stats returns what the producer has counted so far. It does not wait for a
// call in progress.
func (p *Producer) Stats() ProducerStats { return p.stats.snapshot() }
