package outbox

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
)

// A deletion that comes late meets a table that was emptied and counts from 1
// again: rows are named, so it removes nothing else.
func TestRelay_Hazard01_LateDeletionRemovesNothingElse(t *testing.T) {
	scenario(t, func(w *world) {
		w.commit("a", "b")
		first := w.start("first")
		late := w.until("published 1")
		first.dead = true
		w.start("second")
		w.run("takeover", w.settled, nil)
		w.seq = 0
		w.commit("c", "d")
		first.dead = false
		w.grant(late, granted)
		if len(w.rows) != 2 {
			w.fatalf("%d rows left of c and d", len(w.rows))
		}
		first.dead = true
		w.drain()
	})
}

// A row appears below sequences that were published already, at every step.
func TestRelay_Hazard02_LateVisibleRows(t *testing.T) {
	for _, marks := range []bool{false, true} {
		explore(t, func(w *world, x *explorer) {
			w.marks = marks
			w.begin("late")
			w.commit("a", "b", "a", "c")
			w.start("only")
			landsLast := func() bool {
				if len(w.rows) == 0 && len(w.late) > 0 {
					w.land()
				}
				return w.settled()
			}
			w.run("land", landsLast, func(*call) outcome {
				if len(w.late) > 0 && x.choose(2) == 1 {
					w.land()
				}
				return granted
			})
			w.drain()
		})
	}
}

// The low mark spares walking over what was published, and is given up from
// time to time, so that nothing depends on the store's promise for ever.
func TestRelay_Hazard02_LowMark(t *testing.T) {
	scenario(t, func(w *world) {
		w.marks = true
		w.commit("a", "b", "c")
		w.start("only")
		w.drain()
		w.seq = 0 // a store that breaks its promise: sequences count from 1 again
		w.commit("d")
		w.pass(time.Second)
		if len(w.rows) != 1 {
			w.fatalf("scanned below the low mark")
		}
		w.pass(rescanEvery)
		if len(w.rows) != 0 {
			w.fatalf("never scanned from the start again")
		}
	})
}

// The next batch is written while rows are being deleted, but not committed.
func TestRelay_Hazard03_DeletionBeforeNextCommit(t *testing.T) {
	scenario(t, func(w *world) {
		w.commit("a", "b", "c")
		w.start("only")
		deletion := w.until("published 1")
		produce := w.until("produce")
		w.grant(produce, granted)
		if w.requested("commit") {
			w.fatalf("the second batch is committed before the rows of the first are gone")
		}
		w.grant(deletion, granted) // which also tells that the database is where it was
		if !w.requested("commit") {
			w.fatalf("the second batch is not committed")
		}
		w.drain()
	})
}

// A deletion that takes long does not keep a transaction open, which would hold
// back all readers; and nothing is published until it is done.
func TestRelay_Hazard03_SlowDeletionWithdrawsTheTransaction(t *testing.T) {
	scenario(t, func(w *world) {
		w.commit("a", "b", "c")
		w.start("only")
		deletion := w.until("published 1")
		w.pass(2*time.Second, deletion)
		if w.ids[0].open || w.ids[1].open {
			w.fatalf("a transaction stays open behind a slow deletion")
		}
		if n := len(w.visible("orders")); n != 2 {
			w.fatalf("%d records published, not 2", n)
		}
		w.grant(deletion, granted)
		w.drain()
	})
}

// The late initialisation of a zombie fences the owner, who takes it back and
// goes on.
func TestRelay_Hazard04_LiveOwnerGoesOnAfterBeingFenced(t *testing.T) {
	scenario(t, func(w *world) {
		w.commit("a", "b")
		zombie := w.start("zombie", lying)
		late := w.until("init 0")
		zombie.dead = true
		owner := w.start("owner")
		commit := w.until("commit", owner)
		w.grant(late, granted)
		w.grant(commit, granted)
		w.drain()
		if status := owner.relay.Status(); !status.Leader || status.Batch != 1 {
			w.fatalf("%+v", status)
		}
		if n := len(w.visible("order-positions")); n != 1 {
			w.fatalf("%d batches", n)
		}
	})
}

// A lease is taken over only after its counter stood still for a time-to-live,
// however long ago its holder took it.
func TestRelay_Hazard04_TakesOverWhatStandsStill(t *testing.T) {
	scenario(t, func(w *world) {
		holder := w.start("holder")
		w.pass(10 * testTTL)
		standby := w.start("standby")
		w.pass(10 * testTTL)
		if standby.relay.Status().Leader || !holder.relay.Status().Leader {
			w.fatalf("took over from a holder that renews")
		}
		holder.dead = true
		since := time.Now()
		w.run("takeover", func() bool { return standby.relay.Status().Leader }, nil)
		if took := time.Since(since); took < testTTL/2 || took > 2*testTTL {
			w.fatalf("took over after %s", took)
		}
	})
}

