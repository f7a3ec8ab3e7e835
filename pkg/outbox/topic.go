package outbox

import "github.com/murmuration-dev/murmuration/pkg/kafka"

// PositionsTopic declares a topic for position records: compacted, because only
// the last one of a relay counts; with small segments, because the one being
// written is never compacted; and one partition, which recovery reads.
//
// Give each relay a topic of its own. Relays can share one, but then an open
// transaction of one makes the recovery of the others wait for its end.
func PositionsTopic(name string) kafka.TopicSpec {
	return kafka.TopicSpec{
		Name:       name,
		Partitions: 1,
		// As the broker says: the replicas of the positions must be as safe as
		// those of the records.
		ReplicationFactor: -1,
		Configs: map[string]string{
			"cleanup.policy":            "compact",
			"segment.bytes":             "16777216",
			"min.cleanable.dirty.ratio": "0.1",
		},
	}
}
