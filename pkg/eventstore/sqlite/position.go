package sqlite

import (
	"context"
	"fmt"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
)

var _ eventstore.PositionForgetter = (*Store)(nil)

// ForgetPosition makes the inbox read a partition from its beginning. See
// eventstore.PositionForgetter.
func (s *Store) ForgetPosition(ctx context.Context, topic string, partition int32) error {
	if s.writer == nil {
		return ErrReadOnly
	}
	err := s.writer.do(ctx, func(c *conn, _ *group) error {
		_, err := c.exec(`DELETE FROM positions WHERE topic = ? AND partition_id = ?`, topic, int64(partition))
		return err
	})
	if err != nil {
		return fmt.Errorf("forget position %s/%d: %w", topic, partition, err)
	}
	return nil
}
