package journey

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/murmuration-dev/murmuration/e2e/client"
)

// ownPlatform is a platform apart from the one that all share, since its logs will
// be spoilt. What others have parked there is returned too.
func ownPlatform(t *testing.T) (place, shop, []client.ParkedRecord) {
	t.Helper()
	own := openOwn(t)
	c := client.New(own)
	t.Cleanup(c.Close)
	s := shopOf(t, c)
	var parked []client.ParkedRecord
	for _, service := range client.Services() {
		parked = append(parked, s.parked(service)...)
	}
	return own, s, parked
}

// besides are the records that were not parked before.
func besides(before, now []client.ParkedRecord) []client.ParkedRecord {
	return slices.DeleteFunc(now, func(p client.ParkedRecord) bool {
		return slices.ContainsFunc(before, func(b client.ParkedRecord) bool { return b.Key == p.Key && b.Topic == p.Topic && b.Offset == p.Offset })
	})
}

// intrude writes a record to a topic, as nobody but its owner should.
func intrude(ctx context.Context, brokers []string, topic, key string, value []byte) error {
	writer, err := kgo.NewClient(kgo.SeedBrokers(brokers...))
	if err != nil {
		return err
	}
	defer writer.Close()
	return writer.ProduceSync(ctx, &kgo.Record{Topic: topic, Key: []byte(key), Value: value}).FirstErr()
}

// framed puts a schema id before a datum.
func framed(id uint32, datum ...byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{0}, id), datum...)
}

func (s shop) parked(service string) []client.ParkedRecord {
	s.t.Helper()
	o, err := s.Overview(s.t.Context(), service)
	if err != nil {
		s.t.Fatal(err)
	}
	return o.Parked
}

func TestForeignRecord_ParksItsKeyAlone(t *testing.T) {
	t.Parallel()
	own, s, _ := ownPlatform(t)
	sku := s.sku(20)
	schema := latestSchemaID(t, s, own.Addresses().Registry, "payments-value")
	for name, value := range map[string][]byte{
		"not-avro":       []byte("paid in full, trust me"),
		"empty":          {},
		"unknown-schema": framed(99_999, 1, 2, 3),
		"cut-off":        framed(schema, 4, 'a'),
		"other-schema":   framed(latestSchemaID(t, s, own.Addresses().Registry, "stock-value"), 2, 'a', 2, 2, 'a', 0, 0, 0, 0, 0, 0, 0, 0),
	} {
		t.Run(name, func(t *testing.T) {
			s := shopOf(t, s.Client)
			o := s.buy(visa, line(sku, 1, 100))
			if err := intrude(t.Context(), own.Addresses().Brokers(), "payments", o.OrderID, value); err != nil {
				t.Fatal(err)
			}
			s.eventually("parked", func() error {
				for _, p := range s.parked("order") {
					if p.Topic == "payments" && p.Key == o.OrderID && p.Reason != "" && string(p.Value) == string(value) {
						return nil
					}
				}
				return errStill("not parked")
			})
			if again := s.settle(o.OrderID); again.Version != o.Version || again.Status != client.Completed {
				t.Errorf("the order changed by it: %+v", again)
			}
			s.expectStatus(s.buy(visa, line(sku, 1, 100)), client.Completed, "")

			// What the payment service says next of this key supersedes it.
			s.giveBack(o.OrderID, "r1", client.ReturnLine{Line: 1, Quantity: 1})
			s.expectMoney(o.OrderID, 100, 100)
			if slices.ContainsFunc(s.parked("order"), func(p client.ParkedRecord) bool { return p.Key == o.OrderID }) {
				t.Errorf("%s is still parked after a good record", o.OrderID)
			}
		})
	}
}

func TestForeignRecord_TombstoneForgetsNothing(t *testing.T) {
	t.Parallel()
	own, s, before := ownPlatform(t)
	sku := s.sku(5)
	o := s.buy(visa, line(sku, 2, 200))
	for _, topic := range []string{"orders", "payments", "reservations"} {
		if err := intrude(t.Context(), own.Addresses().Brokers(), topic, o.OrderID, nil); err != nil {
			t.Fatal(err)
		}
	}
	s.expectStatus(s.buy(visa, line(sku, 1, 100)), client.Completed, "")
	for _, service := range client.Services() {
		if parked := besides(before, s.parked(service)); len(parked) > 0 {
			t.Errorf("%s has parked %+v", service, parked)
		}
	}
	s.giveBack(o.OrderID, "r1", client.ReturnLine{Line: 1, Quantity: 2})
	s.expectMoney(o.OrderID, 200, 200)
	s.expectStock(sku, 4, 0)
}

// A record of a topic that claims what its owner never said.
func TestForeignRecord_ThatContradictsParksItsKeyAlone(t *testing.T) {
	t.Parallel()
	own, s, before := ownPlatform(t)
	sku := s.sku(5)
	completed := s.buy(visa, line(sku, 1, 100))
	refused := s.buy("pm_card_chargeDeclined", line(sku, 1, 100))

	// The payment of the completed order, under the key of the refused one.
	captured, err := s.Payment(t.Context(), completed.OrderID)
	if err != nil {
		t.Fatal(err)
	}
	stolen := valueAt(t, own.Addresses().Brokers(), "payments", completed.OrderID, captured.Version)
	if err := intrude(t.Context(), own.Addresses().Brokers(), "payments", refused.OrderID, stolen); err != nil {
		t.Fatal(err)
	}
	s.expectStatus(s.buy(visa, line(sku, 1, 100)), client.Completed, "")
	if o := s.settle(refused.OrderID); o.Status != client.Cancelled || o.Version != refused.Version || o.Payment.Captured != 0 {
		t.Errorf("the refused order became %+v, payment %+v", o, o.Payment)
	}
	if parked := besides(before, s.parked("order")); len(parked) != 1 || parked[0].Key != refused.OrderID {
		t.Errorf("parked are %+v, want the key %s alone", parked, refused.OrderID)
	}
	s.expectMoney(refused.OrderID, 0, 0)
}

func latestSchemaID(t *testing.T, s shop, registry, subject string) uint32 {
	t.Helper()
	a, err := s.Raw(t.Context(), http.MethodGet, registry+"/subjects/"+subject+"/versions/latest", "", http.NoBody)
	if err != nil || a.Status != http.StatusOK {
		t.Fatalf("latest schema of %s: %d, %v", subject, a.Status, err)
	}
	var said struct {
		ID uint32 `json:"id"`
	}
	if err := json.Unmarshal(a.Body, &said); err != nil || said.ID == 0 {
		t.Fatalf("no id in %s: %v", a.Body, err)
	}
	return said.ID
}

// valueAt reads a topic to the record of one version of a key.
func valueAt(t *testing.T, brokers []string, topic, key string, version int64) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	reader, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.ConsumeTopics(topic), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	wanted := strconv.FormatInt(version, 10)
	for {
		fetched := reader.PollFetches(ctx)
		if err := fetched.Err(); err != nil {
			t.Fatalf("no version %d of %s in %s: %v", version, key, topic, err)
		}
		for _, r := range fetched.Records() {
			if string(r.Key) == key && slices.ContainsFunc(r.Headers, func(h kgo.RecordHeader) bool { return h.Key == "version" && string(h.Value) == wanted }) {
				return r.Value
			}
		}
	}
}
