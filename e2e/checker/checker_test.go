package checker

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/murmuration-dev/murmuration/cmd/murmur/embedded"
	"github.com/murmuration-dev/murmuration/e2e/client"
)

// record is a record as the services write it.
func record(topic, key string, version, offset int64, value string) Record {
	r := Record{Topic: topic, Key: key, Offset: offset, Version: version}
	if err := json.Unmarshal([]byte(value), &r.Value); err != nil {
		panic(err)
	}
	r.Value.Version = version
	if topic == "stock" {
		r.Value.SKU = key
	} else {
		r.Value.OrderID = key
	}
	return r
}

// sound is what a platform keeps after one order of two units, of which one came
// back.
func sound() *Findings {
	const orderDone = `{"status":"COMPLETED","currency":"GBP","total":200,"refund_due":100,"lines":[{"line":1,"sku":"a","quantity":2,"amount":200,"kind":"GOODS","returned":1}]}`
	return &Findings{
		Records: []Record{
			record("orders", "o", 1, 0, `{"status":"PLACED","total":200}`),
			record("orders", "o", 3, 1, orderDone),
			record("payments", "o", 6, 0, `{"status":"CAPTURED","captured":200,"refunded":100}`),
			record("reservations", "o", 1, 0, `{"status":"COMMITTED"}`),
			record("stock", "a", 1, 0, `{"on_hand":5,"available":5,"received":5}`),
			record("stock", "a", 2, 1, `{"on_hand":3,"available":3,"received":5,"committed":2}`),
			record("stock", "a", 3, 2, `{"on_hand":4,"available":4,"received":5,"committed":2,"restocked":1}`),
		},
		Charges: []client.Charge{{OrderID: "o", Amount: 200, Authorized: 200, Captured: 200, Refunded: 100, Captures: 1}},
		stores: map[string]Content{
			"order":   {Events: []Event{{"order", "o", 1, "Placed", true}, {"order", "o", 2, "Noted", false}, {"order", "o", 3, "Returned", true}}},
			"payment": {Events: payments()},
			"inventory": {Events: []Event{
				{"reservation", "o", 1, "Committed", true},
				{"stock", "a", 1, "StockReceived", true}, {"stock", "a", 2, "StockTaken", true}, {"stock", "a", 3, "StockPutBack", true},
			}},
		},
	}
}

func payments() []Event {
	var events []Event
	for v := range int64(6) {
		events = append(events, Event{"payment", "o", v + 1, "Something", v == 5})
	}
	return events
}

// change plants something in the database of one service.
func change(f *Findings, service string, plant func(*Content)) {
	c := f.stores[service]
	plant(&c)
	f.stores[service] = c
}

