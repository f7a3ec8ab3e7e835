//go:build e2e

package hop

import (
	"fmt"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/murmuration-dev/murmuration/pkg/kafka"
	"github.com/murmuration-dev/murmuration/pkg/kafka/kafkatest"
)

// victim is a relay that reaches the broker through a proxy, and can be killed.
type victim struct {
	*relay
	life   *life
	proxy  *kafkatest.Proxy
	client *kafka.Client
}

// through opens the way through a proxy. There is one at a time, since the broker
// advertises one address for it.
func (r *rig) through() *kafkatest.Proxy {
	r.t.Helper()
	proxy := kafkatest.NewProxy(r.t)
	_, err := proxy.ForwardAt(all.Kafka.Fronts()[0], all.Kafka.Proxied()[0])
	r.must(err)
	return proxy
}

// kill returns when nothing of the process can come any more.
func (v *victim) kill() {
	v.life.end()
	v.proxy.Close()
	_ = v.stop() // whatever it says, nobody hears it
	v.client.Close()
}

// requests are those that change something on a broker.
var requests = []kmsg.Key{kmsg.InitProducerID, kmsg.AddPartitionsToTxn, kmsg.Produce, kmsg.EndTxn}

// stopAt holds the nth of these requests for ever, before the broker sees it or after
// it was handled.
func stopAt(proxy *kafkatest.Proxy, n int, after bool) (held map[kmsg.Key]*kafkatest.Injection) {
	never := make(chan struct{})
	seen := 0
	held = map[kmsg.Key]*kafkatest.Injection{}
	for _, key := range requests {
		held[key] = proxy.Inject(kafkatest.Fault{
			Key: int16(key), After: after, Hold: never, Drop: true,
			Match: func(kmsg.Request) bool { seen++; return seen == n }, // under the proxy's lock
		})
	}
	return held
}

// A relay is killed before and after every request of its protocol that changes
// something: while it takes its ids, between produce and commit, and after a commit
// of which it never hears. Whoever takes over knows nothing but the database and
// the log.
func TestRelay_KilledAtAnyRequestLosesAndDoublesNothing(t *testing.T) {
	r := newRig(t)
	for _, after := range []bool{false, true} {
		for n := 1; ; n++ {
			when := r.killAt(n, after)
			if when == "" {
				if sent := n - 1; sent < 8 { // 2 ids, and 3 batches of a produce and a commit each
					t.Errorf("a relay got through with %d requests: not all were seen", sent)
				}
				break
			}
			t.Log(when)
		}
	}
}

// killAt lets a relay publish three batches and kills it at its nth request. It
// returns when that was; nothing if there were fewer.
func (r *rig) killAt(n int, after bool) (when string) {
	r.t.Helper()
	before, err := r.store.RelayState(r.ctx, relayName)
	r.must(err)
	r.commit("a", "b")
	r.commit("a")
	const batches = 3
	proxy, l := r.through(), newLife()
	held := stopAt(proxy, n, after)
	client := r.connect(all.Kafka.Fronts())
	v := &victim{r.relay(r.config(), relayStore{Store: r.store, life: l}, r.log(client)), l, proxy, client}
	r.eventually(func() string {
		return fmt.Sprintf("request %d, or the end of %d batches: last error: %v", n, batches, v.Status().LastError)
	}, func() bool {
		for _, key := range requests {
			select {
			case <-held[key].Held():
				when = fmt.Sprintf("killed %s request %d, %s", map[bool]string{false: "before", true: "after"}[after], n, key.Name())
				return true
			default:
			}
		}
		return v.Status().Batch >= before.Batch+batches
	})
	v.kill()
	heir := r.heir()
	what := when
	if what == "" {
		what = "killed at the end"
	}
	r.drained(what, heir)
	if err := heir.stop(); err != nil {
		r.t.Fatalf("%s: the relay after it: %v", what, err)
	}
	r.check(what)
	return when
}

// A position record names one batch. While the rows of a batch are not durably gone,
// the next batch may be written, but not committed: else the relay after a crash
// would learn of the next batch alone, and publish this one again. Nor may its
// transaction stay open, which keeps readers waiting, or the relay start all over,
// which would not make the deletion any faster.
func TestRelay_CommitsNoBatchWhileTheRowsOfTheLastAreThere(t *testing.T) {
	r := newRig(t)
	l := newLife()
	v := r.relay(r.config(), relayStore{Store: r.store, life: l, held: true}, r.log(r.connect(all.Kafka.Addresses())))
	r.commit("a")
	r.eventually(say("the first batch is committed"), func() bool {
		_, stable := r.ends(r.orders)
		return v.Status().Batch == 1 && stable > 0
	})
	first := r.read(r.orders)
	_, end := r.ends(r.orders)
	r.commit("a")
	r.eventually(say("the second batch was written, and its transaction has ended"), func() bool {
		high, stable := r.ends(r.orders)
		return high > end && high == stable
	})
	if now := r.read(r.orders); len(first) != 1 || len(now) != 1 {
		t.Errorf("%d, then %d records are committed, want 1: the second batch was published before the rows of the first were gone", len(first), len(now))
	} else {
		slow := func() string { return fmt.Sprint(v.Status().LastError) }
		r.eventually(func() string { return "the relay withdraws the batch and waits, and says so: " + slow() }, func() bool {
			return strings.Contains(slow(), "deletion of the batch before takes long")
		})
	}
	l.end()
	_ = v.stop() // it was killed
	heir := r.heir()
	r.drained("killed before the deletion", heir)
	r.must(heir.stop())
	r.check("killed before the deletion")
}
