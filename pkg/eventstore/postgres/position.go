package postgres

import (
	"context"
	"fmt"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
)

var _ eventstore.PositionForgetter = (*Store)(nil)

// ForgetPosition makes the inbox read a partition from its beginning. See
// eventstore.PositionForgetter.
func (s *Store) ForgetPosition(ctx context.Context, topic string, partition int32) error {
	if _, err := s.exec(ctx, `DELETE FROM positions WHERE topic = $1 AND partition_id = $2`, topic, int64(partition)); err != nil {
		return fmt.Errorf("forget position %s/%d: %w", topic, partition, err)
	}
	return nil
}
