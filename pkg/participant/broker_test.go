package participant

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/murmuration-dev/murmuration/pkg/run"
)

// Brokers that ask for a user hang up without a word on who names none.
func TestBroker_WithoutAUserIsToldWhenBrokersHangUp(t *testing.T) {
	hungUp := fmt.Errorf("describe topics: %w", io.EOF)
	for user, said := range map[string]bool{"": true, "order": false} {
		b := &broker{s: &service{settings: Settings{KafkaUsername: user}}}
		err := b.refused(hungUp)
		if strings.Contains(err.Error(), "KAFKA_USERNAME is empty") != said {
			t.Errorf("user %q: %v", user, err)
		}
		if code := run.ExitCode(err); code != run.ExitFailure {
			t.Errorf("user %q: exit code %d for what may pass", user, code)
		}
	}
}
