package audit

import (
	"fmt"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
)

func (a *auditor) sideOfKind(kind string) (side, bool) {
	for _, d := range a.sides {
		if d.kind == kind {
			return d, true
		}
	}
	return side{}, false
}

func (a *auditor) positions(t *tally) {
	for name := range sortedKeys(a.Services) {
		s := a.Services[name]
		for _, p := range s.Positions {
			t.examined(1)
			if why := a.impossiblePosition(p); why != "" {
				t.found(Finding{
					Subject: "service " + name, Topic: p.Topic, Partition: &p.Partition, Offset: &p.Next, Detail: why,
				})
			}
		}
		t.examined(1)
		a.relay(t, s)
	}
}

func (a *auditor) impossiblePosition(p eventstore.Position) string {
	log := a.Topics[p.Topic]
	if log == nil {
		return "a position in a topic that does not exist"
	}
	end, ok := log.End[p.Partition]
	switch {
	case !ok:
		return "a position in a partition that does not exist"
	case p.TopicID != log.ID:
		return fmt.Sprintf("the position was made for topic id %s, the topic has %s: it was deleted and created again", p.TopicID, log.ID)
	case p.Next > end:
		return fmt.Sprintf("the position %d is beyond the end of the log, %d", p.Next, end)
	case p.Next < log.Start[p.Partition]:
		return fmt.Sprintf("the position %d is below the start of the log, %d: records were deleted unread", p.Next, log.Start[p.Partition])
	}
	return ""
}

// relay compares what the database knows of the last batch with what the log
// says of it. The position record was read before the database's word: while the
// relay works, the database may be ahead of it, and behind by one batch only.
func (a *auditor) relay(t *tally, s *Service) {
	accuse := func(format string, args ...any) {
		f := Finding{Subject: "relay " + s.Name, Topic: s.PositionTopic, Detail: fmt.Sprintf(format, args...)}
		if s.Last != nil {
			f.Partition, f.Offset = new(int32), &s.LastOffset
		}
		t.found(f)
	}
	if log := a.Topics[s.PositionTopic]; log != nil && s.Relay.PositionTopicID != "" && s.Relay.PositionTopicID != log.ID {
		accuse("the database knows positions topic %s, the topic has id %s", s.Relay.PositionTopicID, log.ID)
		return
	}
	if s.Last == nil {
		if s.Relay.Batch > 0 && a.Settled {
			accuse("the database is at batch %d, and the log has no position record", s.Relay.Batch)
		}
		return
	}
	switch {
	case s.Last.StoreEpoch != s.Relay.StoreEpoch:
		accuse("the log was written from database %s, this one is %s", s.Last.StoreEpoch, s.Relay.StoreEpoch)
		return
	case s.Last.Batch > s.Relay.Batch+1:
		accuse("the log is at batch %d, the database at %d: the database went back in time", s.Last.Batch, s.Relay.Batch)
	case s.Last.Batch > s.Relay.Batch && a.Settled:
		accuse("the log is at batch %d, the database at %d, and nothing is waiting", s.Last.Batch, s.Relay.Batch)
	case s.Last.Batch < s.Relay.Batch && a.Settled:
		accuse("the log is at batch %d, the database at %d: the log went back in time", s.Last.Batch, s.Relay.Batch)
	}
	for _, row := range s.Last.Rows {
		d, ok := a.sideOfKind(row.Kind)
		if !ok {
			accuse("batch %d names a row of %s, which nobody publishes", s.Last.Batch, row.Kind)
			continue
		}
		if v, known := d.stream(row.ID); a.Settled && (!known || v.version < row.Version) {
			accuse("batch %d names version %d of %s, which the database does not have", s.Last.Batch, row.Version, d.subject(row.ID))
		}
	}
}

func (a *auditor) parked(t *tally) {
	for name := range sortedKeys(a.Services) {
		s := a.Services[name]
		t.examined(len(s.Parked) + len(s.ParkedIntents))
		for _, p := range s.Parked {
			t.found(Finding{
				Subject: "service " + name + ", key " + p.Key, Topic: p.Topic, Partition: &p.Partition, Offset: &p.Offset,
				Detail: "record parked: " + p.Reason,
			})
		}
		for _, in := range s.ParkedIntents {
			t.found(Finding{
				Subject: "service " + name + ", " + in.Stream.String(),
				Detail:  fmt.Sprintf("intent %s parked after %d attempts: %s", in.Key, in.Attempts, in.LastError),
			})
		}
	}
}
