package aggregate_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/murmuration-dev/murmuration/pkg/aggregate"
	"github.com/murmuration-dev/murmuration/pkg/aggregate/aggregatetest"
	"github.com/murmuration-dev/murmuration/pkg/eventstore"
)

// together runs commands so that all of them make up one batch: they queue up
// behind a command that is held until all of them wait.
type together struct {
	t        *testing.T
	store    *aggregatetest.Store
	accounts *aggregate.Definition[state, observed, event]
	commands *aggregate.Commands
	fns      []func(*aggregate.Session, *root) error
	ids      []string
	ctxs     []context.Context
	queued   func() // called when all commands wait
	commit   aggregatetest.Commit
}

func newTogether(t *testing.T) *together {
	store := open(t)
	return &together{t: t, store: store, accounts: accounts(), commands: aggregate.NewCommands(store)}
}

func (b *together) add(id string, fn func(*aggregate.Session, *root) error) {
	b.addCtx(b.t.Context(), id, fn)
}

func (b *together) addCtx(ctx context.Context, id string, fn func(*aggregate.Session, *root) error) {
	b.ids, b.fns, b.ctxs = append(b.ids, id), append(b.fns, fn), append(b.ctxs, ctx)
}

func deposit(amount int64) func(*aggregate.Session, *root) error {
	return func(_ *aggregate.Session, r *root) error { return r.Apply(meta(1), deposited{amount}) }
}

// run returns the commands' errors, in the order in which they were added.
func (b *together) run() []error {
	b.t.Helper()
	errs := make([]error, len(b.fns))
	held, release := make(chan struct{}), make(chan struct{})
	var callers sync.WaitGroup
	callers.Go(func() {
		err := aggregate.Run(b.t.Context(), b.commands, b.accounts, "~first", func(*aggregate.Session, *root) error {
			close(held)
			<-release
			return nil
		})
		check(b.t, err)
	})
	<-held
	for i, fn := range b.fns {
		callers.Go(func() { errs[i] = aggregate.Run(b.ctxs[i], b.commands, b.accounts, b.ids[i], fn) })
		eventually(b.t, "the command waits", func() bool { return b.commands.Waiting() == i+1 })
	}
	if b.queued != nil {
		b.queued()
	}
	b.store.OnCommit(func(u eventstore.Unit, commit func() error) error {
		if len(u.Changes) == 0 && len(u.Answers) == 0 {
			return commit() // the command that was held
		}
		if b.commit != nil {
			return b.commit(u, commit)
		}
		return commit()
	})
	close(release)
	callers.Wait()
	b.store.OnCommit(nil)
	if b.store.Open() != 0 {
		b.t.Errorf("%d units were left open", b.store.Open())
	}
	return errs
}

func (b *together) balance(id string) int64 {
	b.t.Helper()
	return must(b.accounts.Read(b.t.Context(), b.store, id))(b.t).State.Balance
}

// goesOn fails the test if the queue has no leader any more.
func (b *together) goesOn() {
	b.t.Helper()
	before := b.balance("next")
	check(b.t, aggregate.Run(b.t.Context(), b.commands, b.accounts, "next", deposit(1)))
	if b.balance("next") != before+1 {
		b.t.Error("the next command had no effect")
	}
}

func TestCommands_ThatArriveTogetherShareOneCommit(t *testing.T) {
	t.Parallel()
	b := newTogether(t)
	for i := range 40 {
		b.add(fmt.Sprint(i%3), deposit(1))
	}
	units, changes := 0, 0
	b.commit = func(u eventstore.Unit, commit func() error) error {
		units, changes = units+1, changes+len(u.Changes)
		return commit()
	}
	for i, err := range b.run() {
		if err != nil {
			t.Errorf("command %d: %v", i, err)
		}
	}
	if sum := b.balance("0") + b.balance("1") + b.balance("2"); sum != 40 || units != 1 || changes != 3 {
		t.Errorf("got %d in %d units of %d changes, want 40 in one unit, one change per stream", sum, units, changes)
	}
	if n := len(rows(t, b.store)); n != 3 {
		t.Errorf("got %d records, want one per stream", n)
	}
	b.goesOn()
}