// A record that Kafka refuses holds the line, is reported with its batch, and
// never ends the relay; when the topic's limit is raised everything goes out.
func TestRelay_Hazard05_RefusedRecordHoldsTheLine(t *testing.T) {
	scenario(t, func(w *world) {
		w.commit("a", "b", "c")
		p := w.start("only")
		w.refuse = errors.New("record too large")
		w.pass(20 * time.Second)
		status := p.relay.Status()
		if status.LastError == nil || !strings.Contains(status.LastError.Error(), "write batch 1: record too large") {
			w.fatalf("last error: %v", status.LastError)
		}
		if n := len(w.visible("orders")); n != 0 {
			w.fatalf("%d records passed the one that is refused", n)
		}
		w.refuse = nil
		w.drain()
	})
}

// Of several processes one publishes; a lane of its own for each key needs no
// more than that.
func TestRelay_Hazard06_OneLeaderAtATime(t *testing.T) {
	scenario(t, func(w *world) {
		relays := []*process{w.start("one"), w.start("two"), w.start("three")}
		for range 20 {
			w.commit("a", "b")
			w.run("publish", w.settled, nil)
			leaders := slices.DeleteFunc(slices.Clone(relays), func(p *process) bool { return !p.relay.Status().Leader })
			if len(leaders) != 1 {
				w.fatalf("%d leaders", len(leaders))
			}
		}
	})
}

// Rows are published when the store calls, without waiting for the poll; when a
// call was missed, at the poll; and an idle relay stays idle.
func TestRelay_Hazard07_WakesAtOnceAndPolls(t *testing.T) {
	scenario(t, func(w *world) {
		p := w.start("only")
		w.pass(time.Second)

		since := time.Now()
		w.commit("a")
		w.run("call", w.settled, nil)
		if took := time.Since(since); took > 0 {
			w.fatalf("took %s after the store called", took)
		}

		w.rows = append(w.rows, w.row("b")) // nobody calls
		w.run("poll", w.settled, nil)
		if took := time.Since(since); took > p.relay.cfg.PollInterval+100*time.Millisecond {
			w.fatalf("took %s without a call", took)
		}

		before, polls := w.steps, int(10*time.Second/p.relay.cfg.PollInterval)
		renewals := int(10 * time.Second / p.relay.cfg.RenewEvery)
		w.pass(10 * time.Second)
		if calls := w.steps - before; calls > polls+renewals+10 {
			w.fatalf("%d calls in ten idle seconds: %d polls and %d renewals are due", calls, polls, renewals)
		}
	})
}

// Recovery reads from the last position on, not the whole topic.
func TestRelay_Hazard08_RecoversFromTheStoredOffset(t *testing.T) {
	scenario(t, func(w *world) {
		w.commit("a", "b", "c", "d", "e")
		first := w.start("first")
		w.drain()
		first.dead = true
		w.start("second")
		w.until("last")
		w.pass(100 * time.Millisecond)
		positions := w.visible("order-positions")
		if last := positions[len(positions)-1].offset; w.readFrom != last || last == 0 {
			w.fatalf("read from offset %d, not %d", w.readFrom, last)
		}
	})
}

// crashed returns a world whose outbox was published by a process that is gone.
func (w *world) crashed(streams ...string) {
	w.t.Helper()
	w.commit(streams...)
	first := w.start("first")
	w.drain()
	first.dead = true
}

func TestRelay_Hazard09_DetectsARestoredDatabase(t *testing.T) {
	scenario(t, func(w *world) {
		w.crashed("a", "b", "c", "d", "e")
		w.state.Batch, w.state.PositionOffset = 1, 0
		err := w.result(w.start("second"))
		var rewound *StoreRewoundError
		if !errors.As(err, &rewound) || rewound.StoreBatch != 1 || rewound.LogBatch != 3 || !errors.Is(err, ErrInconsistent) {
			w.fatalf("%v", err)
		}
	})
}

// One batch back looks like a crash before the deletion, but for the rows: they
// are not there, or others have taken their names since.
func TestRelay_Hazard09_DetectsARestoreByOneBatch(t *testing.T) {
	for name, since := range map[string]func(*world, eventstore.OutboxRow){
		"nothing was written since": func(w *world, _ eventstore.OutboxRow) { w.rows = nil },
		"another version took the name": func(w *world, published eventstore.OutboxRow) {
			published.Record.Value = []byte("cancelled")
			w.rows = []eventstore.OutboxRow{published}
		},
	} {
		t.Run(name, func(t *testing.T) {
			scenario(t, func(w *world) {
				row := w.row("a")
				w.rows = append(w.rows, row)
				first := w.start("first")
				w.drain()
				first.dead = true
				w.state.Batch, w.state.PositionOffset = 0, 0
				since(w, row)
				var rewound *StoreRewoundError
				if err := w.result(w.start("second")); !errors.As(err, &rewound) || rewound.StoreBatch != 0 || rewound.LogBatch != 1 {
					w.fatalf("%v", err)
				}
				w.rows = nil
			})
		})
	}
}

