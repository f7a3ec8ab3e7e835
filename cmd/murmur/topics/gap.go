package topics

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/murmuration-dev/murmuration/schemas"
)

// Gap is something that was on a topic, or may have been, and is no longer there:
// compaction keeps the latest record of each key for ever, and the others for as
// long as the topic's min.compaction.lag.ms. What is left still holds everything
// that the missing records said, but not when they said it.
type Gap struct {
	Topic string `json:"topic"`
	Key   string `json:"key"`
	// Versions that are missing, as far as they are known.
	Versions []int64 `json:"versions,omitempty"`
	// Certain is false where there may as well never have been such a record. It
	// is only told beside something that is certain.
	Certain bool   `json:"certain"`
	Detail  string `json:"detail"`
}

// The streams of an order, as causes name them.
var streams = []struct{ kind, topic string }{
	{"order", schemas.Orders}, {"payment", schemas.Payments}, {"reservation", schemas.Reservations},
}

// gaps looks for records that must have been there. Versions alone prove it for
// orders only, whose every version is published; other services count internal
// steps too. What proves it for all of them is a cause that is not there, or a first
// record that cannot be anyone's first.
func gaps(s Story) []Gap {
	named := causes(s)
	var out []Gap
	for _, stream := range streams {
		var seen []Step
		for _, step := range s.Steps {
			if step.Topic == stream.topic && !step.Tombstone {
				seen = append(seen, step)
			}
		}
		missing := named[stream.kind]
		if missing == nil {
			missing = map[int64]bool{}
		}
		for _, step := range seen {
			delete(missing, step.Version)
		}
		if stream.topic == schemas.Orders {
			addHoles(missing, seen)
		}
		if g, ok := gap(stream.topic, s.OrderID, slices.Sorted(maps.Keys(missing)), seen); ok {
			out = append(out, g)
		}
	}
	if !slices.ContainsFunc(out, func(g Gap) bool { return g.Certain }) {
		return nil
	}
	return out
}

func gap(topic, key string, missing []int64, seen []Step) (Gap, bool) {
	g := Gap{Topic: topic, Key: key, Versions: missing, Certain: true}
	switch {
	case len(missing) > 0:
		numbers := make([]string, len(missing))
		for i, v := range missing {
			numbers[i] = strconv.FormatInt(v, 10)
		}
		g.Detail = fmt.Sprintf("version %s of %s %s was compacted away", strings.Join(numbers, ", "), strings.TrimSuffix(topic, "s"), Printable(key))
	case len(seen) == 0 || seen[0].Version <= 1 || seen[0].Record == nil:
		return g, false
	case slices.Contains([]string{"CAPTURED", "REFUNDED", "COMMITTED", "RESTOCKED"}, seen[0].Status):
		g.Detail = fmt.Sprintf("what came before %s, version %d, was compacted away", seen[0].Status, seen[0].Version)
	case slices.Contains([]string{"VOIDED", "RELEASED"}, seen[0].Status):
		g.Certain = false
		g.Detail = fmt.Sprintf("something before %s, version %d, may have been compacted away", seen[0].Status, seen[0].Version)
	default:
		return g, false
	}
	return g, true
}

// causes are the versions of the order's streams that records name as their
// cause, by kind of stream. They were published, since somebody reacted to them.
func causes(s Story) map[string]map[int64]bool {
	named := make(map[string]map[int64]bool)
	for _, step := range s.Steps {
		for _, stream := range streams {
			text, ok := strings.CutPrefix(step.Causation, stream.kind+"/"+s.OrderID+"/")
			version, err := strconv.ParseInt(text, 10, 64)
			if !ok || err != nil {
				continue
			}
			if named[stream.kind] == nil {
				named[stream.kind] = make(map[int64]bool)
			}
			named[stream.kind][version] = true
		}
	}
	return named
}

// addHoles adds the versions below the last one that are not there. An order has
// a handful, one for each time that somebody changed it.
func addHoles(missing map[int64]bool, seen []Step) {
	if len(seen) == 0 {
		return
	}
	const most = 1000 // of a version that some mistake made enormous
	there := make(map[int64]bool, len(seen))
	for _, step := range seen {
		there[step.Version] = true
	}
	for v := int64(1); v < min(seen[len(seen)-1].Version, most); v++ {
		if !there[v] {
			missing[v] = true
		}
	}
}
