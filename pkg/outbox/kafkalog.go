package outbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/kafka"
)

// stablePoll is how often KafkaLog looks whether an open transaction on the
// positions topic has ended. Markers take milliseconds to be written.
const stablePoll = 10 * time.Millisecond

// KafkaLog is the Log of one relay on a Kafka cluster.
type KafkaLog struct {
	client   *kafka.Client
	cfg      kafka.ProducerConfig
	producer *kafka.Producer
	// floor is an offset in the positions topic that every later record is at or
	// above.
	floor int64
}

// NewKafkaLog checks the settings and sends nothing. The client should serve
// this relay alone, so that nothing delays a commit, and stays the caller's to
// close. All processes of one relay use the same cfg.TransactionalID, and
// nobody else does.
func NewKafkaLog(client *kafka.Client, cfg kafka.ProducerConfig) (*KafkaLog, error) {
	if _, err := kafka.NewProducer(client, cfg); err != nil {
		return nil, err
	}
	return &KafkaLog{client: client, cfg: cfg}, nil
}

// TopicID implements Log.
func (l *KafkaLog) TopicID(ctx context.Context, topic string) (string, error) {
	topics, err := l.client.DescribeTopics(ctx, topic)
	if err != nil {
		return "", err
	}
	return topics[topic].ID.String(), nil
}

// Init implements Log.
//
// It takes over unconditionally, by a new producer, whose first transaction uses
// the id that was initialised first. Two relays that initialise at the same time
// can end up with one id each; then it is the first transaction of one of them
// that fails, rather than both of them publishing the same rows.
func (l *KafkaLog) Init(ctx context.Context) error {
	producer, err := kafka.NewProducer(l.client, l.cfg)
	if err != nil {
		return err
	}
	l.producer = producer
	return fenced(producer.Init(ctx))
}

// markKey is the key of what Last writes, which no reader of committed records sees.
const markKey = "mark of a reader"

// Last implements Log.
//
// Kafka answers reads without asking whether the answering broker still leads: one
// that was frozen, or is cut off from the others, goes on saying that the log ends
// where it ended. So Last writes first, in a transaction that is aborted. Only the
// leader can acknowledge a write to all in-sync replicas; who reads as far as that
// offset has seen everything that was committed before. Without Init there are no ids
// to write with, and Last believes what it is told.
func (l *KafkaLog) Last(ctx context.Context, topic, key string, from int64) (last Entry, found bool, err error) {
	tp := kafka.TopicPartition{Topic: topic}
	least := int64(0)
	if l.producer != nil {
		if least, err = l.mark(ctx, tp); err != nil {
			return Entry{}, false, fmt.Errorf("mark the end of %s: %w", tp, err)
		}
	}
	starts, err := l.client.StartOffsets(ctx, tp)
	if err != nil {
		return Entry{}, false, err
	}
	end, err := l.stable(ctx, tp, least)
	if err != nil {
		return Entry{}, false, err
	}
	l.floor = end
	from = max(from, starts[tp])
	if from >= end {
		return Entry{}, false, nil
	}
	err = l.client.ScanRange(ctx, kafka.ReadCommitted, map[kafka.TopicPartition]int64{tp: from}, map[kafka.TopicPartition]int64{tp: end}, func(r kafka.Record) error {
		if string(r.Key) == key && r.Value != nil {
			last, found = Entry{Offset: r.Offset, Value: append([]byte(nil), r.Value...)}, true
		}
		return nil
	})
	return last, found, err
}

// mark writes to the partition and returns the offset after what it wrote, of which
// nothing remains.
func (l *KafkaLog) mark(ctx context.Context, tp kafka.TopicPartition) (int64, error) {
	txn, err := l.producer.Begin()
	if err != nil {
		return 0, err
	}
	err = txn.Produce(ctx, kafka.Record{Topic: tp.Topic, Partition: tp.Partition, Key: []byte(markKey)})
	if err != nil {
		return 0, fenced(err)
	}
	offset, ok := txn.LastOffset(tp)
	if err := txn.Abort(ctx); err != nil {
		return 0, fenced(err)
	}
	if !ok {
		return 0, errors.New("the broker did not say where it was written")
	}
	return offset + 1, nil
}