func TestCommands_SplitWhatIsTooMuchForOneUnit(t *testing.T) {
	t.Parallel()
	b := newTogether(t)
	for i := range aggregate.MaxBatch + 10 {
		b.add(fmt.Sprint(i), deposit(1))
	}
	var sizes []int
	b.commit = func(u eventstore.Unit, commit func() error) error {
		sizes = append(sizes, len(u.Changes))
		return commit()
	}
	check(t, errors.Join(b.run()...))
	if !slices.Equal(sizes, []int{aggregate.MaxBatch, 10}) {
		t.Errorf("got units of %v changes", sizes)
	}
}

func TestCommands_OneRefusedAmongManyLeavesNoTrace(t *testing.T) {
	t.Parallel()
	b := newTogether(t)
	b.add("a", deposit(1))
	b.add("b", deposit(1))
	b.add("a", func(s *aggregate.Session, r *root) error {
		s.Unit.Intents = append(s.Unit.Intents, eventstore.Intent{Key: "leak", Kind: "k", Stream: b.accounts.StreamID("a")})
		r.Observe(observed{9})
		others, err := b.accounts.Load(t.Context(), s, "b", "zzz") // one of another command, one that is new
		if err != nil {
			return err
		}
		return errors.Join(r.Apply(meta(1), deposited{100}), others[0].Apply(meta(1), deposited{100}), others[1].Apply(meta(1), deposited{100}), errRefused)
	})
	b.add("a", func(s *aggregate.Session, _ *root) error {
		last, err := b.accounts.LoadOne(t.Context(), s, "zzz")
		if err != nil {
			return err
		}
		return last.Apply(meta(1), deposited{8})
	})
	b.add("b", func(s *aggregate.Session, r *root) error {
		s.Unit.Intents = append(s.Unit.Intents, eventstore.Intent{Key: "kept", Kind: "k", Stream: b.accounts.StreamID("b")})
		return r.Apply(meta(1), deposited{2})
	})
	b.add("zz", func(_ *aggregate.Session, r *root) error { return r.Apply(meta(1), deposited{r.State.Balance + 4}) })
	units := 0
	b.commit = func(_ eventstore.Unit, commit func() error) error { units++; return commit() }
	errs := b.run()
	for i, want := range []error{nil, nil, errRefused, nil, nil, nil} {
		if !errors.Is(errs[i], want) {
			t.Errorf("command %d: got %v, want %v", i, errs[i], want)
		}
	}
	a := must(b.accounts.Read(t.Context(), b.store, "a"))(t)
	if a.State.Balance != 1 || a.Observed.Rate != 0 || b.balance("b") != 3 || b.balance("zz") != 4 || b.balance("zzz") != 8 || units != 1 {
		t.Errorf("got a %+v %+v, b %d, zz %d, zzz %d in %d units, want 1, 3, 4, 8 in one", a.State, a.Observed, b.balance("b"), b.balance("zz"), b.balance("zzz"), units)
	}
	intents := must(b.store.ListIntents(t.Context(), eventstore.IntentPending, "", 10))(t)
	if len(intents) != 1 || intents[0].Key != "kept" {
		t.Errorf("got intents %v, want only that of the accepted command", intents)
	}
	b.goesOn()
}

func TestCommands_APanicIsItsOwnCommandsError(t *testing.T) {
	t.Parallel()
	for name, bad := range map[string]func(*aggregate.Session, *root) error{
		"in the command": func(_ *aggregate.Session, r *root) error {
			check(t, r.Apply(meta(1), deposited{50}))
			panic("no such luck")
		},
		"in the record": deposit(panicBalance),
	} {
		t.Run(name, func(t *testing.T) {
			b := newTogether(t)
			b.add("a", deposit(1))
			b.add("b", bad)
			b.add("c", deposit(1))
			errs := b.run()
			if errs[0] != nil || errs[2] != nil || errs[1] == nil || !strings.Contains(errs[1].Error(), "panicked") {
				t.Errorf("got %v, want only the second to fail with its panic", errs)
			}
			if b.balance("a") != 1 || b.balance("b") != 0 || b.balance("c") != 1 {
				t.Errorf("got balances %d, %d, %d", b.balance("a"), b.balance("b"), b.balance("c"))
			}
			b.goesOn()
		})
	}
}

