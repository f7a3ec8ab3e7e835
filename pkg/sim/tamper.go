package sim

import (
	"slices"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
)

// A check that cannot fail proves nothing. What follows puts into a world what no
// service would, past every rule, so that a test can show each of its checks what
// it looks for. It takes no time and no lock: use it in [World.Look], or in a
// check that [World.Finally] runs before the others.

// Overwrite replaces the row of a stream, and leaves its events alone.
func (d *Disk) Overwrite(row eventstore.Stream) { d.data.streams[row.ID] = row }

// Park sets a record aside.
func (d *Disk) Park(p eventstore.Parked) { d.data.parked[p.ParkedKey] = p }

// Intend adds an intent in the state that it has.
func (d *Disk) Intend(i eventstore.Intent) { d.data.intents[i.Key] = intentRow{Intent: i} }

// Forge writes a committed record that no relay sent.
func (w *World) Forge(r eventstore.Record) {
	if t := w.cluster.topics[r.Topic]; t != nil {
		t.partitions[0].append(&entry{record: kafkaRecord(&r)})
	}
}

// Erase makes the n-th committed record of a topic, counted from 0 as in Records,
// one that never was, and tells whether there was one.
func (w *World) Erase(topic string, n int) bool {
	t := w.cluster.topics[topic]
	if t == nil {
		return false
	}
	for _, p := range t.partitions {
		for _, e := range p.all {
			if !e.visible() {
				continue
			}
			if n == 0 {
				gone := func(o *entry) bool { return o == e }
				p.all, p.entries = slices.DeleteFunc(p.all, gone), slices.DeleteFunc(slices.Clone(p.entries), gone)
				return true
			}
			n--
		}
	}
	return false
}
