package sim_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/aggregate"
	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/inbox"
	"github.com/murmuration-dev/murmuration/pkg/intent"
	"github.com/murmuration-dev/murmuration/pkg/sim"
)

// ringing is the pair with a third service: "bell" rings outside once for each
// count that it learns of, by an intent. An operator replays its topic.
type ringing struct {
	replays bool // each record that is seen asks for a ring: the defect
}

type bellState struct {
	Asked []int `json:"asked"`
	Rung  []int `json:"rung"`
}

type bellEvent struct {
	Asked, Rung int
}

var bells = &aggregate.Definition[bellState, struct{}, bellEvent]{
	Kind: "bell",
	Evolve: func(s bellState, e bellEvent) bellState {
		if e.Asked > 0 {
			s.Asked = append(s.Asked[:len(s.Asked):len(s.Asked)], e.Asked)
		} else {
			s.Rung = append(s.Rung[:len(s.Rung):len(s.Rung)], e.Rung)
		}
		return s
	},
	Encode: func(e bellEvent) (string, int, []byte, error) {
		data, err := json.Marshal(e)
		return "Bell", 1, data, err
	},
	Decode: func(_ string, _ int, data []byte) (e bellEvent, err error) {
		err = json.Unmarshal(data, &e)
		return e, err
	},
}

func (r ringing) Handle(ctx context.Context, tx eventstore.Tx, unit *eventstore.Unit, records []inbox.Record) error {
	s := aggregate.Join(tx, unit)
	ids := make([]string, len(records))
	for i, rec := range records {
		ids[i] = string(rec.Key)
	}
	roots, err := bells.Load(ctx, s, ids...)
	if err != nil {
		return err
	}
	for i, rec := range records {
		n, _ := rec.Decoded.(int)
		asked := roots[i].State.Asked
		if !r.replays && len(asked) > 0 && asked[len(asked)-1] >= n {
			continue
		}
		if err := roots[i].Apply(eventstore.Meta{}, bellEvent{Asked: n}); err != nil {
			return err
		}
		unit.Intents = append(unit.Intents, eventstore.Intent{
			Key: ids[i] + "/" + strconv.Itoa(n), Kind: "ring", Stream: bells.StreamID(ids[i]), Payload: strconv.AppendInt(nil, int64(n), 10),
		})
	}
	return s.Flush()
}

func (r ringing) run(ctx context.Context, n *sim.Node) error {
	store := n.Store()
	in, err := inbox.New(inbox.Config{Group: n.Service, Topics: []string{"meters"}}, inbox.Deps{
		Store: store, Broker: n.Broker(), Decode: decodeCount, Handler: r,
	})
	if err != nil {
		return err
	}
	ring := func(ctx context.Context, i eventstore.Intent) error {
		if err := n.Call(ctx, "street", "ring", i.Key, func() error { return nil }); err != nil {
			return err
		}
		return aggregate.Do(ctx, store, func(s *aggregate.Session) error {
			root, err := bells.LoadOne(ctx, s, i.Stream.ID)
			if err != nil {
				return err
			}
			s.Unit.FinishIntents = append(s.Unit.FinishIntents, i.Key)
			number, err := strconv.Atoi(string(i.Payload))
			if err != nil {
				return err
			}
			return root.Apply(eventstore.Meta{}, bellEvent{Rung: number})
		})
	}
	runner, err := intent.New(intent.Config{Owner: n.Name, Lease: 5 * time.Second, Poll: time.Second}, intent.Deps{
		Store: store, Kinds: map[string]intent.Kind{"ring": {Execute: ring}},
	})
	if err != nil {
		return err
	}
	return sim.Together(ctx, in.Run, runner.Run)
}

func (r ringing) scenario(w *sim.World) {
	parts{}.counting(w)
	w.System("street")
	bell := w.Service(sim.Service{Name: "bell", Start: r.run})
	w.Step("replay bell", time.Second, func(context.Context, *sim.Client) error {
		bell.Rewind()
		return nil
	})
	w.Settled(func() bool { return len(bell.Intents()) == 0 })
	w.Finally("each count asks for one ring", func() error {
		for _, row := range bell.Streams("bell") {
			var s bellState
			if err := json.Unmarshal(row.State, &s); err != nil {
				return err
			}
			for i := 1; i < len(s.Asked); i++ {
				if s.Asked[i] <= s.Asked[i-1] {
					return fmt.Errorf("%s: count %d asked for a ring again", row.ID, s.Asked[i])
				}
			}
		}
		return nil
	})
}