func TestCommands_AStateThatCannotBeReadHoldsUpNobodyElse(t *testing.T) {
	t.Parallel()
	b := newTogether(t)
	apply(t, b.store, b.accounts, "b", deposited{1})
	corrupt(t, b.store, b.accounts.StreamID("b"), func(c *eventstore.Change) { c.State = []byte("{") })
	b.add("a", deposit(1))
	b.add("b", deposit(1))
	errs := b.run()
	if errs[0] != nil || errs[1] == nil || b.balance("a") != 1 {
		t.Errorf("got %v, balance of a %d", errs, b.balance("a"))
	}
	b.goesOn()
}

func TestCommands_OneThatWasCancelledWhileItWaitedIsNotRun(t *testing.T) {
	t.Parallel()
	b := newTogether(t)
	ctx, cancel := context.WithCancel(t.Context())
	b.add("a", deposit(1))
	b.addCtx(ctx, "a", func(*aggregate.Session, *root) error { t.Error("it was run"); return nil })
	b.add("a", deposit(1))
	b.queued = cancel
	errs := b.run()
	if errs[0] != nil || errs[2] != nil || !errors.Is(errs[1], context.Canceled) || b.balance("a") != 2 {
		t.Errorf("got %v, balance %d", errs, b.balance("a"))
	}
	b.goesOn()
}

func TestCommands_ALeaderWhoseCallerLeavesServesTheOthers(t *testing.T) {
	t.Parallel()
	b := newTogether(t)
	ctx, cancel := context.WithCancel(t.Context())
	b.addCtx(ctx, "a", func(_ *aggregate.Session, r *root) error {
		cancel() // in the middle of the batch that it leads
		return r.Apply(meta(1), deposited{1})
	})
	b.add("b", deposit(1))
	check(t, errors.Join(b.run()...))
	if b.balance("a") != 1 || b.balance("b") != 1 {
		t.Errorf("got balances %d, %d", b.balance("a"), b.balance("b"))
	}
	b.goesOn()
}

func TestCommands_ConflictsFallBackToSingleRuns(t *testing.T) {
	t.Parallel()
	b := newTogether(t)
	for i := range 5 {
		b.add(fmt.Sprint(i), deposit(1))
	}
	single := 0
	b.commit = func(u eventstore.Unit, commit func() error) error {
		if len(u.Changes) > 1 {
			return aggregatetest.Conflicting(u, commit)
		}
		single++
		return commit()
	}
	check(t, errors.Join(b.run()...))
	for i := range 5 {
		if b.balance(fmt.Sprint(i)) != 1 {
			t.Errorf("account %d: balance %d", i, b.balance(fmt.Sprint(i)))
		}
	}
	if single != 5 {
		t.Errorf("got %d units of one command, want 5", single)
	}
}

func TestCommands_OneTooLargeRecordFailsAlone(t *testing.T) {
	t.Parallel()
	b := newTogether(t)
	small := b.accounts.Publish
	b.accounts.Publish = func(tr aggregate.Transition[state]) (*eventstore.Record, error) {
		r, err := small(tr)
		if tr.After.Balance == 7 {
			r.Value = make([]byte, eventstore.MaxRecordBytes+1)
		}
		return r, err
	}
	b.add("a", deposit(1))
	b.add("b", deposit(7))
	errs := b.run()
	if errs[0] != nil || !errors.Is(errs[1], eventstore.ErrRecordTooLarge) || b.balance("a") != 1 || b.balance("b") != 0 {
		t.Errorf("got %v, balances %d, %d", errs, b.balance("a"), b.balance("b"))
	}
}

// A refusal may rest on what another command of the batch did, so that an unknown
// outcome makes it unknown as well.
func TestCommands_AnUnknownOutcomeIsThatOfEveryCommand(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		commit aggregatetest.Commit
		left   int64
	}{"lost": {aggregatetest.Vanished, 0}, "landed": {aggregatetest.Landed, 2}} {
		t.Run(name, func(t *testing.T) {
			b := newTogether(t)
			runs := 0
			b.add("a", func(_ *aggregate.Session, r *root) error { runs++; return r.Apply(meta(1), deposited{1}) })
			b.add("a", func(_ *aggregate.Session, r *root) error {
				if runs++; r.State.Balance > 0 {
					return errRefused
				}
				return nil
			})
			b.add("a", func(_ *aggregate.Session, r *root) error { runs++; return r.Apply(meta(1), deposited{1}) })
			b.commit = c.commit
			for i, err := range b.run() {
				if !errors.Is(err, eventstore.ErrOutcomeUnknown) {
					t.Errorf("command %d: got %v, want an unknown outcome", i, err)
				}
			}
			if runs != 3 || b.balance("a") != c.left {
				t.Errorf("got %d runs and balance %d, want 3 and %d: nothing may be run again", runs, b.balance("a"), c.left)
			}
			b.goesOn()
		})
	}
}

