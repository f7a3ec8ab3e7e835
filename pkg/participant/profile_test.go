package participant

import (
	"net/http"
	"testing"
)

// A profile is asked for where nobody but operators comes, also while the service
// waits for something: that is when one wants to know for what.
func TestProfiles_AreForOperatorsOnly(t *testing.T) {
	t.Parallel()
	s := newSurroundings(t)
	p := s.start(testSpec(nil))
	p.waitReady()
	for path, want := range map[string]string{
		"/debug/pprof/goroutine?debug=1": "goroutine profile: total",
		"/debug/pprof/heap?debug=1":      "heap profile:",
	} {
		code, body := call(t, "GET", p.ops+path, "")
		if code != http.StatusOK {
			t.Errorf("%s: got %d %s", path, code, body)
		}
		contains(t, body, want)
	}
	if code, body := call(t, "GET", p.ops+"/debug/pprof/profile?seconds=1", ""); code != http.StatusOK || body[:2] != "\x1f\x8b" {
		t.Errorf("got %d %.100q, want a compressed profile", code, body)
	}
	for _, elsewhere := range []string{p.ops + "/debug/pprof/cmdline", p.api + "/debug/pprof/heap"} {
		if code, body := call(t, "GET", elsewhere, ""); code != http.StatusNotFound {
			t.Errorf("%s: got %d %.100s", elsewhere, code, body)
		}
	}
}
