//go:build e2e

package hop

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/kafka/kafkatest"
	"github.com/murmuration-dev/murmuration/pkg/outbox"
)

var errWithdrawn = errors.New("withdrawn")

// watchedLog lets a process live for one transaction, and tells how that ended.
type watchedLog struct {
	outbox.Log
	life    *life
	outcome chan error // of the transaction; nil: committed
}

func (w watchedLog) Init(ctx context.Context) error {
	if err := w.life.lasts(); err != nil {
		return err
	}
	return w.Log.Init(ctx)
}

func (w watchedLog) Begin(ctx context.Context) (outbox.Txn, error) {
	if err := w.life.lasts(); err != nil {
		return nil, err
	}
	txn, err := w.Log.Begin(ctx)
	return watchedTxn{txn, w}, err
}

// end reports the first outcome.
func (w watchedLog) end(err error) {
	if w.life.lasts() == nil {
		w.life.end()
		w.outcome <- err
	}
}

type watchedTxn struct {
	outbox.Txn
	log watchedLog
}

func (t watchedTxn) Produce(ctx context.Context, records []eventstore.Record, position eventstore.Record) (int64, error) {
	offset, err := t.Txn.Produce(ctx, records, position)
	if err != nil {
		t.log.end(err)
	}
	return offset, err
}

func (t watchedTxn) Commit(ctx context.Context) error {
	err := t.Txn.Commit(ctx)
	t.log.end(err)
	return err
}

func (t watchedTxn) Abort(ctx context.Context) error {
	err := t.Txn.Abort(ctx)
	t.log.end(errWithdrawn)
	return err
}

// gatedLog waits before its first transaction.
type gatedLog struct {
	outbox.Log
	once    *sync.Once
	reached chan struct{} // closed: it has recovered, and is about to publish
	open    chan struct{}
}

func (g gatedLog) Begin(ctx context.Context) (outbox.Txn, error) {
	g.once.Do(func() { close(g.reached) })
	select {
	case <-g.open:
		return g.Log.Begin(ctx)
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// A relay is frozen with its batch on the way to the broker; another one takes over
// and reads the position; then the first goes on, and still believes in its lease,
// since its clock stood still with it. All that keeps it from publishing the same
// rows is that the broker refuses it.
func TestRelay_AZombieThatStillTrustsItsLeasePublishesNothing(t *testing.T) {
	r := newRig(t)
	r.commit("a")
	proxy, l := r.through(), newLife()
	thaw := make(chan struct{})
	// Not the mark that a relay writes before it reads its position.
	batch := func(req kmsg.Request) bool {
		return slices.ContainsFunc(req.(*kmsg.ProduceRequest).Topics, func(t kmsg.ProduceRequestTopic) bool { return t.Topic == r.orders })
	}
	onTheWay := proxy.Inject(kafkatest.Fault{Key: int16(kmsg.Produce), Match: batch, Hold: thaw})
	watched := watchedLog{r.log(r.connect(all.Kafka.Fronts())), l, make(chan error, 1)}
	zombie := r.relay(r.config(), relayStore{Store: r.store, life: l, lies: true}, watched)
	r.within("the batch of the first relay is on its way", onTheWay.Held())

	gated := gatedLog{r.log(r.connect(all.Kafka.Addresses())), new(sync.Once), make(chan struct{}), make(chan struct{})}
	heir := r.relay(r.config(), r.store, gated)
	r.within("the second relay has recovered", gated.reached)
	close(thaw)
	r.within("the transaction of the first relay ends", l.over)
	if err := <-watched.outcome; err == nil {
		t.Error("the zombie's transaction was committed")
	} else {
		t.Logf("the zombie's transaction: %v", err)
	}
	close(gated.open)
	r.drained("with a zombie", heir)
	_ = zombie.stop() // it was killed
	r.must(heir.stop())
	r.check("with a zombie")
}