// stable returns the end of the partition, which is at least where it is known to
// reach, once every transaction below it has ended. A reader of committed records
// stops at the first open transaction, which can be that of another relay, and our
// own last position stand behind it.
func (l *KafkaLog) stable(ctx context.Context, tp kafka.TopicPartition, least int64) (int64, error) {
	ends, err := l.client.EndOffsetsFrom(ctx, kafka.ReadUncommitted, map[kafka.TopicPartition]int64{tp: least})
	if err != nil {
		return 0, err
	}
	open := int64(-1)
	for {
		stable, err := l.client.EndOffsets(ctx, kafka.ReadCommitted, tp)
		switch {
		case err == nil && stable[tp] >= ends[tp]:
			return ends[tp], nil
		case err == nil:
			open = stable[tp]
			sleep(ctx, stablePoll)
		case ctx.Err() == nil || open < 0:
			return 0, err
		}
		if ctx.Err() != nil { // what was waited for tells more than where the wait ended
			return 0, fmt.Errorf("%s: a transaction of somebody else is open at offset %d: %w", tp, open, ctx.Err())
		}
	}
}

// Begin implements Log.
func (l *KafkaLog) Begin(context.Context) (Txn, error) {
	if l.producer == nil {
		return nil, kafka.ErrNotInitialized
	}
	txn, err := l.producer.Begin()
	if err != nil {
		return nil, err
	}
	return &kafkaTxn{log: l, txn: txn}, nil
}

type kafkaTxn struct {
	log *KafkaLog
	txn *kafka.Txn
}

func (t *kafkaTxn) Produce(ctx context.Context, records []eventstore.Record, position eventstore.Record) (int64, error) {
	all := kafkaRecords(records, &position)
	if err := t.txn.Produce(ctx, all...); err != nil {
		return 0, fenced(err)
	}
	if offset, ok := t.txn.LastOffset(kafka.TopicPartition{Topic: position.Topic}); ok {
		t.log.floor = offset
	}
	return t.log.floor, nil
}

// kafkaRecords turns a batch into Kafka's form. All texts of a batch share one
// piece of memory, as do all headers.
func kafkaRecords(records []eventstore.Record, position *eventstore.Record) []kafka.Record {
	headers, bytes := 0, len(position.Key)
	for i := range records {
		bytes += len(records[i].Key)
		headers += len(records[i].Headers)
		for _, h := range records[i].Headers {
			bytes += len(h.Value)
		}
	}
	all, texts, list := make([]kafka.Record, 0, len(records)+1), make([]byte, 0, bytes), make([]kafka.Header, 0, headers)
	shared := func(s string) []byte {
		first := len(texts)
		texts = append(texts, s...)
		return texts[first:len(texts):len(texts)]
	}
	for i := range records {
		r := &records[i]
		first := len(list)
		for _, h := range r.Headers {
			list = append(list, kafka.Header{Key: h.Key, Value: shared(h.Value)})
		}
		all = append(all, kafka.Record{
			Topic: r.Topic, Partition: kafka.AnyPartition, Key: shared(r.Key), Value: r.Value, Headers: list[first:len(list):len(list)],
		})
	}
	return append(all, kafka.Record{Topic: position.Topic, Key: shared(position.Key), Value: position.Value})
}

func (t *kafkaTxn) Commit(ctx context.Context) error { return fenced(t.txn.Commit(ctx)) }

func (t *kafkaTxn) Abort(ctx context.Context) error { return fenced(t.txn.Abort(ctx)) }

func fenced(err error) error {
	if errors.Is(err, kafka.ErrFenced) {
		return fmt.Errorf("%w: %w", ErrFenced, err)
	}
	return err
}
