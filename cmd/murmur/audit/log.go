package audit

import (
	"cmp"
	"fmt"
	"slices"
)

func (a *auditor) topics(t *tally) {
	t.examined(len(a.Topics))
	if a.Declared != "" {
		t.found(Finding{Subject: "topics", Detail: a.Declared})
	}
}

// logOnce counts records against versions, where counting is possible.
func (a *auditor) logOnce(t *tally) {
	for _, d := range a.sides {
		t.examined(int(d.log.Records))
		once := once{auditor: a, tally: t, side: d}
		for id := range d.streams {
			once.stream(id)
		}
		for key := range sortedKeys(d.log.Keys) {
			once.stranger(key)
		}
		if once.compacted > 0 {
			t.limit(fmt.Sprintf("%s: compaction took %s; of their keys, only order and the last record are claimed", d.log.Topic, plural(once.compacted, "record")))
		}
		if once.late > 0 {
			t.limit(fmt.Sprintf("%s: %s not in the log yet when it was read", d.log.Topic, plural(once.late, "version")))
		}
	}
}

// once compares the streams of one side with its log.
type once struct {
	*auditor
	*tally
	side
	compacted, late int
}

func (o *once) stranger(key string) {
	_, known := o.side.stream(key)
	log := o.log.Keys[key]
	if known || log.Forgotten || len(log.Records) == 0 {
		return
	}
	last := log.Records[len(log.Records)-1]
	o.found(o.at(key, log.Partition, last.Offset, last.Version, "is in the log, but the store knows no such "+o.kind))
}

func (o *once) stream(id string) {
	v, _ := o.side.stream(id)
	log := o.log.Keys[id]
	if log == nil {
		log = &KeyLog{}
	}
	if log.Forgotten {
		return // what stood before a tombstone may be gone
	}
	if slices.EqualFunc(log.Records, v.published, func(m Mark, version int64) bool { return m.Version == version }) {
		return
	}
	marks := slices.SortedStableFunc(slices.Values(log.Records), func(a, b Mark) int { return cmp.Compare(a.Version, b.Version) })
	i := 0
	for _, version := range v.published {
		for ; i < len(marks) && marks[i].Version < version; i++ {
			o.extra(id, log, marks, i)
		}
		if i == len(marks) || marks[i].Version > version {
			o.missing(id, log, version, i, marks)
			continue
		}
		for i++; i < len(marks) && marks[i].Version == version; i++ {
			o.extra(id, log, marks, i)
		}
	}
	for ; i < len(marks); i++ {
		o.extra(id, log, marks, i)
	}
}

// extra is a record too many.
func (o *once) extra(id string, log *KeyLog, marks []Mark, i int) {
	m := marks[i]
	if i > 0 && marks[i-1].Version == m.Version {
		o.found(o.at(id, log.Partition, m.Offset, m.Version, fmt.Sprintf("version %d was published twice, before at offset %d", m.Version, marks[i-1].Offset)))
		return
	}
	o.found(o.at(id, log.Partition, m.Offset, m.Version, fmt.Sprintf("version %d is in the log, but the store never published it", m.Version)))
}

// missing is a version without a record: lost, unless it was published after the
// log was read, or compaction may have taken it with all that was older. It never
// takes the last record of a key.
func (o *once) missing(id string, log *KeyLog, version int64, older int, marks []Mark) {
	switch {
	case older == len(marks) && !o.Settled:
		o.late++
	case older == 0 && len(marks) > 0 && o.log.compactable(log.Partition, marks[0].Offset):
		o.compacted++
	default:
		o.found(o.stored(id, version, fmt.Sprintf("version %d was published, but its record is lost", version)))
	}
}

// suspects reports the single records that broke a rule while they were read.
func (a *auditor) suspects(t *tally, id string) {
	for _, d := range a.sides {
		for _, s := range d.log.Suspects {
			if s.Check == id {
				t.found(d.at(s.Key, s.Partition, s.Offset, s.Version, s.Detail))
			}
		}
		if d.log.More > 0 {
			t.limit(fmt.Sprintf("%s: %d more records are suspect and not listed", d.log.Topic, d.log.More))
		}
	}
}

func (a *auditor) logPlace(t *tally) {
	for _, d := range a.sides {
		t.examined(int(d.log.Records))
	}
	a.suspects(t, checkLogPlace)
}

// logOrder holds whatever was compacted: compaction removes, it never reorders.
func (a *auditor) logOrder(t *tally) {
	for _, d := range a.sides {
		t.examined(len(d.log.Keys))
		for key := range sortedKeys(d.log.Keys) {
			log := d.log.Keys[key]
			var highest Mark
			for _, m := range log.Records {
				if m.Version < highest.Version {
					t.found(d.at(key, log.Partition, m.Offset, m.Version,
						fmt.Sprintf("version %d stands behind version %d at offset %d", m.Version, highest.Version, highest.Offset)))
				}
				if m.Version > highest.Version {
					highest = m
				}
			}
		}
	}
}

func (a *auditor) logHeads(t *tally) {
	for _, d := range a.sides {
		for id := range d.streams {
			v, _ := d.stream(id)
			log := d.log.Keys[id]
			if log == nil || len(v.published) == 0 {
				continue
			}
			t.examined(1)
			a.head(t, d, id, log, v)
		}
	}
}

func (a *auditor) head(t *tally, d side, id string, log *KeyLog, v view) {
	head := v.published[len(v.published)-1]
	if log.Forgotten {
		t.found(d.stored(id, head, "the log says that it is forgotten, the store holds it"))
		return
	}
	last := log.Records[len(log.Records)-1]
	switch {
	case last.Version != head && (a.Settled || last.Version > head):
		t.found(d.at(id, log.Partition, last.Offset, last.Version, fmt.Sprintf("the log ends with version %d, the store with %d", last.Version, head)))
	case last.Version == head && log.Last != nil && v.record != nil:
		for _, difference := range differences(log.Last, v.record) {
			t.found(d.at(id, log.Partition, last.Offset, last.Version, difference))
		}
	}
}

func (a *auditor) stateRows(t *tally) {
	for _, d := range a.sides {
		for id := range d.streams {
			t.examined(1)
			if v, _ := d.stream(id); v.fault != "" {
				t.found(Finding{Subject: d.subject(id), Version: v.version, Detail: v.fault})
			}
		}
	}
}
