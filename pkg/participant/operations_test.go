package participant

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/murmuration-dev/murmuration/pkg/aggregate"
)

func TestOperations_ShowTheServiceAsAWhole(t *testing.T) {
	t.Parallel()
	s := newSurroundings(t)
	s.startBrokers()
	p := s.start(testSpec(nil))
	p.waitReady()
	bad := s.ticketRecord("bad", -1)
	s.sell(bad, s.ticketRecord("good", 1))
	var o Overview
	eventually(t, "all is published", func() bool {
		code, body := call(t, "GET", p.ops+"/inspect", "")
		if code != http.StatusOK {
			t.Fatalf("got %d %s", code, body)
		}
		o = Overview{}
		check(t, json.Unmarshal([]byte(body), &o))
		return o.Waiting == 0 && o.Status.Batch > 0 && len(o.Parked) == 1 && o.Relay.Batch == o.Status.Batch
	})
	if o.Service != "tally" || len(o.Positions) == 0 || !o.Status.Leader || o.Status.PublishedAt.IsZero() || o.Kinds[0] != "tally" {
		t.Errorf("got %+v", o)
	}
	if o.Parked[0].Key != "bad" || !strings.Contains(o.Parked[0].Reason, "less than nothing") {
		t.Errorf("got %+v parked", o.Parked)
	}
}

// lines splits an inspection, and tells whether it is complete.
func lines(t *testing.T, p *process, query string) (seen []aggregate.Inspection, complete bool) {
	t.Helper()
	code, body := call(t, "GET", p.ops+"/inspect/tally"+query, "")
	if code != http.StatusOK {
		t.Fatalf("got %d %s", code, body)
	}
	for line := range strings.Lines(body) {
		if strings.TrimSpace(line) == `{"end":true}` {
			return seen, true
		}
		var i aggregate.Inspection
		check(t, json.Unmarshal([]byte(line), &i))
		seen = append(seen, i)
	}
	return seen, false
}

func TestOperations_InspectStreamsInPages(t *testing.T) {
	t.Parallel()
	s := newSurroundings(t)
	p := s.start(testSpec(nil))
	p.waitReady()
	const streams = inspectPage + 5
	for i := range streams {
		p.add(fmt.Sprintf("t%03d", i), int64(i+1))
	}
	for _, c := range []struct {
		query string
		want  int
		first string
	}{
		{"", streams, "t000"}, {"?limit=3", 3, "t000"}, {"?limit=0", 0, ""}, {"?after=t200", 4, "t201"}, {"?after=t010&limit=2", 2, "t011"},
		{fmt.Sprint("?limit=", inspectPage), inspectPage, "t000"}, {"?limit=9999", streams, "t000"},
	} {
		seen, complete := lines(t, p, c.query)
		if len(seen) != c.want || !complete || c.want > 0 && seen[0].ID != c.first {
			t.Errorf("%q: got %d streams, complete %v, want %d from %s on", c.query, len(seen), complete, c.want, c.first)
		}
		for _, i := range seen {
			if i.Fault != "" || i.Version != 1 {
				t.Errorf("got %+v", i)
			}
		}
	}
	for path, want := range map[string]int{"/inspect/ghost": http.StatusNotFound, "/inspect/tally?limit=x": http.StatusBadRequest, "/inspect/tally?limit=-1": http.StatusBadRequest} {
		if code, body := call(t, "GET", p.ops+path, ""); code != want {
			t.Errorf("%s: got %d %s, want %d", path, code, body, want)
		}
	}
}

func TestOperations_ReviveAParkedIntent(t *testing.T) {
	t.Parallel()
	s := newSurroundings(t)
	s.startBrokers() // nothing is executed before the database was compared with its topics
	p := s.start(testSpec(nil))
	p.waitReady()
	if code, body := call(t, "POST", p.api+"/tallies/x", `{"amount":1,"settle":true}`); code != http.StatusOK {
		t.Fatalf("got %d %s", code, body)
	}
	parked := func() bool {
		_, body := call(t, "GET", p.ops+"/inspect", "")
		var o Overview
		check(t, json.Unmarshal([]byte(body), &o))
		return len(o.ParkedIntents) == 1 && o.ParkedIntents[0].LastError == "nobody settles this"
	}
	eventually(t, "the intent is parked", parked)
	if code, _ := call(t, "POST", p.ops+"/intents/revive?key=none", ""); code != http.StatusNotFound {
		t.Errorf("got %d for an intent that is not parked", code)
	}
	if code, body := call(t, "POST", p.ops+"/intents/revive?key=x/settle", ""); code != http.StatusNoContent {
		t.Errorf("got %d %s", code, body)
	}
	eventually(t, "it was tried and parked again", parked)
}
