package cli

import (
	"context"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/murmuration-dev/murmuration/cmd/murmur/embedded"
	"github.com/murmuration-dev/murmuration/cmd/murmur/topics"
	"github.com/murmuration-dev/murmuration/pkg/aggregate"
	"github.com/murmuration-dev/murmuration/pkg/kafka"
	"github.com/murmuration-dev/murmuration/pkg/run"
	"github.com/murmuration-dev/murmuration/schemas"
)

func TestTail_ShowsRecordsOfAKey(t *testing.T) {
	shared.stock(t, "PLATE", 10)
	shared.place(t, "tail-1", "PLATE", "pm_card_visa")

	out := succeed(t, "tail", "orders", "--key", "tail-1", "--data", shared.data)
	follows(t, strings.Split(strings.TrimSpace(out), "\n"),
		[][]string{{"  orders/", "  tail-1  v1  Placed  PLACED  3 × PLATE, 1 × POST = 15.34 GBP; pays with pm_card_visa"}},
		[][]string{{"  tail-1  v2  Confirmed  CONFIRMED  "}},
		[][]string{{"  tail-1  v3  Completed  COMPLETED  "}},
	)
	out = succeed(t, "tail", "orders", "--key", "tail-1", "--last", "1", "--full", "--data", shared.data)
	contains(t, out, "v3  Completed", "ce_type: com.murmuration.order.Completed", "decoded with registry id ", `"total": 1534`)
	if strings.Contains(out, "Placed  PLACED") {
		t.Errorf("shows more than the last:\n%s", out)
	}
	contains(t, succeed(t, "tail", "order-positions", "--max", "1", "--data", shared.data), "order-positions/0@", "batch 1, ")
}

func TestTail_IsOneJSONObjectPerRecord(t *testing.T) {
	shared.stock(t, "PAN", 10)
	shared.place(t, "tail-2", "PAN", "pm_card_visa")
	entries := lines[topics.Entry](t, succeed(t, "tail", "payments", "reservations", "--key", "tail-2", "-o", "json", "--data", shared.data))
	if len(entries) != 4 {
		t.Fatalf("has %d entries, want 4: %+v", len(entries), entries)
	}
	last := map[string]int64{}
	for _, e := range entries {
		if e.Key != "tail-2" || e.Status == "" || e.Record == nil || e.Version <= last[e.Topic] || e.Headers["version"] == "" {
			t.Errorf("entry is %+v", e)
		}
		last[e.Topic] = e.Version
	}
}

func TestTail_FollowsUntilInterrupted(t *testing.T) {
	shared.stock(t, "FORK", 10)
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	out, errs := &live{}, &live{}
	ended := make(chan error, 1)
	go func() {
		ended <- Execute(ctx, []string{"tail", "orders", "--follow", "--from", "beginning", "--key", "tail-3", "--data", shared.data}, out, errs)
	}()
	shared.place(t, "tail-3", "FORK", "pm_card_visa")
	eventually(t, "the order is shown", func() bool { return strings.Contains(out.String(), "Completed") })
	interrupt()
	if err := <-ended; err != nil || errs.String() != "" {
		t.Errorf("ends with %v, %s", err, errs.String())
	}
	if n := strings.Count(out.String(), "\n"); n != 3 {
		t.Errorf("shows %d records, want 3:\n%s", n, out.String())
	}
}

func TestTail_GoesOnAfterTombstonesAndGarbage(t *testing.T) {
	broker, client := brokerOnly(t, append(embedded.Topics(), kafka.TopicSpec{Name: "foreign", Partitions: 1})...)
	produce(t, client,
		kafka.Record{Topic: "orders", Partition: 0, Key: []byte("a"), Value: []byte("not framed")},
		kafka.Record{Topic: "orders", Partition: 0, Key: []byte("b\x1b[2J"), Value: []byte{0, 0, 0, 0, 7, 1, 2, 3}},
		kafka.Record{Topic: "orders", Partition: 0, Key: []byte("c")},
		kafka.Record{Topic: "foreign", Partition: 0, Key: []byte("d"), Value: []byte{0, 0, 0, 0, 7, 2}},
	)
	out := succeed(t, "tail", "orders", "--kafka", broker)
	follows(t, strings.Split(strings.TrimSpace(out), "\n"),
		[][]string{{"orders/0@0  a  undecodable: ", "not framed as a zero byte and a schema id"}},
		[][]string{{"orders/0@1  b�[2J  undecodable: no built-in version fits", "not a record of its schema"}},
		[][]string{{"orders/0@2  c  tombstone"}},
	)
	contains(t, succeed(t, "tail", "foreign", "--kafka", broker), "undecodable: topic foreign is not declared, so only a registry could tell what schema 7 is")

	entries := lines[topics.Entry](t, succeed(t, "tail", "orders", "--kafka", broker, "--from", "1", "-o", "json"))
	if len(entries) != 2 || entries[0].Fault == "" || !entries[1].Tombstone {
		t.Errorf("entries are %+v", entries)
	}
	if out := succeed(t, "tail", "orders", "--from", "end", "--kafka", broker); out != "" {
		t.Errorf("shows %q from the end on", out)
	}
}

func TestTail_NamesAnUnknownTopic(t *testing.T) {
	_, errs, code := murmur(t, "tail", "ordres", "--data", shared.data)
	if code != run.ExitFailure {
		t.Errorf("exit code %d", code)
	}
	contains(t, errs, `"ordres"`, "UNKNOWN_TOPIC", "`murmur topics` lists")
}

// Any consumer prints keys and headers, so they have to be text as they are.
func TestRecords_HavePlainTextKeysAndHeaders(t *testing.T) {
	shared.stock(t, "VASE", 10)
	shared.place(t, "plain-1", "VASE", "pm_card_visa")
	client, err := kafka.NewClient(kafka.Config{Brokers: []string{shared.Kafka}})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	seen := map[string]bool{}
	err = client.Scan(t.Context(), kafka.ReadCommitted, []string{schemas.Orders, schemas.Payments, schemas.Reservations, schemas.StockLevels}, func(r kafka.Record) error {
		if id := string(r.Key); id != "plain-1" && id != "VASE" {
			return nil
		}
		seen[r.Topic] = true
		for _, name := range []string{
			aggregate.HeaderSpecVersion, aggregate.HeaderEventID, aggregate.HeaderEventType, aggregate.HeaderSource, aggregate.HeaderTime, aggregate.HeaderSubject,
			aggregate.HeaderContentType, aggregate.HeaderVersion, aggregate.HeaderCorrelationID, aggregate.HeaderCausationID,
		} {
			if value, ok := r.Header(name); !ok || value == "" {
				t.Errorf("%s@%d has no header %s", r.TopicPartition(), r.Offset, name)
			}
		}
		for _, h := range r.Headers {
			if !plainText(h.Key) || !plainText(string(h.Value)) {
				t.Errorf("%s@%d: header %q: %q", r.TopicPartition(), r.Offset, h.Key, h.Value)
			}
		}
		if subject, _ := r.Header(aggregate.HeaderSubject); subject != string(r.Key) {
			t.Errorf("%s@%d: subject is %q, key %q", r.TopicPartition(), r.Offset, subject, r.Key)
		}
		return nil
	})
	if err != nil || len(seen) != 4 {
		t.Errorf("saw %v, %v", seen, err)
	}
}

func plainText(s string) bool {
	return utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) < 0
}
