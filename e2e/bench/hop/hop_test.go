package hop

import (
	"reflect"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

var zero = time.Unix(1_700_000_000, 0)

func at(ms int) time.Time { return zero.Add(time.Duration(ms) * time.Millisecond) }

func ms(n int) []time.Duration { return []time.Duration{time.Duration(n) * time.Millisecond} }

// story is one order, as far as the payment's first answer.
var story = []Event{
	{Service: "order", Stream: "a", ID: "order/a/1", Causation: "request/x", Committed: at(0)},
	{Service: "payment", Stream: "a", ID: "payment/a/1", Causation: "order/a/1", Committed: at(10)},
	{Service: "payment", Stream: "a", ID: "payment/a/2", Causation: "order/a/1", Committed: at(10)},
	{Service: "payment", Stream: "a", ID: "payment/a/3", Causation: "intent/create", Committed: at(15)},
	{Service: "payment", Stream: "a", ID: "payment/a/4", Causation: "intent/confirm", Committed: at(22)},
	{Service: "order", Stream: "a", ID: "order/a/2", Causation: "payment/a/4", Committed: at(30)},
}

func TestJoin_CountsEachArrivalOnce(t *testing.T) {
	visible := map[string]time.Time{"order/a/1": at(6), "payment/a/4": at(29)}
	want := []Hop{
		{From: "order", To: "payment", Visible: ms(6), Handled: ms(4), Whole: ms(10)},
		{From: "payment", To: "order", Visible: ms(7), Handled: ms(1), Whole: ms(8)},
	}
	if got := Join(story, visible); !reflect.DeepEqual(got, want) {
		t.Errorf("found %v, want %v", got, want)
	}
}

func TestJoin_LeavesOutWhatNobodySaw(t *testing.T) {
	if got := Join(story, map[string]time.Time{"payment/a/4": at(29)}); len(got) != 1 || got[0].From != "payment" {
		t.Errorf("found %v", got)
	}
}

func TestEffects_EndWithWhatOthersSee(t *testing.T) {
	visible := map[string]time.Time{"payment/a/4": at(29)}
	if got := Effects(story[1:5], visible); !reflect.DeepEqual(got, ms(12)) {
		t.Errorf("found %v", got)
	}
	another := []Event{story[1], {Service: "payment", Stream: "b", ID: "payment/a/4", Causation: "intent/confirm", Committed: at(22)}}
	if got := Effects(another, visible); got != nil {
		t.Errorf("found %v between two payments", got)
	}
}

func TestRun_EndsWithItsLastOrder(t *testing.T) {
	r := &Reader{}
	run := r.Follow("run-1", 2)
	record := func(topic, key, id, kind string) *kgo.Record {
		return &kgo.Record{Topic: topic, Key: []byte(key), Headers: []kgo.RecordHeader{{Key: "ce_id", Value: []byte(id)}, {Key: "ce_type", Value: []byte("com.murmuration.order." + kind)}}}
	}
	for _, r := range []*kgo.Record{
		record("orders", "run-1-1", "order/run-1-1/1", "Placed"), record("orders", "run-2-1", "order/run-2-1/3", "Completed"),
		record("payments", "run-1-1", "payment/run-1-1/4", "Completed"),
		record("orders", "run-1-1", "order/run-1-1/3", "Completed"), record("orders", "run-1-1", "order/run-1-1/3", "Completed"),
	} {
		run.see(r, at(1))
	}
	select {
	case <-run.done:
		t.Fatal("ended after one order of two")
	default:
	}
	run.see(record("orders", "run-1-2", "order/run-1-2/2", "Cancelled"), at(2))
	if err := r.Await(t.Context(), run); err != nil {
		t.Fatal(err)
	}
	if len(run.Completed) != 1 || run.Otherwise != 1 || run.Twice != 1 || len(run.Visible) != 4 {
		t.Errorf("%d completed, %d otherwise, %d twice, %d visible", len(run.Completed), run.Otherwise, run.Twice, len(run.Visible))
	}
}
