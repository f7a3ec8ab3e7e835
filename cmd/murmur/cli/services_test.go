package cli

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/kafka"
	"github.com/murmuration-dev/murmuration/pkg/participant"
	"github.com/murmuration-dev/murmuration/pkg/run"
)

func TestStatus_ShowsTheServicesAndCountsTheOrders(t *testing.T) {
	shared.stock(t, "LAMP", 10)
	shared.place(t, "status-1", "LAMP", "pm_card_visa")
	var status platformStatus
	eventually(t, "nothing waits anywhere", func() bool {
		status = platformStatus{}
		if err := json.Unmarshal([]byte(succeed(t, "status", "-o", "json", "--data", shared.data)), &status); err != nil {
			t.Fatal(err)
		}
		waiting := int64(0)
		for _, s := range status.Services {
			waiting += s.Outbox
			for _, lag := range s.Lag {
				waiting += lag
			}
		}
		return waiting == 0
	})
	if len(status.Services) != 3 || status.Orders["COMPLETED"] < 1 {
		t.Fatalf("status is %+v", status)
	}
	for _, s := range status.Services {
		if s.State != "ready" || !s.Leader || len(s.Lag) != len(reads[s.Service]) || s.PublishedAt == nil {
			t.Errorf("status is %+v", s)
		}
	}
	contains(t, succeed(t, "status", "--data", shared.data), "SERVICE", "inventory", "ready", "payments 0, reservations 0", "COMPLETED ")
}

func TestStatus_ShowsWhatItCanOfAPlatformThatIsDown(t *testing.T) {
	out, errs, code := murmur(t, "status", "--data", shared.data, "--payment-ops", "http://127.0.0.1:1", "--kafka", "127.0.0.1:1")
	if code != run.ExitTempFail {
		t.Errorf("exit code %d", code)
	}
	contains(t, out, "order", "ready", "unreachable", "payment: ", "connection refused", "orders: ")
	contains(t, errs, "payment service is unreachable", "no broker answers at 127.0.0.1:1")
}

// fakeOperations answers as services without or with one parked intent do.
func fakeOperations(t *testing.T, key string) (flags []string) {
	t.Helper()
	for _, service := range []string{"order", "payment", "inventory"} {
		mux := http.NewServeMux()
		parked := service == "payment" && key != ""
		mux.HandleFunc("GET /inspect", func(w http.ResponseWriter, _ *http.Request) {
			o := participant.Overview{Service: service, Status: participant.RelayStatus{Leader: true}}
			if parked {
				o.ParkedIntents = []eventstore.Intent{{
					Key: key, Kind: "refund", Stream: eventstore.StreamID{Kind: "payment", ID: "o"}, Attempts: 7, State: eventstore.IntentParked,
					LastError: "the gateway does not know this payment", Meta: eventstore.Meta{At: time.Now().Add(-time.Hour).UnixMicro()},
				}}
			}
			if err := json.NewEncoder(w).Encode(o); err != nil {
				t.Error(err)
			}
		})
		mux.HandleFunc("POST /intents/revive", func(w http.ResponseWriter, r *http.Request) {
			if !parked || r.URL.Query().Get("key") != key {
				http.Error(w, "no parked intent has this key", http.StatusNotFound)
				return
			}
			parked = false
			w.WriteHeader(http.StatusNoContent)
		})
		server := httptest.NewServer(mux)
		t.Cleanup(server.Close)
		flags = append(flags, "--"+service+"-ops", server.URL)
	}
	return flags
}

func TestParked_RevivesAnIntentOnce(t *testing.T) {
	t.Chdir(t.TempDir())
	const key = "refund/o/0 & 500"
	flags := fakeOperations(t, key)
	contains(t, succeed(t, append([]string{"parked"}, flags...)...), "payment", "refund", key, "1h0m", "payment/o, 7 attempts", "the gateway does not know this payment")
	contains(t, succeed(t, append([]string{"parked", "revive", key}, flags...)...), "payment: "+key+" is pending again")
	contains(t, succeed(t, append([]string{"parked"}, flags...)...), "nothing is parked")
	_, errs, code := murmur(t, append([]string{"parked", "revive", key}, flags...)...)
	if code != run.ExitFailure {
		t.Errorf("exit code %d", code)
	}
	contains(t, errs, "no service has a parked intent of this key")
}

func TestParked_ShowsRecordsWithReasonAndAge(t *testing.T) {
	w, err := startWorld(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := w.stop(); err != nil {
			t.Error(err)
		}
	}()
	client, err := kafka.NewClient(kafka.Config{Brokers: []string{w.Kafka}})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	produce(t, client, kafka.Record{Topic: "orders", Partition: kafka.AnyPartition, Key: []byte("garbage-1"), Value: []byte("not an order")})
	var out string
	eventually(t, "both readers of orders park the record", func() bool {
		out = succeed(t, "parked", "--data", w.data)
		return strings.Count(out, "garbage-1") == 2
	})
	contains(t, out, "payment", "inventory", "record", "orders/", "not framed")
	all := lines[[]setAside](t, succeed(t, "parked", "-o", "json", "--data", w.data))
	if len(all) != 1 || len(all[0]) != 2 || all[0][0].At == nil || all[0][0].Key != "garbage-1" || all[0][0].Offset == nil {
		t.Errorf("is %+v", all)
	}
	contains(t, succeed(t, "status", "--data", w.data), "1 records, 0 intents")
}

func TestParked_FailsForNowWithoutAService(t *testing.T) {
	flags := fakeOperations(t, "k")
	out, errs, code := murmur(t, append([]string{"parked", "--data", shared.data}, append(flags, "--order-ops", "http://127.0.0.1:1")...)...)
	if code != run.ExitTempFail {
		t.Errorf("exit code %d", code)
	}
	contains(t, out, "the gateway does not know this payment")
	contains(t, errs, "order service", "connection refused")
}
