//go:build amd64

package clock

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// child makes this program tell the time, line by line, in place of tests.
const child = "CLOCK_TEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(child) == "" {
		os.Exit(m.Run())
	}
	began := time.Now()
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		now := time.Now()
		line := strconv.FormatInt(now.Round(0).UnixMilli(), 10) + " " + strconv.FormatInt(now.Sub(began).Milliseconds(), 10) + "\n"
		if _, err := os.Stdout.WriteString(line); err != nil {
			os.Exit(1)
		}
	}
}

// teller is a process that tells what it takes the time for.
type teller struct {
	t   *testing.T
	pid int
	ask func() string
}

func startTeller(t *testing.T) teller {
	t.Helper()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), child+"=yes")
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := in.Close(); err != nil {
			t.Error(err)
		}
		if err := c.Wait(); err != nil {
			t.Error(err)
		}
	})
	lines := bufio.NewReader(out)
	return teller{t: t, pid: c.Process.Pid, ask: func() string {
		if _, err := in.Write([]byte("?\n")); err != nil {
			t.Fatal(err)
		}
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(line)
	}}
}

// wrong is by how much the process errs on the wall clock, and what its monotonic
// clock says.
func (t teller) wrong() (by, since time.Duration) {
	t.t.Helper()
	wall, monotonic, _ := strings.Cut(t.ask(), " ")
	ms, err := strconv.ParseInt(wall, 10, 64)
	if err != nil {
		t.t.Fatal(err)
	}
	passed, err := strconv.ParseInt(monotonic, 10, 64)
	if err != nil {
		t.t.Fatal(err)
	}
	return time.Until(time.UnixMilli(ms)), time.Duration(passed) * time.Millisecond
}

// slow is what an answer may take on a busy machine.
const slow = 30 * time.Second

func TestShift_MovesTheWallClockOnly(t *testing.T) {
	for _, by := range []time.Duration{2 * time.Hour, -3 * time.Hour} {
		p := startTeller(t)
		if got, _ := p.wrong(); got < -slow || got > slow {
			t.Fatalf("wrong by %s beforehand", got)
		}
		restore, err := Shift(p.pid, by)
		if err != nil {
			t.Fatal(err)
		}
		got, since := p.wrong()
		if got < by-slow || got > by+slow {
			t.Errorf("wrong by %s, want %s", got, by)
		}
		if since < 0 || since > slow {
			t.Errorf("the monotonic clock jumped to %s", since)
		}
		if err := restore(); err != nil {
			t.Fatal(err)
		}
		if got, _ := p.wrong(); got < -slow || got > slow {
			t.Errorf("wrong by %s afterwards", got)
		}
	}
}

func TestShift_RefusesAProcessThatIsNot(t *testing.T) {
	const beyond = 1 << 22 // the highest process id there can be
	if _, err := Shift(beyond, time.Hour); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("answered %v", err)
	}
}
