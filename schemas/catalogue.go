package schemas

import (
	"embed"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"
)

// Names of the topics.
const (
	Orders             = "orders"
	Payments           = "payments"
	Reservations       = "reservations"
	StockLevels        = "stock"
	OrderPositions     = "order-positions"
	PaymentPositions   = "payment-positions"
	InventoryPositions = "inventory-positions"
)

// Names of the services, as Topic.Owner gives them.
const (
	OrderService     = "order"
	PaymentService   = "payment"
	InventoryService = "inventory"
)

// Topic is the declared state of one topic: what is on it, who may write it,
// and how the broker keeps it.
type Topic struct {
	// Name is the topic's name at the broker.
	Name string
	// Key says what the record key is; keys are plain text.
	Key string
	// Owner is the only service that writes to the topic.
	Owner string
	// Subject is the name of the schema at the registry: "<topic>-value".
	Subject string
	// Schema is the Avro text of the latest version, as it is registered.
	Schema string
	// Versions are the Avro texts of all versions, oldest first; the last one
	// is Schema.
	Versions []string
	// Partitions is fixed for the topic's life: another number would send a key
	// to another partition, and its order would be lost.
	Partitions int32
	// Configs are the topic settings at the broker. Replication is not among
	// them, since it belongs to the cluster.
	Configs map[string]string
}

// statePartitions bounds how many instances of one service can share the work:
// six divides evenly by one, two, three and six.
const statePartitions = 6

// The lags of the state topics. Compaction only ever keeps the latest record
// of a key, so they decide who can still see more than that.
const (
	// A reader that was away for less than this misses no record at all: the
	// outage that may happen without anyone having to think about it.
	minCompactionLag = 24 * time.Hour
	// A deleted key leaves a tombstone, and a reader must meet it before it
	// goes: the longest outage (a long weekend) and the time to rebuild, with
	// room to spare. Whoever was away for longer rebuilds from the start.
	tombstoneRetention = 7 * 24 * time.Hour
	// What a tombstone erases is gone from the disk after at most this. A law
	// that asks for erasure within a month leaves room for backups.
	maxCompactionLag = 7 * 24 * time.Hour
)

// The position topics hold a handful of keys and one record per transaction,
// of which only the latest matters. Small segments that roll soon keep what a
// recovering relay has to read small; the active segment is never compacted.
const (
	positionSegmentBytes = 4 << 20
	positionSegmentAge   = 10 * time.Minute
	// Tombstones do not occur; one day lets a person still see one.
	positionTombstoneRetention = 24 * time.Hour
)

//go:embed orders/*.avsc payments/*.avsc reservations/*.avsc stock/*.avsc positions/*.avsc
var files embed.FS

var catalogue = []Topic{
	stateTopic(Orders, "order id", OrderService),
	stateTopic(Payments, "order id", PaymentService),
	stateTopic(Reservations, "order id", InventoryService),
	stateTopic(StockLevels, "SKU", InventoryService),
	positionTopic(OrderPositions, OrderService),
	positionTopic(PaymentPositions, PaymentService),
	positionTopic(InventoryPositions, InventoryService),
}

// Topics returns all topics, those with state first. The result is the
// caller's own.
func Topics() []Topic {
	topics := make([]Topic, len(catalogue))
	for i, topic := range catalogue {
		topics[i] = topic.clone()
	}
	return topics
}

// ByName returns the topic of that name, and whether there is one. The result
// is the caller's own.
func ByName(name string) (Topic, bool) {
	i := slices.IndexFunc(catalogue, func(t Topic) bool { return t.Name == name })
	if i < 0 {
		return Topic{}, false
	}
	return catalogue[i].clone(), true
}

func (t Topic) clone() Topic {
	t.Versions = slices.Clone(t.Versions)
	t.Configs = maps.Clone(t.Configs)
	return t
}

func stateTopic(name, key, owner string) Topic {
	return newTopic(name, key, owner, name, statePartitions, map[string]string{
		"cleanup.policy":        "compact",
		"min.compaction.lag.ms": millis(minCompactionLag),
		"delete.retention.ms":   millis(tombstoneRetention),
		"max.compaction.lag.ms": millis(maxCompactionLag),
	})
}

// positionTopic has one partition, so that a relay reads its position from the
// end of one log.
func positionTopic(name, owner string) Topic {
	return newTopic(name, "relay name", owner, "positions", 1, map[string]string{
		"cleanup.policy":        "compact",
		"min.compaction.lag.ms": "0",
		"delete.retention.ms":   millis(positionTombstoneRetention),
		"segment.bytes":         strconv.Itoa(positionSegmentBytes),
		"segment.ms":            millis(positionSegmentAge),
	})
}

func newTopic(name, key, owner, folder string, partitions int32, configs map[string]string) Topic {
	versions := load(folder)
	return Topic{
		Name:       name,
		Key:        key,
		Owner:      owner,
		Subject:    name + "-value",
		Schema:     versions[len(versions)-1],
		Versions:   versions,
		Partitions: partitions,
		Configs:    configs,
	}
}

// load returns v1.avsc, v2.avsc and so on of a folder. The files are part of
// the binary, so a gap in their numbers is a mistake of the build.
func load(folder string) []string {
	entries, err := files.ReadDir(folder)
	if err != nil {
		panic(fmt.Sprintf("schemas: %v", err))
	}
	versions := make([]string, len(entries))
	for i := range versions {
		text, err := files.ReadFile(fmt.Sprintf("%s/v%d.avsc", folder, i+1))
		if err != nil {
			panic(fmt.Sprintf("schemas: %v", err))
		}
		versions[i] = string(text)
	}
	return versions
}

func millis(d time.Duration) string {
	return strconv.FormatInt(d.Milliseconds(), 10)
}
