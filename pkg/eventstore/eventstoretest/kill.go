package eventstoretest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
)

var killCases = []testCase{{"ProcessKilledAnywhereLeavesAllOrNothing", testKill}}

const (
	dsnVariable = "MURMURATION_EVENTSTORETEST_DSN"
	// killWorkers is how many goroutines of the child commit at once.
	killWorkers = 4
	// killRounds is how often the child is killed, fewer in short mode.
	killRounds, killRoundsShort = 15, 5
	// killWithin is the longest time from the child's first commit to its end.
	killWithin = 60 * time.Millisecond
)

// Main turns the process into the child of the kill case if it was started as
// one, and otherwise returns at once. open opens a harness's DSN.
func Main(open func(ctx context.Context, dsn string) (eventstore.Store, error)) {
	dsn, ok := os.LookupEnv(dsnVariable)
	if !ok {
		return
	}
	ctx := context.Background()
	s, err := open(ctx, dsn)
	if err == nil {
		err = work(ctx, s, os.Stdout)
	}
	fmt.Fprintln(os.Stderr, "child:", err)
	os.Exit(1)
}

// work commits until the process is killed, and prints "worker number" for
// each unit that was acknowledged.
func work(ctx context.Context, s eventstore.Store, out io.Writer) error {
	errs := make(chan error)
	lines := make(chan string)
	for w := range killWorkers {
		go func() {
			for {
				n, err := workUnit(ctx, s, w)
				if err != nil {
					errs <- err
					return
				}
				lines <- fmt.Sprintf("%d %d\n", w, n)
			}
		}()
	}
	go func() { errs <- relay(ctx, s) }()
	for {
		select {
		case err := <-errs:
			return err
		case line := <-lines:
			if _, err := io.WriteString(out, line); err != nil {
				return err
			}
		}
	}
}

func left(w int) eventstore.StreamID  { return order(fmt.Sprintf("left-%d", w)) }
func right(w int) eventstore.StreamID { return order(fmt.Sprintf("right-%d", w)) }

// workUnit commits unit n of a worker, which has a part in every table.
func workUnit(ctx context.Context, s eventstore.Store, w int) (n int64, err error) {
	err = commit(ctx, s, func(streams []eventstore.Stream) eventstore.Unit {
		n = streams[0].Version + 1
		name := fmt.Sprintf("worker-%d", w)
		return eventstore.Unit{
			Changes:       []eventstore.Change{growth(streams[0], 1), growth(streams[1], 1)},
			Intents:       []eventstore.Intent{{Key: fmt.Sprintf("%s-%d", name, n), Kind: "capture", Due: n}},
			FinishIntents: []string{fmt.Sprintf("%s-%d", name, n-1)},
			Moves:         []eventstore.Move{{Topic: "in", Partition: int32(w), TopicID: "id", From: n - 1, To: n}},
			Answers:       []eventstore.Answer{{Key: fmt.Sprintf("%s-%d", name, n), ExpiresAt: n}},
			Statements:    []eventstore.Statement{total(name, n)},
		}
	}, left(w), right(w))
	return n, err
}

// relay publishes in order, so that what it leaves is the end of each stream.
func relay(ctx context.Context, s eventstore.Store) error {
	for {
		state, err := s.RelayState(ctx, "relay")
		if err != nil {
			return err
		}
		rows, err := s.Pending(ctx, 0, 10, 1<<20)
		if err != nil {
			return err
		}
		state.Batch++
		state.PositionOffset += int64(len(rows))
		if err := s.Published(ctx, "relay", rowIDs(rows), state); err != nil {
			return err
		}
	}
}