func TestCommands_OneThatNeedsALowerLockRunsByItself(t *testing.T) {
	t.Parallel()
	b := newTogether(t)
	move := func(s *aggregate.Session, r *root) error { // from b to c: in order, when alone
		c, err := b.accounts.LoadOne(t.Context(), s, "c")
		if err != nil {
			return err
		}
		return errors.Join(r.Apply(meta(1), deposited{-1}), c.Apply(meta(1), deposited{1}))
	}
	b.add("b", move)
	b.add("z", deposit(1)) // sorts behind c, and is locked with b
	check(t, errors.Join(b.run()...))
	if b.balance("b") != -1 || b.balance("c") != 1 || b.balance("z") != 1 {
		t.Errorf("got balances %d, %d, %d", b.balance("b"), b.balance("c"), b.balance("z"))
	}
	b.goesOn()
}

func TestCommands_AStoreThatIsAwayFailsThemAndIsUsedAgain(t *testing.T) {
	t.Parallel()
	b := newTogether(t)
	b.store.SetAway(true)
	var callers sync.WaitGroup
	for range 20 {
		callers.Go(func() {
			if err := aggregate.Run(t.Context(), b.commands, b.accounts, "a", deposit(1)); !errors.Is(err, aggregatetest.ErrAway) {
				t.Errorf("got %v", err)
			}
		})
	}
	callers.Wait()
	b.store.SetAway(false)
	b.goesOn()
}

// No command is lost, run twice or left waiting, whatever becomes of the others.
func TestCommands_UnderLoadEveryCommandHasOneOutcome(t *testing.T) {
	t.Parallel()
	store, d := open(t), accounts()
	commands := aggregate.NewCommands(store)
	var commits atomic.Int64
	store.OnCommit(func(u eventstore.Unit, commit func() error) error {
		if commits.Add(1)%7 == 0 {
			return aggregatetest.Conflicting(u, commit)
		}
		return commit()
	})
	const callers, each, streams = 40, 25, 4
	var accepted, refused, panicked, cancelled atomic.Int64
	var running sync.WaitGroup
	for c := range callers {
		running.Go(func() {
			for i := range each {
				ctx, cancel := context.WithCancel(t.Context())
				kind := (c + i) % 10
				if kind == 3 {
					cancel()
				}
				err := aggregate.Run(ctx, commands, d, fmt.Sprint(c%streams), func(s *aggregate.Session, r *root) error {
					if err := r.Apply(meta(1), deposited{1}); err != nil {
						return err
					}
					switch kind {
					case 1:
						return errRefused
					case 2:
						panic("on purpose")
					}
					return nil
				})
				cancel()
				switch {
				case err == nil:
					accepted.Add(1)
				case errors.Is(err, errRefused):
					refused.Add(1)
				case errors.Is(err, context.Canceled):
					cancelled.Add(1)
				case strings.Contains(err.Error(), "on purpose"):
					panicked.Add(1)
				default:
					t.Errorf("got %v", err)
				}
			}
		})
	}
	running.Wait()
	store.OnCommit(nil)
	const tenth = callers * each / 10
	if refused.Load() != tenth || cancelled.Load() != tenth || panicked.Load() != tenth || accepted.Load() != 7*tenth {
		t.Errorf("got %d accepted, %d refused, %d cancelled, %d panicked", accepted.Load(), refused.Load(), cancelled.Load(), panicked.Load())
	}
	var sum int64
	for i := range streams {
		r := must(d.Rebuild(t.Context(), store, fmt.Sprint(i)))(t)
		sum += r.State.Balance
	}
	if sum != accepted.Load() {
		t.Errorf("%d commands were accepted, %d took effect", accepted.Load(), sum)
	}
	t.Logf("%d commands in %d commits", callers*each, commits.Load())
}
