package inventory

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

func TestReserve_HoldsAllLinesOrNone(t *testing.T) {
	// 8 of 85123A are wanted on two lines, each of which alone would fit.
	s, err := follow(t, State{}, saw(OrderPlaced), []Availability{{SKU: "71053", Available: 3}, {SKU: "85123A", Available: 7}})
	if err != nil {
		t.Fatal(err)
	}
	want := []Shortage{{SKU: "85123A", Wanted: 8, Available: 7}}
	if s.Status != StatusRejected || !reflect.DeepEqual(s.Shortages, want) || s.Reason != ReasonOutOfStock {
		t.Fatalf("got %s", asJSON(t, s))
	}
	s, err = follow(t, State{}, saw(OrderPlaced), []Availability{{SKU: "71053", Available: 3}, {SKU: "85123A", Available: 8}})
	if err != nil || s.Status != StatusReserved || len(s.Lines) != 3 {
		t.Fatalf("got %s, %v", asJSON(t, s), err)
	}
}

func TestReserve_NamesEveryShortageSortedBySKU(t *testing.T) {
	s := rejected(t)
	want := []Shortage{{SKU: "71053", Wanted: 3}, {SKU: "85123A", Wanted: 8}}
	if !reflect.DeepEqual(s.Shortages, want) {
		t.Fatalf("got %v", s.Shortages)
	}
}

func TestReserve_TellsSKUsApartByCase(t *testing.T) {
	c := Reserve{OrderID: "1", Lines: []Line{{Line: 1, SKU: "85123a", Quantity: 1}}, Available: plenty()}
	if s := decided(t, State{}, c); s.Status != StatusRejected {
		t.Fatalf("85123A was given for 85123a: %s", s.Status)
	}
}

func TestReserve_AnOrderOfServicesOnlyHoldsNothing(t *testing.T) {
	placed := Observed{Order: Order{OrderID: "1", Version: 1, Status: OrderPlaced}}
	s, err := follow(t, State{}, placed, nil)
	if err != nil || s.Status != StatusReserved || len(s.Lines) != 0 {
		t.Fatalf("got %s, %v", asJSON(t, s), err)
	}
	confirmed := Observed{Order: Order{OrderID: "1", Version: 2, Status: OrderConfirmed}}
	if s, err = follow(t, s, confirmed, nil); err != nil || s.Status != StatusCommitted {
		t.Fatalf("got %s, %v", asJSON(t, s), err)
	}
	// Its postage is refunded; nothing comes back to the shelf.
	returned := Observed{Order: Order{OrderID: "1", Version: 4, Status: OrderReturned}}
	if got, err := follow(t, s, returned, nil); err != nil || got.Status != StatusCommitted {
		t.Fatalf("got %s, %v", asJSON(t, got), err)
	}
	cancelled := Observed{Order: Order{OrderID: "1", Version: 3, Status: OrderCancelled}}
	if s, err = follow(t, s, cancelled, nil); err != nil || s.Status != StatusRestocked {
		t.Fatalf("got %s, %v", asJSON(t, s), err)
	}
}

func TestReserve_RefusesWhatNoOrderCanHave(t *testing.T) {
	for name, c := range map[string]Reserve{
		"no order":        {Lines: []Line{{Line: 1, SKU: "A", Quantity: 1}}},
		"no SKU":          {OrderID: "1", Lines: []Line{{Line: 1, Quantity: 1}}},
		"no quantity":     {OrderID: "1", Lines: []Line{{Line: 1, SKU: "A"}}},
		"vast quantity":   {OrderID: "1", Lines: []Line{{Line: 1, SKU: "A", Quantity: MaxQuantity + 1}}},
		"a line twice":    {OrderID: "1", Lines: []Line{{Line: 1, SKU: "A", Quantity: 1}, {Line: 1, SKU: "B", Quantity: 1}}},
		"something back":  {OrderID: "1", Lines: []Line{{Line: 1, SKU: "A", Quantity: 1, Restocked: 1}}},
		"too many lines":  {OrderID: "1", Lines: make([]Line, MaxLines+1)},
		"all at the same": {Lines: make([]Line, 2)},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Decide(State{}, c)
			wantError(t, err, ErrInvalid)
			var fault *FieldError
			if !errors.As(err, &fault) || !strings.Contains(err.Error(), fault.Field) {
				t.Fatalf("no field is named: %v", err)
			}
		})
	}
}

func TestDecide_RepeatedCommandsChangeNothing(t *testing.T) {
	for _, c := range []struct {
		state   State
		command Command
	}{
		{reserved(t), Reserve{OrderID: "536365"}},
		{released(t), Reserve{OrderID: "536365"}},
		{committed(t), Commit{}},
		{allReturned(t), Commit{}},
		{released(t), Release{}},
		{floor(t), Release{OrderID: "536365"}},
		{rejected(t), Release{}},
		{takenBack(t), RestockAll{}},
		{someReturned(t), Restock{Lines: []ReturnedLine{{Line: 1, Returned: 2}}}},
		{someReturned(t), Restock{Lines: []ReturnedLine{{Line: 1, Returned: 1}}}},
		{allReturned(t), Restock{Lines: []ReturnedLine{{Line: 1, Returned: 6}}}},
	} {
		events, err := Decide(c.state, c.command)
		if err != nil || len(events) > 0 {
			t.Errorf("%+v on %s: %v, %v", c.command, c.state.Status, events, err)
		}
	}
}

