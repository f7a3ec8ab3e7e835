package participant

import (
	"context"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/murmuration-dev/murmuration/pkg/aggregate"
	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/inbox"
	"github.com/murmuration-dev/murmuration/pkg/telemetry"
)

const (
	// measureEvery is as often as metrics are usually asked for.
	measureEvery = 15 * time.Second
	// measureTimeout bounds one reading, which competes with requests for the
	// database.
	measureTimeout = 5 * time.Second
	// measureLimit bounds what one reading goes through: more than a thousand
	// parked records are as bad as a thousand.
	measureLimit = 1000
)

// Measure is a number of the whole service that its database knows, by one label.
// All processes of the service tell the same.
type Measure struct {
	// Name and Help are those of the gauge, Label is that of its only label.
	Name, Help, Label string
	// Read returns the number by the label's value. It is called now and then, must
	// be cheap, and returns soon after ctx ends.
	Read func(ctx context.Context) (map[string]float64, error)
}

// ownMeasures are those of every service.
func (s *service) ownMeasures(parts Parts) []Measure {
	intents := func(state eventstore.IntentState) func(context.Context) (map[string]float64, error) {
		return func(ctx context.Context) (map[string]float64, error) { return s.intents(ctx, parts, state) }
	}
	return []Measure{
		{
			Name: "murmuration_parked_keys", Label: "topic",
			Help: "Keys that are set aside with their record, by topic, up to 1000 in all: each needs a person.",
			Read: s.parkedKeys,
		},
		{
			Name: "murmuration_parked_intents", Label: "kind",
			Help: "Intents that were given up, by kind, up to 1000 in all: each needs a person.",
			Read: intents(eventstore.IntentParked),
		},
		{
			Name: "murmuration_pending_intents", Label: "kind",
			Help: "Intents that are not done yet, deadlines among them, by kind, up to 1000 in all.",
			Read: intents(eventstore.IntentPending),
		},
	}
}

func (s *service) parkedKeys(ctx context.Context) (map[string]float64, error) {
	parked, err := s.platform.Store.Parked(ctx, eventstore.ParkedKey{}, measureLimit)
	counts := make(map[string]float64)
	for _, topic := range s.spec.Reads {
		counts[topic.Name] = 0 // so that an alert sees it rise
	}
	for _, p := range parked {
		counts[p.Topic]++
	}
	return counts, err
}

func (s *service) intents(ctx context.Context, parts Parts, state eventstore.IntentState) (map[string]float64, error) {
	intents, err := s.platform.Store.ListIntents(ctx, state, "", measureLimit)
	counts := make(map[string]float64)
	for kind := range parts.Intents {
		counts[kind] = 0
	}
	for _, in := range intents {
		counts[in.Kind]++
	}
	return counts, err
}

// gauges are measures with what shows them.
type gauges struct {
	log      *zap.Logger
	measures []Measure
	shown    []*prometheus.GaugeVec
}

func newGauges(log *zap.Logger, to prometheus.Registerer, measures []Measure) (*gauges, error) {
	g := &gauges{log: log, measures: measures}
	for _, m := range measures {
		vec := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: m.Name, Help: m.Help}, []string{m.Label})
		if err := to.Register(vec); err != nil {
			return nil, err
		}
		g.shown = append(g.shown, vec)
	}
	return g, nil
}

// run reads until ctx ends. What cannot be read keeps its last value: that the
// database is away is told elsewhere.
func (g *gauges) run(ctx context.Context) error {
	throttle := telemetry.NewThrottle(g.log, logEvery)
	tick := time.NewTicker(measureEvery)
	defer tick.Stop()
	for {
		if err := g.read(ctx); err == nil {
			throttle.Recovered("measures can be read again")
		} else if ctx.Err() == nil {
			throttle.Failed("measures cannot be read", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (g *gauges) read(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, measureTimeout)
	defer cancel()
	for i, m := range g.measures {
		values, err := m.Read(ctx)
		if err != nil {
			return err
		}
		g.shown[i].Reset()
		for label, value := range values {
			g.shown[i].WithLabelValues(label).Set(value)
		}
	}
	return nil
}

// hops measures how long records are under way: in the outbox of their writer, and
// from the log to here. The clocks of three machines take part.
type hops struct {
	inbox.Handler
	seconds *prometheus.HistogramVec
	now     func() time.Time
}

func newHops(to prometheus.Registerer, handler inbox.Handler) (*hops, error) {
	h := &hops{Handler: handler, now: time.Now, seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "murmuration_hop_seconds",
		Help:    "Time of a record, by topic and hop: out is from the change that it tells to its writing into the log, in from there to its handling here.",
		Buckets: prometheus.ExponentialBuckets(0.001, 2, 20), // to nine minutes
	}, []string{"topic", "hop"})}
	return h, to.Register(h.seconds)
}

// Handle implements inbox.Handler.
func (h *hops) Handle(ctx context.Context, tx eventstore.Tx, unit *eventstore.Unit, records []inbox.Record) error {
	now := h.now()
	for i := range records {
		r := &records[i].Record
		h.seconds.WithLabelValues(r.Topic, "in").Observe(max(0, now.Sub(r.Time).Seconds()))
		text, _ := r.Header(aggregate.HeaderTime)
		if made, err := time.Parse(time.RFC3339Nano, text); err == nil {
			h.seconds.WithLabelValues(r.Topic, "out").Observe(max(0, r.Time.Sub(made).Seconds()))
		}
	}
	return h.Handler.Handle(ctx, tx, unit, records)
}

// eventOf is what a record tells, without the prefix that all of a service share.
func eventOf(r eventstore.Record) string {
	for _, h := range r.Headers {
		if h.Key == aggregate.HeaderEventType {
			return h.Value[strings.LastIndexByte(h.Value, '.')+1:]
		}
	}
	return ""
}
