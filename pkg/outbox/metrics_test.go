package outbox

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

func counted(w *world, c prometheus.Collector) (sum float64) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(c)
	families, err := registry.Gather()
	if err != nil {
		w.fatalf("%v", err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			sum += m.GetCounter().GetValue()
		}
	}
	return sum
}

// A commit that never reached the log is a transaction that came to nothing; its
// records are counted when they are published after all, and once.
func TestRelay_CountsWhatIsPublishedAndWhatCameToNothing(t *testing.T) {
	scenario(t, func(w *world) {
		w.commit("a", "b")
		p := w.start("only")
		w.grant(w.until("commit"), lost)
		w.drain()
		m := p.relay.metrics
		if aborts, batches := counted(w, m.aborts), counted(w, m.batches); aborts != 1 || batches != 1 {
			w.fatalf("%v transactions came to nothing and %v to a commit", aborts, batches)
		}
		for _, key := range []string{"a", "b"} {
			if n := counted(w, m.records.WithLabelValues("orders", "of "+key)); n != 1 {
				w.fatalf("%v records of %s are counted", n, key)
			}
		}
		w.commit("a")
		w.drain()
		if n := counted(w, m.records.WithLabelValues("orders", "of a")); n != 2 {
			w.fatalf("%v records of a are counted", n)
		}
	})
}
