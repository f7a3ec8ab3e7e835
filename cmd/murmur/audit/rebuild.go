package audit

import (
	"context"
	"encoding/json"
	"net/url"

	"github.com/murmuration-dev/murmuration/cmd/murmur/embedded"
	"github.com/murmuration-dev/murmuration/schemas"
)

// Rebuilt is what one kind of streams gives when its events are folded again.
type Rebuilt struct {
	Service string `json:"service"`
	Kind    string `json:"kind"`
	// Streams were rebuilt, from Events of them altogether.
	Streams int64 `json:"streams"`
	Events  int64 `json:"events"`
	// Count is how many rows differ; List holds the first of them.
	Count int       `json:"count"`
	List  []Finding `json:"list,omitempty"`
}

// Rebuild has every service fold the events of all its streams again and compare
// the outcome, byte for byte, with its state rows. It changes nothing. A stream
// that is written at that moment is looked at again before it is accused.
func Rebuild(ctx context.Context, at embedded.Addresses) ([]Rebuilt, error) {
	c, err := newCollector(at)
	if err != nil {
		return nil, err
	}
	defer c.close()
	var out []Rebuilt
	for _, k := range []struct{ service, kind string }{
		{schemas.OrderService, kindOrder},
		{schemas.PaymentService, kindPayment},
		{schemas.InventoryService, kindReservation},
		{schemas.InventoryService, kindStock},
	} {
		r := Rebuilt{Service: k.service, Kind: k.kind}
		if err := r.fold(ctx, c); err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

func (r *Rebuilt) fold(ctx context.Context, c *collector) error {
	before := ""
	faults := map[string]string{}
	err := inspect(ctx, c, r.Service, r.Kind, url.Values{}, func(l line[json.RawMessage]) {
		r.Streams++
		r.Events += l.Version
		if l.Fault != "" {
			faults[l.ID] = before
		}
		before = l.ID
	})
	if err != nil {
		return err
	}
	for id := range sortedKeys(faults) {
		seen := map[string]*Stream[json.RawMessage]{id: {Fault: "not looked at again"}}
		if err := lookAgain(ctx, c, r.Service, r.Kind, id, faults[id], seen); err != nil {
			return err
		}
		if s := seen[id]; s.Fault != "" {
			r.Count++
			if len(r.List) < maxFindings {
				r.List = append(r.List, Finding{Subject: r.Kind + " " + id, Version: s.Version, Detail: s.Fault})
			}
		}
	}
	return nil
}
