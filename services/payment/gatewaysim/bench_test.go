package gatewaysim

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
)

// BenchmarkServer_32Clients measures acknowledged, durable changes over HTTP; the
// clients share the processors with the gateway.
func BenchmarkServer_32Clients(b *testing.B) {
	s := start(b, Config{})
	const clients = 32
	var next atomic.Int64
	var wg sync.WaitGroup
	b.ResetTimer()
	for range clients {
		wg.Go(func() {
			for {
				n := next.Add(1)
				if n > int64(b.N) {
					return
				}
				a, err := s.try(b.Context(), http.MethodPost, "/v1/payment_intents", fmt.Sprint("key ", n), intent("pm_card_visa")...)
				if err != nil || a.code != http.StatusOK {
					b.Errorf("%v %s", err, a.raw)
					return
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
}
