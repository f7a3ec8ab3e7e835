package audit

import (
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"reflect"
	"slices"

	"github.com/murmuration-dev/murmuration/schemas"
)

// side is one topic beside the streams that it is written from.
type side struct {
	kind string
	log  *TopicLog
	// stream looks one up; streams are those that exist, in order.
	stream  func(id string) (view, bool)
	streams iter.Seq[string]
}

// view is a stream of any kind.
type view struct {
	version   int64
	published []int64
	record    any // of the kind that KeyLog.Last has; nil without any
	fault     string
}

func sidesOf(s Snapshot) []side {
	return []side{
		sideOf(s, kindOrder, schemas.Orders, s.Orders),
		sideOf(s, kindPayment, schemas.Payments, s.Payments),
		sideOf(s, kindReservation, schemas.Reservations, s.Reservations),
		sideOf(s, kindStock, schemas.StockLevels, s.Stock),
	}
}

func sideOf[R any](s Snapshot, kind, topic string, streams map[string]*Stream[R]) side {
	log := s.Topics[topic]
	if log == nil {
		log = NewTopicLog(topic, 1)
	}
	return side{
		kind: kind, log: log,
		streams: sortedKeys(streams),
		stream: func(id string) (view, bool) {
			st, ok := streams[id]
			if !ok {
				return view{}, false
			}
			v := view{version: st.Version, published: st.Published, fault: st.Fault}
			if st.Record != nil {
				v.record = *st.Record
			}
			return v, true
		},
	}
}

func (d side) subject(id string) string { return d.kind + " " + id }

// at is a finding about one record of the log.
func (d side) at(key string, partition int32, offset, version int64, detail string) Finding {
	return Finding{Subject: d.subject(key), Topic: d.log.Topic, Partition: &partition, Offset: &offset, Version: version, Detail: detail}
}

// stored is a finding about a version that is not in the log.
func (d side) stored(id string, version int64, detail string) Finding {
	return Finding{Subject: d.subject(id), Topic: d.log.Topic, Version: version, Detail: detail}
}

func sortedKeys[V any](m map[string]V) iter.Seq[string] {
	return slices.Values(slices.Sorted(maps.Keys(m)))
}

// differences names the fields in which two records of one schema differ.
func differences(log, events any) []string {
	if reflect.DeepEqual(log, events) {
		return nil
	}
	a, b := fields(log), fields(events)
	var out []string
	for _, name := range slices.Sorted(maps.Keys(b)) {
		if !reflect.DeepEqual(a[name], b[name]) && !(empty(a[name]) && empty(b[name])) {
			out = append(out, fmt.Sprintf("%s is %s, events say %s", name, brief(a[name]), brief(b[name])))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(a)) {
		if _, ok := b[name]; !ok && !empty(a[name]) {
			out = append(out, fmt.Sprintf("%s is %s, events say nothing", name, brief(a[name])))
		}
	}
	return out
}

// empty takes an absent list and one without items for the same.
func empty(v any) bool {
	list, ok := v.([]any)
	return v == nil || v == "" || ok && len(list) == 0
}

func fields(record any) map[string]any {
	raw, err := json.Marshal(record)
	if err != nil {
		return map[string]any{"": err.Error()}
	}
	var out map[string]any
	if err := json.Unmarshal(raw, &out); err != nil {
		return map[string]any{"": err.Error()}
	}
	return out
}

// brief is a value for people, cut where nobody would read on.
func brief(v any) string {
	const most = 80
	raw, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	if len(raw) > most {
		return string(raw[:most]) + "…"
	}
	return string(raw)
}
