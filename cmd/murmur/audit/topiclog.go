package audit

import (
	"fmt"
	"strconv"

	"github.com/murmuration-dev/murmuration/pkg/kafka"
	"github.com/murmuration-dev/murmuration/schemas"
)

// maxSuspects bounds the single records that a TopicLog names; beyond it they
// are counted. A log with more has one cause, which a few dozen show as well.
const maxSuspects = 1000

// TopicLog is what an audit keeps of one topic. Fill it with Add, in the order of
// each partition's log.
type TopicLog struct {
	Topic string
	// ID is Kafka's identity of the topic.
	ID string
	// Declared is the number of partitions by which keys are placed.
	Declared int32
	// Start, Stable and End are the oldest offset, the last stable offset and the
	// high watermark of each partition.
	Start, Stable, End map[int32]int64
	// Hole is the lowest offset of each partition at which nothing stands, neither
	// a record nor a marker of a transaction: compaction was there, or the
	// deletion of old records. A partition without one is whole.
	Hole map[int32]int64

	Keys     map[string]*KeyLog
	Records  int64
	Suspects []Suspect
	// More counts suspects that were not kept.
	More int64
}

// KeyLog is what an audit keeps of one key.
type KeyLog struct {
	Partition int32
	Records   []Mark
	// Last is what the last record says, as a value of package schemas; nil after
	// a tombstone or a record that could not be read.
	Last any
	// Forgotten says that the last record is a tombstone.
	Forgotten bool
}

// Mark is one record of a key.
type Mark struct{ Version, Offset int64 }

// Entry is one record as it was read.
type Entry struct {
	Partition int32
	Offset    int64
	Key       string
	// Header is the version header, as text.
	Header string
	// Value is a value of package schemas, or nil. Fault says why it could not be
	// read; without it a nil Value is a tombstone.
	Value any
	Fault string
}

// Suspect is a single record that breaks a rule by itself.
type Suspect struct {
	Check     string
	Key       string
	Partition int32
	Offset    int64
	Version   int64
	Detail    string
}

// NewTopicLog returns the empty log of a topic.
func NewTopicLog(topic string, partitions int32) *TopicLog {
	return &TopicLog{
		Topic: topic, Declared: partitions, Keys: map[string]*KeyLog{},
		Start: map[int32]int64{}, Stable: map[int32]int64{}, End: map[int32]int64{}, Hole: map[int32]int64{},
	}
}

// Add takes the next record of a partition.
func (l *TopicLog) Add(e Entry) {
	l.Records++
	key := l.Keys[e.Key]
	if key == nil {
		key = &KeyLog{Partition: e.Partition}
		l.Keys[e.Key] = key
		if want := kafka.PartitionFor([]byte(e.Key), max(1, l.Declared)); want != e.Partition {
			l.suspect(e, 0, checkLogPlace, fmt.Sprintf("is on partition %d, its key belongs to %d", e.Partition, want))
		}
	} else if key.Partition != e.Partition {
		l.suspect(e, 0, checkLogPlace, fmt.Sprintf("is on partition %d, earlier records of the key on %d", e.Partition, key.Partition))
	}
	key.Last, key.Forgotten = e.Value, e.Value == nil && e.Fault == ""
	if key.Forgotten {
		return
	}
	key.Records = append(key.Records, Mark{Version: l.version(e), Offset: e.Offset})
}

// version returns the version of a record, and suspects a record that does not
// say one version and one key everywhere.
func (l *TopicLog) version(e Entry) int64 {
	header, err := strconv.ParseInt(e.Header, 10, 64)
	if err != nil {
		l.suspect(e, 0, checkLogPlace, fmt.Sprintf("its version header is %q", e.Header))
	}
	if e.Fault != "" {
		l.suspect(e, header, checkLogPlace, "cannot be read: "+e.Fault)
		return header
	}
	id, version := identity(e.Value)
	if err == nil && header != version {
		l.suspect(e, version, checkLogPlace, fmt.Sprintf("its header says version %d, its value %d", header, version))
	}
	if id != e.Key {
		l.suspect(e, version, checkLogPlace, fmt.Sprintf("its value is of %q", id))
	}
	if stock, ok := e.Value.(schemas.Stock); ok {
		if why := impossibleStock(stock); why != "" {
			l.suspect(e, version, checkStockLog, why)
		}
	}
	return version
}

func (l *TopicLog) suspect(e Entry, version int64, check, detail string) {
	if len(l.Suspects) >= maxSuspects {
		l.More++
		return
	}
	l.Suspects = append(l.Suspects, Suspect{check, e.Key, e.Partition, e.Offset, version, detail})
}

// identity is the key and the version that a value gives.
func identity(value any) (id string, version int64) {
	switch v := value.(type) {
	case schemas.Order:
		return v.OrderID, v.Version
	case schemas.Payment:
		return v.OrderID, v.Version
	case schemas.Reservation:
		return v.OrderID, v.Version
	case schemas.Stock:
		return v.SKU, v.Version
	}
	return "", 0
}

// compactable tells whether compaction may have removed a record of a key that
// stood before the offset of the first one that is left. It removes all older
// records of a key or none, and leaves a hole where they stood.
func (l *TopicLog) compactable(partition int32, first int64) bool {
	hole, ok := l.Hole[partition]
	return ok && hole < first
}
