package checker

import (
	"context"
	"encoding/binary"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// groupTopic is where brokers keep what they know of consumer groups.
const groupTopic = "__consumer_offsets"

// Rebalances are the generations that each consumer group has gone through, as the
// brokers keep them. A broker that keeps them elsewhere, as an embedded one does,
// has an error for it.
func Rebalances(ctx context.Context, brokers string) (map[string]int32, error) {
	out := make(map[string]int32)
	err := scan(ctx, brokers, kgo.ReadUncommitted(), []string{groupTopic}, func(r *kgo.Record) error {
		const versionSize, groupMetadata = 2, 2
		if len(r.Key) < versionSize || binary.BigEndian.Uint16(r.Key) != groupMetadata || r.Value == nil {
			return nil // an offset, a control record, or a group that is gone
		}
		var key kmsg.GroupMetadataKey
		if err := key.ReadFrom(r.Key); err != nil {
			return err
		}
		var value kmsg.GroupMetadataValue
		if err := value.ReadFrom(r.Value); err != nil {
			return err
		}
		out[key.Group] = max(out[key.Group], value.Generation)
		return nil
	})
	return out, err
}
