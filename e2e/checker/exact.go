package checker

import (
	"fmt"
	"maps"
	"slices"
)

// checkStores: events without gaps, and nothing left to do.
func (f *Findings) checkStores(wrong *faults) {
	for _, service := range slices.Sorted(maps.Keys(f.stores)) {
		s := f.stores[service]
		if s.Outbox > 0 {
			wrong.addf("%s: %d rows were never published", service, s.Outbox)
		}
		for _, p := range s.Parked {
			wrong.addf("%s: parked %s", service, p)
		}
		for _, i := range s.Owed {
			wrong.addf("%s: owes %s", service, i)
		}
		var before Event
		for _, e := range s.Events {
			want := int64(1)
			if e.Kind == before.Kind && e.ID == before.ID {
				want = before.Version + 1
			}
			if e.Version != want {
				wrong.addf("%s: %s %s has event %d where %d is due", service, e.Kind, e.ID, e.Version, want)
			}
			before = e
		}
	}
}

// stream names a stream by topic and key.
type stream struct{ topic, key string }

// promised are the versions that the stores say they published; false once a
// record of it was seen.
func (f *Findings) promised() map[stream]map[int64]bool {
	topicOf := make(map[string]string)
	for topic, kind := range topics {
		topicOf[kind] = topic
	}
	out := make(map[stream]map[int64]bool)
	for _, s := range f.stores {
		for _, e := range s.Events {
			topic, ok := topicOf[e.Kind]
			if !ok || !e.Published {
				continue
			}
			of := stream{topic, e.ID}
			if out[of] == nil {
				out[of] = make(map[int64]bool)
			}
			out[of][e.Version] = true
		}
	}
	return out
}

// checkLogs: of every published version one record, ascending, in one partition.
func (f *Findings) checkLogs(wrong *faults) {
	promised := f.promised()
	last := make(map[stream]Record)
	for _, r := range f.Records {
		of := stream{r.Topic, r.Key}
		at := fmt.Sprintf("%s %s version %d at %d/%d", r.Topic, r.Key, r.Version, r.Partition, r.Offset)
		if named := r.Value.OrderID + r.Value.SKU; named != r.Key || r.Value.Version != r.Version {
			wrong.addf("%s says that it is %s version %d", at, named, r.Value.Version)
		}
		switch due, known := promised[of][r.Version]; {
		case !known:
			wrong.addf("%s was never promised", at)
		case !due:
			wrong.count(&wrong.duplicates, "%s is in the log once too often", at)
		default:
			promised[of][r.Version] = false
		}
		if before, ok := last[of]; ok && (before.Version > r.Version || before.Partition != r.Partition) {
			wrong.count(&wrong.outOfOrder, "%s follows version %d at %d/%d", at, before.Version, before.Partition, before.Offset)
		}
		last[of] = r
	}
	for of, versions := range promised {
		for v, due := range versions {
			if due {
				wrong.count(&wrong.lost, "%s %s version %d is lost", of.topic, of.key, v)
			}
		}
	}
}
