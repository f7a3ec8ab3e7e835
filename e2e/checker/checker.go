package checker

import (
	"context"
	"fmt"

	"github.com/murmuration-dev/murmuration/cmd/murmur/embedded"
	"github.com/murmuration-dev/murmuration/e2e/client"
)

// Findings are everything that a platform keeps.
type Findings struct {
	Records []Record
	Charges []client.Charge
	Log     Log
	stores  map[string]Content
}

// fixed is a Platform that stays where it is.
type fixed embedded.Addresses

func (f fixed) Addresses() embedded.Addresses { return embedded.Addresses(f) }

// Read reads logs, databases and ledger of a platform that runs and is quiet.
func Read(ctx context.Context, a embedded.Addresses, stores Stores) (*Findings, error) {
	f := &Findings{stores: make(map[string]Content)}
	for _, service := range stores.names() {
		content, err := stores[service].Content(ctx)
		if err != nil {
			return nil, fmt.Errorf("database of %s: %w", service, err)
		}
		f.stores[service] = content
	}
	var err error
	if f.Records, err = readLogs(ctx, a.Kafka, a.Registry); err != nil {
		return nil, err
	}
	if f.Log, err = readMarkers(ctx, a.Kafka, len(f.Records)); err != nil {
		return nil, err
	}
	gateway := client.New(fixed(a))
	defer gateway.Close()
	f.Charges, err = gateway.Ledger(ctx)
	return f, err
}

// Check returns what is wrong, given what was acknowledged.
func (f *Findings) Check(acknowledged *client.History) []error { return f.Judge(acknowledged).Wrong }

// Judge says what is wrong, given what was acknowledged and answered.
func (f *Findings) Judge(acknowledged *client.History) Verdict {
	wrong := &faults{}
	f.checkStores(wrong)
	f.checkLogs(wrong)
	latest := f.Latest()
	checkAcknowledged(wrong, latest, acknowledged)
	checkAnswers(wrong, latest, acknowledged)
	f.checkMoney(wrong, latest)
	f.checkStock(wrong, latest, acknowledged)
	return wrong.verdict()
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
