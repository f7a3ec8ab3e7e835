package participant

import (
	"net/http"
	"strings"
	"testing"
)

// metrics are the lines of /metrics.
func (p *process) metrics() string {
	p.t.Helper()
	code, body := call(p.t, "GET", p.ops+"/metrics", "")
	if code != http.StatusOK {
		p.t.Fatalf("/metrics: %d %s", code, body)
	}
	return body
}

func (p *process) shows(lines ...string) {
	p.t.Helper()
	for _, line := range lines {
		eventually(p.t, line, func() bool { return strings.Contains(p.metrics(), "\n"+line) })
	}
}

func TestMetrics_TellWhatWaitsForAPersonAndHowLongRecordsTake(t *testing.T) {
	t.Parallel()
	s := newSurroundings(t)
	s.startBrokers()
	first := s.start(testSpec(nil))
	first.waitReady()
	first.shows(`murmuration_parked_keys{topic="tickets"} 0`, `murmuration_parked_intents{kind="settle"} 0`, `murmuration_pending_intents{kind="settle"} 0`)
	s.sell(s.ticketRecord("bad", -1), s.ticketRecord("good", 1))
	if code, body := call(t, "POST", first.api+"/tallies/x", `{"amount":1,"settle":true}`); code != http.StatusOK {
		t.Fatalf("add: %d %s", code, body)
	}
	first.shows(
		`murmuration_hop_seconds_count{hop="in",topic="tickets"} 1`, `murmuration_hop_seconds_count{hop="out",topic="tickets"} 1`,
		`outbox_records_total{event="Added",relay="tally",topic="tallies"} 2`, `outbox_aborts_total{relay="tally"} 0`,
		`murmuration_inbox_parked_total{topic="tickets"} 1`, `murmuration_intents_total{kind="settle",outcome="parked"} 1`,
	)
	check(t, first.stop())
	second := s.start(testSpec(nil)) // which reads at once, not in a quarter of a minute
	second.shows(`murmuration_parked_keys{topic="tickets"} 1`, `murmuration_parked_intents{kind="settle"} 1`, `murmuration_pending_intents{kind="settle"} 0`)
	check(t, second.stop())
}
