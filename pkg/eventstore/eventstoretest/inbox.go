package eventstoretest

import (
	"fmt"
	"testing"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
)

var inboxCases = []testCase{
	{"ParkedRecordsAreKeptPerKey", testParked},
	{"AnswersExpire", testAnswersExpire},
	{"PositionsAreForgottenOnDemand", testForgetPosition},
}

func parkedRecord(topic, key string, offset int64) eventstore.Parked {
	return eventstore.Parked{
		ParkedKey: eventstore.ParkedKey{Topic: topic, Key: key},
		Partition: 2, Offset: offset, Reason: "unknown schema", At: 77,
		Headers: []eventstore.Header{{Key: "version", Value: fmt.Sprint(offset)}}, Value: []byte{0, 1, 2},
	}
}

func testParked(t *testing.T, h Harness) {
	ctx := within(t)
	list := func() (all []eventstore.Parked) {
		for after := (eventstore.ParkedKey{}); ; {
			page, err := h.Store.Parked(ctx, after, 2)
			check(t, err)
			all = append(all, page...)
			if len(page) < 2 {
				return all
			}
			after = page[1].ParkedKey
		}
	}
	park := func(p ...eventstore.Parked) { check(t, commitUnit(ctx, h.Store, eventstore.Unit{Park: p})) }
	park(parkedRecord("payments", "1", 4), parkedRecord("orders", "2", 5), parkedRecord("orders", "1", 6))
	equal(t, "by topic and key", list(), []eventstore.Parked{
		parkedRecord("orders", "1", 6), parkedRecord("orders", "2", 5), parkedRecord("payments", "1", 4),
	})
	tombstone := parkedRecord("orders", "1", 9)
	tombstone.Value, tombstone.Headers = nil, nil
	park(parkedRecord("orders", "1", 8), tombstone) // of one key the last stays
	equal(t, "replaced", list()[0], tombstone)

	check(t, commitUnit(ctx, h.Store, eventstore.Unit{
		Unpark: []eventstore.ParkedKey{{Topic: "orders", Key: "1"}, {Topic: "orders", Key: "never was"}, {Topic: "payments", Key: "1"}},
		Park:   []eventstore.Parked{parkedRecord("payments", "1", 10)},
	}))
	equal(t, "after unparking", list(), []eventstore.Parked{
		parkedRecord("orders", "2", 5), parkedRecord("payments", "1", 10),
	})
}

func testAnswersExpire(t *testing.T, h Harness) {
	ctx := within(t)
	var u eventstore.Unit
	for i := range 10 {
		u.Answers = append(u.Answers, eventstore.Answer{Key: fmt.Sprint(i), ExpiresAt: int64(i)})
	}
	check(t, commitUnit(ctx, h.Store, u))
	var forgotten []int
	for {
		n, err := h.Store.ExpireAnswers(ctx, 7, 3)
		check(t, err)
		forgotten = append(forgotten, n)
		if n == 0 {
			break
		}
	}
	equal(t, "forgotten, at most three at a time", forgotten, []int{3, 3, 1, 0})
	tx, err := h.Store.Begin(ctx)
	check(t, err)
	defer tx.Rollback()
	for key, want := range map[string]bool{"0": false, "6": false, "7": true, "9": true} {
		_, ok, err := tx.Answer(ctx, key)
		check(t, err)
		equal(t, "answer "+key, ok, want)
	}
	check(t, tx.Commit(ctx, eventstore.Unit{Answers: []eventstore.Answer{{Key: "0", ExpiresAt: 100}}}))
}

// Hazard 10: whoever reads a topic from its beginning again, since it was made
// again, says so; other partitions keep their place.
func testForgetPosition(t *testing.T, h Harness) {
	ctx := within(t)
	forgetter, ok := h.Store.(eventstore.PositionForgetter)
	if !ok {
		t.Fatal("the driver cannot forget positions")
	}
	move := func(partition int32, id string, from, to int64) error {
		return commitUnit(ctx, h.Store, eventstore.Unit{Moves: []eventstore.Move{
			{Topic: "orders", Partition: partition, TopicID: id, From: from, To: to},
		}})
	}
	check(t, move(1, "old", 0, 7))
	check(t, move(2, "old", 0, 8))
	check(t, forgetter.ForgetPosition(ctx, "orders", 1))
	check(t, forgetter.ForgetPosition(ctx, "orders", 9)) // never was
	s := h.Reopen(t)
	all, err := s.Positions(ctx)
	check(t, err)
	equal(t, "positions", all, []eventstore.Position{{Topic: "orders", Partition: 2, TopicID: "old", Next: 8}})
	check(t, commitUnit(ctx, s, eventstore.Unit{Moves: []eventstore.Move{{Topic: "orders", Partition: 1, TopicID: "new", From: 0, To: 1}}}))
}
