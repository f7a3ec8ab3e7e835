package checker

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/murmuration-dev/murmuration/cmd/murmur/embedded"
	"github.com/murmuration-dev/murmuration/e2e/client"
)

// Findings are everything that a platform keeps.
type Findings struct {
	Records []Record
	Charges []client.Charge
	stores  []store
}

// fixed is a Platform that stays where it is.
type fixed embedded.Addresses

func (f fixed) Addresses() embedded.Addresses { return embedded.Addresses(f) }

// Read reads logs, databases and ledger of a platform that runs and is quiet.
func Read(ctx context.Context, a embedded.Addresses, databases map[string]string) (*Findings, error) {
	f := &Findings{}
	for _, service := range slices.Sorted(maps.Keys(databases)) {
		s, err := readStore(ctx, service, databases[service])
		if err != nil {
			return nil, err
		}
		f.stores = append(f.stores, s)
	}
	var err error
	if f.Records, err = readLogs(ctx, a.Kafka, a.Registry); err != nil {
		return nil, err
	}
	gateway := client.New(fixed(a))
	defer gateway.Close()
	f.Charges, err = gateway.Ledger(ctx)
	return f, err
}

// faults collects what is wrong, up to a bound: one mistake can show a thousand
// times.
type faults struct {
	found []error
	more  int
}

const faultLimit = 40

func (f *faults) addf(format string, args ...any) {
	if len(f.found) >= faultLimit {
		f.more++
		return
	}
	f.found = append(f.found, fmt.Errorf(format, args...))
}

// Check returns what is wrong, given what was acknowledged.
func (f *Findings) Check(acknowledged *client.History) []error {
	var wrong faults
	f.checkStores(&wrong)
	f.checkLogs(&wrong)
	latest := f.Latest()
	checkAcknowledged(&wrong, latest, acknowledged)
	f.checkMoney(&wrong, latest)
	f.checkStock(&wrong, latest, acknowledged)
	if wrong.more > 0 {
		wrong.found = append(wrong.found, fmt.Errorf("and %d more", wrong.more))
	}
	return wrong.found
}

// Latest are the last states by topic and key.
func (f *Findings) Latest() map[string]map[string]State {
	out := make(map[string]map[string]State)
	for topic := range topics {
		out[topic] = make(map[string]State)
	}
	for _, r := range f.Records {
		if out[r.Topic][r.Key].Version < r.Version {
			out[r.Topic][r.Key] = r.Value
		}
	}
	return out
}

// checkStores: events without gaps, and nothing left to do.
func (f *Findings) checkStores(wrong *faults) {
	for _, s := range f.stores {
		if s.outbox > 0 {
			wrong.addf("%s: %d rows were never published", s.service, s.outbox)
		}
		for _, p := range s.parked {
			wrong.addf("%s: parked %s", s.service, p)
		}
		for _, i := range s.owed {
			wrong.addf("%s: owes %s", s.service, i)
		}
		var before Event
		for _, e := range s.events {
			want := int64(1)
			if e.Kind == before.Kind && e.ID == before.ID {
				want = before.Version + 1
			}
			if e.Version != want {
				wrong.addf("%s: %s %s has event %d where %d is due", s.service, e.Kind, e.ID, e.Version, want)
			}
			before = e
		}
	}
}

// stream names a stream by topic and key.
type stream struct{ topic, key string }

// checkLogs: of every published version one record, ascending, in one partition.
func (f *Findings) checkLogs(wrong *faults) {
	promised := make(map[stream]map[int64]bool)
	for _, s := range f.stores {
		for _, e := range s.events {
			for topic, kind := range topics {
				if kind == e.Kind && e.Published {
					of := stream{topic, e.ID}
					if promised[of] == nil {
						promised[of] = make(map[int64]bool)
					}
					promised[of][e.Version] = true
				}
			}
		}
	}
	last := make(map[stream]Record)
	for _, r := range f.Records {
		of := stream{r.Topic, r.Key}
		at := fmt.Sprintf("%s %s version %d at %d/%d", r.Topic, r.Key, r.Version, r.Partition, r.Offset)
		if named := r.Value.OrderID + r.Value.SKU; named != r.Key || r.Value.Version != r.Version {
			wrong.addf("%s says that it is %s version %d", at, named, r.Value.Version)
		}
		if !promised[of][r.Version] {
			wrong.addf("%s is in the log once too often, or was never promised", at)
		}
		delete(promised[of], r.Version)
		if before, ok := last[of]; ok && (before.Version >= r.Version || before.Partition != r.Partition) {
			wrong.addf("%s follows version %d at %d/%d", at, before.Version, before.Partition, before.Offset)
		}
		last[of] = r
	}
	for of, versions := range promised {
		for v := range versions {
			wrong.addf("%s %s version %d is lost", of.topic, of.key, v)
		}
	}
}