func TestDecide_CommandsOutOfPlaceAreRefused(t *testing.T) {
	for _, c := range []struct {
		state   State
		command Command
		want    error
	}{
		{State{}, Commit{}, ErrUnknown},
		{State{}, RestockAll{}, ErrUnknown},
		{State{}, Restock{}, ErrUnknown},
		{State{}, Release{}, ErrInvalid},
		{rejected(t), Commit{}, ErrImpossible},
		{released(t), Commit{}, ErrImpossible},
		{committed(t), Release{}, ErrImpossible},
		{takenBack(t), Release{}, ErrImpossible},
		{reserved(t), RestockAll{}, ErrImpossible},
		{released(t), Restock{}, ErrImpossible},
		{committed(t), Restock{Lines: []ReturnedLine{{Line: 2, Returned: 1}}}, ErrImpossible},
		{committed(t), Restock{Lines: []ReturnedLine{{Line: 1, Returned: 7}}}, ErrImpossible},
		{committed(t), Restock{Lines: []ReturnedLine{{Line: 1, Returned: 1}, {Line: 1, Returned: 2}}}, ErrImpossible},
		{State{}, Contradict{Detail: "x"}, ErrImpossible},
	} {
		if _, err := Decide(c.state, c.command); !errors.Is(err, c.want) {
			t.Errorf("%+v on %q: %v, want %v", c.command, c.state.Status, err, c.want)
		}
	}
	if _, err := Decide(reserved(t), nil); err == nil {
		t.Error("no command is no error")
	}
}

func TestStockEffects_SumLinesOfOneSKUAndSort(t *testing.T) {
	hold := func(sku string, n int64) StockEffect {
		return StockEffect{SKU: sku, Command: Hold{OrderID: "536365", SKU: sku, Quantity: n, At: noon}}
	}
	lines := reserved(t).Lines
	for _, c := range []struct {
		name   string
		before State
		event  Event
		want   []StockEffect
	}{
		{"reserved", State{}, Reserved{OrderID: "536365", Lines: lines, At: noon}, []StockEffect{hold("71053", 3), hold("85123A", 8)}},
		{"rejected", State{}, Rejected{OrderID: "536365", Lines: lines, At: noon}, nil},
		{"committed", reserved(t), Committed{At: noon}, []StockEffect{
			{SKU: "71053", Command: Take{OrderID: "536365", SKU: "71053", Quantity: 3, At: noon}},
			{SKU: "85123A", Command: Take{OrderID: "536365", SKU: "85123A", Quantity: 8, At: noon}}}},
		{"released", reserved(t), Released{OrderID: "536365", At: noon}, []StockEffect{
			{SKU: "71053", Command: Unhold{OrderID: "536365", SKU: "71053", Quantity: 3, At: noon}},
			{SKU: "85123A", Command: Unhold{OrderID: "536365", SKU: "85123A", Quantity: 8, At: noon}}}},
		{"released, a floor", State{}, Released{OrderID: "536365", At: noon}, nil},
		{"released after a rejection", rejected(t), Released{OrderID: "536365", At: noon}, nil},
		{"restocked", committed(t), Restocked{At: noon, Lines: []RestockedLine{
			{Line: 4, SKU: "85123A", To: 2}, {Line: 1, SKU: "85123A", From: 1, To: 4}}}, []StockEffect{
			{SKU: "85123A", Command: PutBack{OrderID: "536365", SKU: "85123A", Quantity: 5, At: noon}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := StockEffects(c.before, []Event{c.event})
			if len(got) != len(c.want) || len(got) > 0 && !reflect.DeepEqual(got, c.want) {
				t.Fatalf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestSKUs_NamesWhatACommandCanTouch(t *testing.T) {
	both := []string{"71053", "85123A"}
	for _, c := range []struct {
		state   State
		command Command
		want    []string
	}{
		{State{}, React(State{}, saw(OrderPlaced)), both},
		{reserved(t), Reserve{Lines: []Line{{SKU: "X"}}}, nil},
		{reserved(t), Commit{}, both},
		{reserved(t), Release{}, both},
		{State{}, Release{OrderID: "1"}, nil},
		{committed(t), Commit{}, nil},
		{committed(t), RestockAll{}, both},
		{committed(t), React(committed(t), saw(OrderCompleted, 1, 0, 1)), []string{"85123A"}},
		{committed(t), Contradict{}, nil},
		{committed(t), nil, nil},
	} {
		if got := SKUs(c.state, c.command); fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%T on %q touches %v, want %v", c.command, c.state.Status, got, c.want)
		}
	}
}

func TestStamp_SetsTheMomentOfEveryCommand(t *testing.T) {
	for _, c := range []Command{Reserve{}, Commit{}, Release{}, RestockAll{}, Restock{}} {
		if got := Stamp(c, 77); !strings.Contains(fmt.Sprintf("%+v", got), "At:77") {
			t.Errorf("%T is not stamped: %+v", c, got)
		}
	}
	for _, c := range []StockCommand{Receive{}, WriteOff{}, Hold{}, Unhold{}, Take{}, PutBack{}} {
		if got := StampStock(c, 77); !strings.Contains(fmt.Sprintf("%+v", got), "At:77") {
			t.Errorf("%T is not stamped: %+v", c, got)
		}
	}
	if Stamp(nil, 77) != nil || StampStock(nil, 77) != nil {
		t.Error("nil did not stay nil")
	}
	if got := Stamp(Contradict{Detail: "x"}, 77); got != (Contradict{Detail: "x"}) {
		t.Errorf("got %+v", got)
	}
	if got := WithAvailable(Commit{At: 1}, plenty()); got != (Commit{At: 1}) {
		t.Errorf("got %+v", got)
	}
}
