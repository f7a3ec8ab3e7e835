package participant

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/murmuration-dev/murmuration/pkg/aggregate"
	"github.com/murmuration-dev/murmuration/pkg/avro"
	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/inbox"
	"github.com/murmuration-dev/murmuration/pkg/kafka"
	"github.com/murmuration-dev/murmuration/pkg/outbox"
	"github.com/murmuration-dev/murmuration/pkg/telemetry"
)

func (s *surroundings) newRegistry() *avro.Registry {
	s.t.Helper()
	r, err := avro.NewRegistry(avro.RegistryConfig{URL: s.registry.URL})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(r.Close)
	return r
}

// ticketRecord is a record as the ticket service writes it.
func (s *surroundings) ticketRecord(key string, price int64) kafka.Record {
	s.t.Helper()
	w, err := NewWriter(s.t.Context(), s.newRegistry(), "tickets", "tickets-value", ticketV2, aggregate.Envelope{Source: "/services/ticket", TypePrefix: "test."})
	if err != nil {
		s.t.Fatal(err)
	}
	meta := eventstore.Meta{At: 1, Correlation: "corr", Traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
	out, err := w.Record(eventstore.StreamID{Kind: "ticket", ID: key}, 3, "Sold", meta, map[string]any{"price": price, "note": "front row"})
	if err != nil {
		s.t.Fatal(err)
	}
	r := kafka.Record{Topic: out.Topic, Partition: kafka.AnyPartition, Key: []byte(out.Key), Value: out.Value}
	for _, h := range out.Headers {
		r.Headers = append(r.Headers, kafka.Header{Key: h.Key, Value: []byte(h.Value)})
	}
	return r
}

func TestRecords_AreReadAsTheReaderKnowsThem(t *testing.T) {
	t.Parallel()
	s := newSurroundings(t)
	r := s.ticketRecord("t1", 12)
	readers := Readers{}
	check(t, Read(readers, s.newRegistry(), "tickets", ticketV1, "", ticketFrom))
	got, err := readers.Decode(t.Context(), r)
	if err != nil || got != (ticket{12}) {
		t.Errorf("got %v, %v", got, err)
	}
	for header, want := range map[string]string{
		aggregate.HeaderEventID: "ticket/t1/3", aggregate.HeaderEventType: "test.Sold", aggregate.HeaderVersion: "3", aggregate.HeaderCorrelationID: "corr",
	} {
		if got, _ := r.Header(header); got != want {
			t.Errorf("header %s: got %q, want %q", header, got, want)
		}
	}
	if err := Read(readers, s.newRegistry(), "other", "no schema", "", ticketFrom); err == nil {
		t.Error("a reader without a schema was made")
	}
}

// Hazard 13: only what will always fail parks a key.
func TestRecords_TellWhatWillAlwaysFail(t *testing.T) {
	t.Parallel()
	s := newSurroundings(t)
	good, senseless := s.ticketRecord("t1", 12), s.ticketRecord("t1", -1)
	corrupt, unframed, foreign, elsewhere := good, good, good, good
	corrupt.Value = good.Value[:6]
	unframed.Value = []byte("text")
	foreign.Value = append([]byte{0, 0, 0, 0x7f, 1}, good.Value[5:]...)
	elsewhere.Topic = "nobody reads this"
	readers := Readers{}
	check(t, Read(readers, s.newRegistry(), "tickets", ticketV1, "", ticketFrom))
	for name, r := range map[string]kafka.Record{
		"corrupt": corrupt, "unframed": unframed, "schema that the registry does not have": foreign, "unknown topic": elsewhere, "senseless": senseless,
	} {
		if _, err := readers.Decode(t.Context(), r); !inbox.IsPermanent(err) {
			t.Errorf("%s: got %v, want a permanent error", name, err)
		}
	}
	s.registryAway.Store(true)
	fresh := Readers{}
	check(t, Read(fresh, s.newRegistry(), "tickets", ticketV1, "", ticketFrom))
	if _, err := fresh.Decode(t.Context(), good); err == nil || inbox.IsPermanent(err) {
		t.Errorf("registry away: got %v, want an error that passes", err)
	}
	s.registryAway.Store(false)
	if _, err := fresh.Decode(t.Context(), good); err != nil {
		t.Errorf("registry back: got %v", err)
	}
}

func TestRecords_AreNotBelievedOfAnotherKey(t *testing.T) {
	t.Parallel()
	s := newSurroundings(t)
	readers := Readers{}
	check(t, Read(readers, s.newRegistry(), "tickets", ticketV2, "note", ticketFrom))
	if _, err := readers.Decode(t.Context(), s.ticketRecord("t1", 12)); !inbox.IsPermanent(err) {
		t.Errorf("key t1, value of %q: got %v, want a permanent error", "front row", err)
	}
	if _, err := readers.Decode(t.Context(), s.ticketRecord("front row", 12)); err != nil {
		t.Errorf("key and value agree: got %v", err)
	}
}

func TestWriter_RefusesWhatIsNotOfItsSchema(t *testing.T) {
	t.Parallel()
	s := newSurroundings(t)
	w, err := NewWriter(t.Context(), s.newRegistry(), "tickets", "tickets-value", ticketV2, aggregate.Envelope{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Record(eventstore.StreamID{}, 1, "Sold", eventstore.Meta{}, map[string]any{"price": "dear"}); err == nil {
		t.Error("a record was made of a wrong value")
	}
	if _, err := NewWriter(t.Context(), s.newRegistry(), "tickets", "tickets-value", `{"type":`, aggregate.Envelope{}); err == nil {
		t.Error("a writer without a schema was made")
	}
	s.registryAway.Store(true)
	if _, err := NewWriter(t.Context(), s.newRegistry(), "tickets", "tickets-value", ticketV2, aggregate.Envelope{}); err == nil || avro.Permanent(err) {
		t.Errorf("got %v, want an error that passes", err)
	}
}

func TestCause_ContinuesWhatTheRecordBeganIn(t *testing.T) {
	t.Parallel()
	provider := sdktrace.NewTracerProvider()
	defer func() { check(t, provider.Shutdown(context.WithoutCancel(t.Context()))) }()
	r := inbox.Record{Record: newSurroundings(t).ticketRecord("t1", 12)}
	meta, span := Cause(t.Context(), provider.Tracer("test"), r, time.UnixMicro(77))
	span.End()
	if meta.At != 77 || meta.Correlation != "corr" || meta.Causation != "ticket/t1/3" || !strings.Contains(meta.Traceparent, "0af7651916cd43dd8448eb211c80319c") {
		t.Errorf("got %+v", meta)
	}
	meta, span = Cause(t.Context(), provider.Tracer("test"), inbox.Record{}, time.UnixMicro(78))
	span.End()
	if meta.At != 78 || meta.Correlation != "" || meta.Traceparent == "" {
		t.Errorf("without headers: got %+v", meta)
	}
	meta = RequestCause(telemetry.WithCorrelation(t.Context(), "req"), time.UnixMicro(79))
	if meta != (eventstore.Meta{At: 79, Correlation: "req", Causation: "request/req"}) {
		t.Errorf("of a request: got %+v", meta)
	}
}

func TestPositions_AreReadAsTheyWereWritten(t *testing.T) {
	t.Parallel()
	s := newSurroundings(t)
	codec, err := newPositions(t.Context(), s.newRegistry(), "tally-positions-value", positionsSchema)
	if err != nil {
		t.Fatal(err)
	}
	for _, rows := range [][]eventstore.RowID{{}, {{Stream: eventstore.StreamID{Kind: "tally", ID: "ä/b"}, Version: 7}, {Stream: eventstore.StreamID{Kind: "k"}, Version: 1 << 40}}} {
		want := outbox.Position{Relay: "tally", StoreEpoch: "e", Batch: 1 << 50, Rows: rows, Digest: "d1", At: 1_700_000_000_123_456}
		value, err := codec.encode(want)
		check(t, err)
		got, err := codec.decode(t.Context(), value)
		if err != nil || got.Relay != want.Relay || got.StoreEpoch != want.StoreEpoch || got.Batch != want.Batch || got.At != want.At || got.Digest != want.Digest || len(got.Rows) != len(rows) {
			t.Errorf("got %+v, %v, want %+v", got, err, want)
		}
		for i := range rows {
			if got.Rows[i] != rows[i] {
				t.Errorf("got row %+v, want %+v", got.Rows[i], rows[i])
			}
		}
	}
}

func TestPositions_RefuseWhatIsNone(t *testing.T) {
	t.Parallel()
	s := newSurroundings(t)
	codec, err := newPositions(t.Context(), s.newRegistry(), "tally-positions-value", positionsSchema)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := codec.decode(t.Context(), []byte("text")); !avro.Permanent(err) {
		t.Errorf("got %v", err)
	}
	narrow := strings.Replace(positionsSchema, `{"name":"batch","type":"long"},`, "", 1)
	other, err := newPositions(t.Context(), s.newRegistry(), "narrow-value", narrow)
	if err != nil {
		t.Fatal(err)
	}
	value, err := other.encoder.Encode(map[string]any{"relay": "r", "store_epoch": "e", "rows": []any{}, "digest": "d", "published_at": time.UnixMicro(1)})
	check(t, err)
	if _, err := other.decode(t.Context(), value); !errors.Is(err, errPositionShape) {
		t.Errorf("got %v, want a field to be missed", err)
	}
}

func TestProblem_TellsClientsWhatTheyCanMend(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err    error
		status int
	}{
		{aggregate.ErrKeyReused, http.StatusUnprocessableEntity},
		{eventstore.ErrRecordTooLarge, http.StatusUnprocessableEntity},
		{&eventstore.ConflictError{What: "stream"}, http.StatusServiceUnavailable},
	} {
		var status interface{ GetStatus() int }
		if err := Problem(errors.Join(errors.New("command"), c.err)); !errors.As(err, &status) || status.GetStatus() != c.status {
			t.Errorf("%v: got %v, want status %d", c.err, err, c.status)
		}
	}
	hidden := errors.New("password of the database is wrong")
	if err := Problem(hidden); !errors.Is(err, hidden) || errors.As(err, new(interface{ GetStatus() int })) {
		t.Errorf("got %v, want what only the log may say unchanged", err)
	}
	if got := NotFound(eventstore.StreamID{Kind: "tally", ID: "x"}); !strings.Contains(got.Error(), "There is no tally x") {
		t.Errorf("got %v", got)
	}
}

func TestDigest_TellsRequestsApart(t *testing.T) {
	t.Parallel()
	digest := func(parts ...any) string {
		d, err := Digest(parts...)
		check(t, err)
		return d
	}
	type body struct{ A, B string }
	same := digest("place", body{"1", "2"})
	if same != digest("place", body{"1", "2"}) || len(same) != 32 {
		t.Error("the same request has two digests")
	}
	for _, other := range []string{digest("cancel", body{"1", "2"}), digest("place", body{"12", ""}), digest("place"), digest("pl", "ace")} {
		if other == same {
			t.Error("two requests have one digest")
		}
	}
	if _, err := Digest(func() {}); err == nil {
		t.Error("what has no content has a digest")
	}
}
