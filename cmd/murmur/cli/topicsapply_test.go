package cli

import (
	"bytes"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spf13/cobra"

	"github.com/murmuration-dev/murmuration/pkg/run"
)

// insisted is what insistOn does with attempts that end like this, one after the
// other: how many it made, what it said, and what it returned.
func insisted(t *testing.T, wait time.Duration, ends ...error) (made int, said string, err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var errs bytes.Buffer
		c := &cobra.Command{}
		c.SetContext(t.Context())
		c.SetErr(&errs)
		err = insistOn(c, wait, func() error {
			made++
			return ends[min(made, len(ends))-1]
		})
		said = errs.String()
	})
	return made, said, err
}

func TestInsistOn_TriesAgainUntilItWorks(t *testing.T) {
	away, odd := run.TempFailError(errors.New("away")), errors.New("odd")
	made, said, err := insisted(t, time.Minute, away, away, odd, nil)
	if made != 4 || err != nil || said != "murmur: trying again: away\nmurmur: trying again: odd\n" {
		t.Errorf("%d attempts, %v:\n%s", made, err, said)
	}
}

func TestInsistOn_EndsWithTheTime(t *testing.T) {
	away := run.TempFailError(errors.New("away"))
	if made, said, err := insisted(t, 0, away); made != 1 || said != "" || !errors.Is(err, away) {
		t.Errorf("%d attempts, %v: %s", made, err, said)
	}
	if made, _, err := insisted(t, 10*time.Second, away); made != 11 || !errors.Is(err, away) {
		t.Errorf("%d attempts, %v", made, err)
	}
}

func TestInsistOn_DoesNotRepeatWhatNoTimeMends(t *testing.T) {
	for _, wrong := range []error{run.ConfigError(errors.New("refused")), run.UsageError(errors.New("misspelt"))} {
		if made, _, err := insisted(t, time.Minute, wrong); made != 1 || !errors.Is(err, wrong) {
			t.Errorf("%d attempts, %v", made, err)
		}
	}
}
