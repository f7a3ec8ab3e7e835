package kafka

import (
	"fmt"
	"time"
)

// AnyPartition as Record.Partition makes Produce choose by the hash of the key.
const AnyPartition int32 = -1

// TopicPartition names one partition.
type TopicPartition struct {
	Topic     string
	Partition int32
}

// String is topic/partition.
func (tp TopicPartition) String() string { return fmt.Sprintf("%s/%d", tp.Topic, tp.Partition) }

// Header is one header of a record. Keys may repeat.
type Header struct {
	Key   string
	Value []byte
}

// Record is one record to produce, or as read.
//
// To produce: Partition is taken literally, 0 included; AnyPartition chooses by
// key. A zero Time is the time of sending. Offset is ignored. Produce keeps no
// reference to Key, Value or Headers after it returned.
//
// As read: Key, Value and header values may share memory with each other; treat
// them as read-only, and copy what outlives the handling of the record.
type Record struct {
	Topic      string
	Partition  int32
	Offset     int64
	Time       time.Time // milliseconds are kept
	Key, Value []byte    // a nil Value is a tombstone; an empty one is not
	Headers    []Header
}

// TopicPartition of the record.
func (r *Record) TopicPartition() TopicPartition { return TopicPartition{r.Topic, r.Partition} }

// Header returns the last value of the header, as Kafka's own clients do when a
// key repeats.
func (r Record) Header(key string) (string, bool) {
	for i := len(r.Headers) - 1; i >= 0; i-- {
		if r.Headers[i].Key == key {
			return string(r.Headers[i].Value), true
		}
	}
	return "", false
}