func testKill(t *testing.T, h Harness) {
	if h.DSN == "" {
		t.Log("the driver declares that no other process can open its data")
		return
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	rounds := killRounds
	if testing.Short() {
		rounds = killRoundsShort
	}
	var acknowledged [killWorkers]int64
	check(t, h.Store.Close())
	for round := range rounds {
		runAndKill(t, h.DSN, time.Duration(random.Int64N(int64(killWithin))), &acknowledged)
		if h.Deserted != nil {
			h.Deserted(t)
		}
		s := h.Reopen(t)
		verifyWork(t, s, acknowledged)
		if t.Failed() {
			t.Fatalf("seed %d, round %d", seed, round)
		}
		check(t, s.Close())
	}
}

// runAndKill starts a child, kills it some time after its first commit, and
// notes what it acknowledged.
func runAndKill(t *testing.T, dsn string, after time.Duration, acknowledged *[killWorkers]int64) {
	t.Helper()
	self, err := os.Executable()
	check(t, err)
	cmd := exec.CommandContext(within(t), self)
	cmd.Env = append(os.Environ(), dsnVariable+"="+dsn)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	check(t, err)
	check(t, cmd.Start())

	var kill *time.Timer
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if kill == nil {
			kill = time.AfterFunc(after, func() { _ = cmd.Process.Kill() })
		}
		worker, number, _ := strings.Cut(lines.Text(), " ")
		w, err1 := strconv.Atoi(worker)
		n, err2 := strconv.ParseInt(number, 10, 64)
		check(t, errors.Join(err1, err2, lines.Err()))
		acknowledged[w] = n
	}
	err = cmd.Wait()
	if kill == nil || stderr.Len() > 0 {
		t.Fatalf("the child ended by itself: %v: %s", err, stderr.String())
	}
}

// verifyWork checks that all parts of every unit are there or none, and that
// nothing that was acknowledged is missing.
func verifyWork(t *testing.T, s eventstore.Store, acknowledged [killWorkers]int64) {
	t.Helper()
	ctx := within(t)
	waiting := make(map[eventstore.StreamID][]int64)
	for _, r := range pending(t, s) {
		waiting[r.Stream] = append(waiting[r.Stream], r.Version)
	}
	intents, err := s.ListIntents(ctx, eventstore.IntentPending, "", 1000)
	check(t, err)
	published := int64(0)
	var wantIntents []string
	for w := range killWorkers {
		a, err := s.Stream(ctx, left(w))
		check(t, err)
		n := a.Version
		if n < acknowledged[w] {
			t.Errorf("worker %d: at %d, but %d was acknowledged", w, n, acknowledged[w])
		}
		for _, id := range []eventstore.StreamID{left(w), right(w)} {
			verifyStream(t, s, id, n, waiting[id])
			published += n - int64(len(waiting[id]))
		}
		name := fmt.Sprintf("worker-%d", w)
		last := fmt.Sprintf("%s-%d", name, n)
		p, _, err := s.Position(ctx, "in", int32(w))
		check(t, err)
		equal(t, "position", p.Next, n)
		if n == 0 {
			continue // killed before this worker's first commit
		}
		wantIntents = append(wantIntents, last)
		verifyAnswers(t, s, last, fmt.Sprintf("%s-%d", name, n+1))
		verifyTotal(t, s, name, n)
	}
	equal(t, "intents", keys(intents), wantIntents)
	state, err := s.RelayState(ctx, "relay")
	check(t, err)
	equal(t, "rows that the relay says it published", state.PositionOffset, published)
}

// verifyStream checks a stream against its events and its rows.
func verifyStream(t *testing.T, s eventstore.Store, id eventstore.StreamID, n int64, waiting []int64) {
	t.Helper()
	st, err := s.Stream(within(t), id)
	check(t, err)
	want := eventstore.Stream{ID: id}
	if n > 0 {
		want = eventstore.Stream{ID: id, Version: n, Published: n, State: stateAt(n)}
	}
	equal(t, id.String(), st, want)
	equal(t, "events of "+id.String(), len(history(t, s, id, 1000)), int(n))
	for i, v := range waiting {
		equal(t, "row of "+id.String(), v, n-int64(len(waiting)-1-i))
	}
}

// verifyTotal checks the read model.
func verifyTotal(t *testing.T, s eventstore.Store, id string, want int64) {
	t.Helper()
	var amounts []int64
	err := s.Query(within(t), `SELECT amount FROM totals WHERE id = $1`, []any{id}, func(r eventstore.Row) error {
		var amount int64
		err := r.Scan(&amount)
		amounts = append(amounts, amount)
		return err
	})
	check(t, err)
	equal(t, "total of "+id, amounts, []int64{want})
}

func verifyAnswers(t *testing.T, s eventstore.Store, given, notYet string) {
	t.Helper()
	ctx := within(t)
	tx, err := s.Begin(ctx)
	check(t, err)
	defer tx.Rollback()
	_, ok, err := tx.Answer(ctx, given)
	check(t, err)
	equal(t, "answer "+given, ok, true)
	_, ok, err = tx.Answer(ctx, notYet)
	check(t, err)
	equal(t, "answer "+notYet, ok, false)
}
