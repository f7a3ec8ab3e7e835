package outbox

import (
	"cmp"
	"encoding/json"
	"slices"
	"sync/atomic"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
)

type published struct{ Version int64 }

// database is the committed content of the outbox, relay and lease tables.
type database struct {
	state    eventstore.RelayState
	lease    eventstore.LeaseState
	seq      int64
	rows     []eventstore.OutboxRow // visible, by Seq
	late     []eventstore.OutboxRow // have a sequence, and are not committed yet
	versions map[string]int64       // highest of each stream, visible or late
	depth    atomic.Int64           // of rows, for who reads it at any time
	fed      atomic.Int64           // time of the last commit
	marks    bool                   // is a SafeMarker
}

func (d *database) init(epoch string) {
	d.state.StoreEpoch = epoch
	d.versions = map[string]int64{}
}

func (d *database) row(stream string) eventstore.OutboxRow {
	d.seq++
	d.versions[stream]++
	value, _ := json.Marshal(published{d.versions[stream]})
	return eventstore.OutboxRow{
		RowID:  eventstore.RowID{Stream: eventstore.StreamID{Kind: "order", ID: stream}, Version: d.versions[stream]},
		Seq:    d.seq,
		Record: eventstore.Record{Topic: "orders", Key: stream, Value: value},
	}
}

// commit adds a row for the next version of each stream.
func (w *world) commit(streams ...string) {
	w.fed.Store(time.Now().UnixMicro())
	for _, stream := range streams {
		w.rows = append(w.rows, w.row(stream))
	}
	w.woke()
}

// begin takes a sequence for the next version of a stream; land commits it.
func (w *world) begin(stream string) { w.late = append(w.late, w.row(stream)) }

func (w *world) land() {
	w.rows = append(w.rows, w.late...)
	w.late = nil
	slices.SortFunc(w.rows, func(a, b eventstore.OutboxRow) int { return cmp.Compare(a.Seq, b.Seq) })
	w.woke()
}

func (w *world) woke() {
	w.depth.Store(int64(len(w.rows)))
	for _, p := range w.processes {
		select {
		case p.wake <- struct{}{}:
		default:
		}
	}
}

// cluster is one log of offsets over all topics, and two transactional ids.
type cluster struct {
	topicID  string
	entries  []entry
	refuse   error // why nothing can be written
	readFrom int64 // where the last read of positions began
	ids      [2]struct {
		epoch int
		open  bool
	}
}

type txnState int

const (
	open txnState = iota
	committed
	aborted
)

type entry struct {
	offset int64
	record eventstore.Record
	id     int
	epoch  int
	state  txnState
}

func (c *cluster) init(topicID string) { c.topicID = topicID }

func (c *cluster) visible(topic string) []entry {
	var out []entry
	for _, e := range c.entries {
		if e.record.Topic == topic && e.state == committed {
			out = append(out, e)
		}
	}
	return out
}

// close ends the open transaction of an id.
func (c *cluster) close(id int, state txnState) {
	for i := range c.entries {
		if e := &c.entries[i]; e.id == id && e.state == open {
			e.state = state
		}
	}
	c.ids[id].open = false
}
