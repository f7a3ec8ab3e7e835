package outbox

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
)

type metrics struct {
	batches, aborts, rows, reinits, fencings prometheus.Counter
	seconds                                  prometheus.Histogram
	backlog, age, leader                     prometheus.Gauge
	records                                  *prometheus.CounterVec
	counted                                  map[told]prometheus.Counter // of records; the leader's goroutine alone
}

// told is what a record tells, for counting.
type told struct{ topic, event string }

func newMetrics(to prometheus.Registerer, relay string) (*metrics, error) {
	labels := prometheus.Labels{"relay": relay}
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "outbox_" + name, Help: help, ConstLabels: labels})
	}
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: "outbox_" + name, Help: help, ConstLabels: labels})
	}
	m := &metrics{
		batches:  counter("batches_total", "Kafka transactions that this process committed."),
		aborts:   counter("aborts_total", "Kafka transactions that this process began and could or must not bring to an acknowledged commit."),
		rows:     counter("rows_total", "Outbox rows in the transactions that this process committed."),
		reinits:  counter("reinits_total", "Times that the leader started again from reading its position."),
		fencings: counter("fencings_total", "Times that Kafka refused the leader for a newer initialisation."),
		backlog:  gauge("pending_rows", "Rows that waited in the outbox when last measured."),
		age:      gauge("oldest_age_seconds", "Age of the oldest waiting row when last measured."),
		leader:   gauge("leader", "1 in the process that holds the relay's lease, else 0."),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "outbox_transaction_seconds", ConstLabels: labels,
			Help:    "Time from beginning a Kafka transaction to its acknowledged commit.",
			Buckets: []float64{.001, .002, .004, .008, .016, .032, .064, .128, .256, .512, 1, 2, 4, 8, 16, 32},
		}),
		records: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "outbox_records_total", ConstLabels: labels,
			Help: "Records in the transactions that this process committed, by topic and by what they tell.",
		}, []string{"topic", "event"}),
		counted: make(map[told]prometheus.Counter),
	}
	if to == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.batches, m.aborts, m.records, m.rows, m.reinits, m.fencings, m.seconds, m.backlog, m.age, m.leader} {
		if err := to.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// published counts records by what they tell. Looking a counter up by its labels
// would take longer than all the rest.
func (m *metrics) published(records []eventstore.Record, event func(eventstore.Record) string) {
	for _, r := range records {
		of := told{topic: r.Topic}
		if event != nil {
			of.event = event(r)
		}
		c := m.counted[of]
		if c == nil {
			c = m.records.WithLabelValues(of.topic, of.event)
			m.counted[of] = c
		}
		c.Inc()
	}
}