// promised is what a client was told of the same order.
func promised(t *testing.T) *client.History {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"order_id":"o","version":2,"status":"COMPLETED","currency":"GBP","total":200,"lines":[{"line":1,"sku":"a","quantity":2}]}`))
	}))
	defer server.Close()
	c := client.New(fixed(embedded.Addresses{Order: embedded.Service{API: server.URL}, Inventory: embedded.Service{API: server.URL}}))
	defer c.Close()
	ctx := context.Background()
	_, err := c.Receive(ctx, "a", "m", 5)
	if err == nil {
		_, err = c.Place(ctx, client.NewOrder{OrderID: "o", Currency: "GBP", Lines: []client.NewLine{{SKU: "a", Quantity: 2, Amount: 200}}})
	}
	if err == nil {
		_, err = c.Return(ctx, "o", "r", client.ReturnLine{Line: 1, Quantity: 1})
	}
	if err != nil {
		t.Fatal(err)
	}
	return c.History()
}

func TestCheck_AccusesNothingThatIsSound(t *testing.T) {
	if wrong := sound().Check(promised(t)); len(wrong) > 0 {
		t.Error(wrong)
	}
}

func TestCheck_FindsWhatIsPlanted(t *testing.T) {
	for name, c := range map[string]struct {
		plant func(*Findings)
		want  string
	}{
		"lost record":      {func(f *Findings) { f.Records = slices.Delete(f.Records, 3, 4) }, "reservations o version 1 is lost"},
		"doubled record":   {func(f *Findings) { f.Records = append(f.Records, f.Records[6]) }, "once too often"},
		"foreign record":   {func(f *Findings) { f.Records = append(f.Records, record("orders", "x", 1, 9, `{}`)) }, "was never promised"},
		"wrong order":      {func(f *Findings) { f.Records[4], f.Records[5] = f.Records[5], f.Records[4] }, "follows version"},
		"two partitions":   {func(f *Findings) { f.Records[1].Partition = 3 }, "follows version 1 at 0/0"},
		"header differs":   {func(f *Findings) { f.Records[1].Value.Version = 2 }, "says that it is o version 2"},
		"key differs":      {func(f *Findings) { f.Records[1].Value.OrderID = "x" }, "says that it is x"},
		"event gap":        {func(f *Findings) { f.stores["order"].Events[1].Version = 5 }, "event 5 where 2 is due"},
		"unpublished row":  {func(f *Findings) { change(f, "order", func(c *Content) { c.Outbox = 1 }) }, "never published"},
		"parked":           {func(f *Findings) { change(f, "order", func(c *Content) { c.Parked = []string{"payments/o: bad"} }) }, "parked payments/o"},
		"owed":             {func(f *Findings) { change(f, "payment", func(c *Content) { c.Owed = []string{"capture/o"} }) }, "owes capture/o"},
		"order lost":       {func(f *Findings) { f.Records = f.Records[2:]; change(f, "order", func(c *Content) { c.Events = nil }) }, "acknowledged order o is lost"},
		"order differs":    {func(f *Findings) { f.Records[1].Value.Total = 199 }, "order o is 199 GBP"},
		"return lost":      {func(f *Findings) { f.Records[1].Value.Lines[0].Returned = 0 }, "with 1 returned"},
		"order unfinished": {func(f *Findings) { f.Records[1].Value.Status = "CONFIRMED" }, "order o is still CONFIRMED"},
		"charged twice":    {func(f *Findings) { f.Charges = append(f.Charges, f.Charges[0]) }, "the gateway says {captured:400"},
		"not refunded":     {func(f *Findings) { f.Charges[0].Refunded = 0 }, "the gateway says {captured:200 refunded:0"},
		"still held":       {func(f *Findings) { f.Charges[0].Held = 200 }, "held:200"},
		"charged for none": {func(f *Findings) { f.Charges = append(f.Charges, client.Charge{OrderID: "x"}) }, "nobody ordered"},
		"payment differs":  {func(f *Findings) { f.Records[2].Value.Captured = 0 }, "its payment says"},
		"oversold":         {func(f *Findings) { f.Records[5].Value.OnHand, f.Records[5].Value.Available = -1, -1 }, "does not add up at version 2"},
		"unit vanished": {func(f *Findings) {
			f.Records[6].Value.Restocked, f.Records[6].Value.OnHand, f.Records[6].Value.Available = 0, 3, 3
		}, "has 3 on hand"},
		"still reserved":      {func(f *Findings) { f.Records[6].Value.Reserved, f.Records[6].Value.Available = 1, 3 }, "still has 1 reserved"},
		"answer gone back on": {func(f *Findings) { f.Records[1].Value.Status = "CANCELLED" }, "order o: CANCELLED at version 3 after COMPLETED at version 2"},
		"receipt lost":        {func(f *Findings) { f.Records[6].Value.Received = 4 }, "acknowledged were 5"},
	} {
		t.Run(name, func(t *testing.T) {
			f := sound()
			c.plant(f)
			wrong := f.Check(promised(t))
			if !slices.ContainsFunc(wrong, func(err error) bool { return strings.Contains(err.Error(), c.want) }) {
				t.Errorf("found %v, want %q", wrong, c.want)
			}
		})
	}
}