func TestRelay_Hazard09_DetectsAnotherDatabase(t *testing.T) {
	scenario(t, func(w *world) {
		w.crashed("a")
		w.state = eventstore.RelayState{StoreEpoch: "epoch-2"}
		err := w.result(w.start("second"))
		var rewound *StoreRewoundError
		if !errors.As(err, &rewound) || rewound.StoreEpoch != "epoch-2" || rewound.LogEpoch != "epoch-1" {
			w.fatalf("%v", err)
		}
	})
}

// A database that is restored, or failed over to a copy that lags, under a relay
// that goes on running: what it holds now is not published under versions that
// were published before.
func TestRelay_Hazard09_DetectsARestoreUnderARunningRelay(t *testing.T) {
	scenario(t, func(w *world) {
		w.commit("a", "b", "c", "d", "e")
		p := w.start("first")
		w.run("publish", w.settled, nil)
		w.state.Batch = 1
		w.commit("f")
		var rewound *StoreRewoundError
		if err := w.result(p); !errors.As(err, &rewound) || rewound.StoreBatch != 1 || rewound.LogBatch != 3 {
			w.fatalf("%v", err)
		}
		if n := len(w.visible("orders")); n != 5 {
			w.fatalf("%d records published, not 5: one tells of the restored database", n)
		}
		w.rows = nil
		delete(w.versions, "f") // for a person to decide
	})
}

func TestRelay_Hazard09_DetectsLostRecords(t *testing.T) {
	scenario(t, func(w *world) {
		w.crashed("a", "b", "c")
		// All of the second batch is lost; a promise that nobody could keep.
		w.entries = slices.DeleteFunc(w.entries, func(e entry) bool {
			var p Position
			_ = json.Unmarshal(e.record.Value, &p)
			return p.Batch == 2 || e.record.Key == "c"
		})
		delete(w.versions, "c")
		w.state.PositionOffset = 0
		err := w.result(w.start("second"))
		var rewound *LogRewoundError
		if !errors.As(err, &rewound) || rewound.StoreBatch != 2 || rewound.LogBatch != 1 {
			w.fatalf("%v", err)
		}
	})
}

func TestRelay_Hazard10_DetectsARecreatedTopic(t *testing.T) {
	scenario(t, func(w *world) {
		w.crashed("a")
		w.topicID = "topic-2"
		err := w.result(w.start("second"))
		var recreated *TopicRecreatedError
		if !errors.As(err, &recreated) || recreated.Expected != "topic-1" || recreated.Found != "topic-2" {
			w.fatalf("%v", err)
		}
	})
}

// A topic of the same name with lower offsets appears under a running relay.
func TestRelay_Hazard10_DetectsARecreationUnderARunningRelay(t *testing.T) {
	scenario(t, func(w *world) {
		w.commit("a", "b", "c")
		p := w.start("first")
		w.run("publish", w.settled, nil)
		w.entries, w.topicID = nil, "topic-2"
		w.versions = map[string]int64{}
		w.commit("d")
		var recreated *TopicRecreatedError
		if err := w.result(p); !errors.As(err, &recreated) {
			w.fatalf("%v", err)
		}
		w.versions = map[string]int64{}
	})
}

// After a person decided to go on, the relay publishes again, whatever the
// contradiction was and wherever adopting was interrupted.
func TestRelay_Hazard09_AdoptGoesOnFromARestore(t *testing.T) {
	for name, contradict := range map[string]func(*world){
		"restored":       func(w *world) { w.state.StoreEpoch, w.state.Batch, w.state.PositionOffset = "epoch-2", 1, 0 },
		"other database": func(w *world) { w.state = eventstore.RelayState{StoreEpoch: "epoch-2"} },
		"topic":          func(w *world) { w.topicID = "topic-2" },
		"log":            func(w *world) { w.state.Batch += 5 },
	} {
		t.Run(name, func(t *testing.T) {
			explore(t, func(w *world, x *explorer) {
				w.crashed("a", "b", "c")
				contradict(w)
				w.commit("a")
				adopter := w.prepare("adopter")
				adopter.run(adopter.relay.Adopt)
				faults := 1
				w.run("adopt", func() bool { return len(adopter.done) > 0 }, func(*call) outcome {
					if faults == 0 {
						return granted
					}
					o := outcome(x.choose(int(crash)))
					if o != granted {
						faults--
					}
					return o
				})
				w.start("next")
				w.drain()
			})
		})
	}
}

func TestRelay_AdoptChangesNothingWhereAllIsWell(t *testing.T) {
	scenario(t, func(w *world) {
		w.crashed("a")
		before := len(w.entries)
		adopter := w.prepare("adopter")
		adopter.run(adopter.relay.Adopt)
		if err := w.result(adopter); err != nil {
			w.fatalf("%v", err)
		}
		if len(w.entries) != before || w.state.Batch != 1 {
			w.fatalf("adopted what was in order")
		}
	})
}
