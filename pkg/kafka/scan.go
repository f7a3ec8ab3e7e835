package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

const (
	// scanWait is the long poll of a scan. It never waits for new records, since
	// it ends where the log ended: only an answer without progress takes so long.
	scanWait = 500 * time.Millisecond
	// scanProofs is how many such answers in a row, for one partition alone, show
	// that nothing is left before its end. Compaction can empty the tail of a log.
	scanProofs = 3
)

// Scan calls fn for every record of the topics, from the oldest offset to the end
// of each partition as it was when Scan began (see EndOffsets). Records of one
// partition come in order; partitions mix. It is made for tools and for recovery:
// it commits nothing and needs no group.
//
// It returns the first error of fn, as it is. Records that retention deletes
// ahead of the reader are passed over. Memory shared by records: see Record.
func (c *Client) Scan(ctx context.Context, iso Isolation, topics []string, fn func(Record) error) error {
	tps, err := c.partitionsOf(ctx, topics)
	if err != nil {
		return fmt.Errorf("scan: %w", err)
	}
	from, err := c.StartOffsets(ctx, tps...)
	if err != nil {
		return fmt.Errorf("scan: %w", err)
	}
	return c.scan(ctx, iso, from, c.oldest, fn)
}

// ScanFrom is Scan from the given offsets, inclusive. An offset that the
// partition no longer holds, or does not hold yet, is ErrOffsetOutOfRange: the
// position was not made for this log.
func (c *Client) ScanFrom(ctx context.Context, iso Isolation, from map[TopicPartition]int64, fn func(Record) error) error {
	return c.scan(ctx, iso, maps.Clone(from), nil, fn)
}

// ScanRange is Scan from offsets, inclusive, to offsets, exclusive, up to which the
// caller knows that the logs reach, as from a write that was acknowledged. A leader
// that does not know so much was deposed and has not heard of it yet: it is not
// believed, and who leads is asked again, for 30 s; so it also waits so long for a
// transaction that hides a part from ReadCommitted.
func (c *Client) ScanRange(ctx context.Context, iso Isolation, from, to map[TopicPartition]int64, fn func(Record) error) error {
	s := scanner{Client: c, iso: iso, at: maps.Clone(from), end: to, known: true, fn: fn}
	return s.run(ctx)
}

func (c *Client) partitionsOf(ctx context.Context, topics []string) ([]TopicPartition, error) {
	infos, err := c.DescribeTopics(ctx, topics...)
	if err != nil {
		return nil, err
	}
	var tps []TopicPartition
	for name, info := range infos {
		for _, p := range info.Partitions {
			tps = append(tps, TopicPartition{name, p.ID})
		}
	}
	return tps, nil
}

// oldest is where a Scan goes on after records were deleted under it.
func (c *Client) oldest(ctx context.Context, tp TopicPartition) (int64, error) {
	starts, err := c.StartOffsets(ctx, tp)
	return starts[tp], err
}

func (c *Client) scan(ctx context.Context, iso Isolation, at map[TopicPartition]int64, onDeleted restart, fn func(Record) error) error {
	s := scanner{Client: c, iso: iso, at: at, onDeleted: onDeleted, fn: fn}
	var err error
	if s.end, err = c.EndOffsets(ctx, iso, slices.Collect(maps.Keys(at))...); err != nil {
		return fmt.Errorf("scan: %w", err)
	}
	if err := s.checkStart(ctx); err != nil {
		return fmt.Errorf("scan: %w", err)
	}
	return s.run(ctx)
}

// restart finds where to go on in a partition whose position was deleted.
type restart func(context.Context, TopicPartition) (int64, error)

type scanner struct {
	*Client
	iso       Isolation
	at, end   map[TopicPartition]int64 // partitions leave at when they are done
	onDeleted restart                  // nil: that is an error
	known     bool                     // the logs reach to end, whatever a leader says
	fn        func(Record) error
}

// checkStart refuses positions past the end of their log. A position between the
// last stable offset and the high watermark is in order: an open transaction
// stands there, and a ReadCommitted scan has nothing left to read.
func (s *scanner) checkStart(ctx context.Context) error {
	var past []TopicPartition
	for tp, at := range s.at {
		if at > s.end[tp] {
			past = append(past, tp)
		}
	}
	log, err := s.EndOffsets(ctx, ReadUncommitted, past...)
	if err != nil {
		return err
	}
	var errs []error
	for _, tp := range past {
		if at := s.at[tp]; at > log[tp] {
			errs = append(errs, fmt.Errorf("%s at %d of %d: %w", tp, at, log[tp], ErrOffsetOutOfRange))
		}
	}
	return errors.Join(errs...)
}

func (s *scanner) run(ctx context.Context) error {
	f := NewFetcher(s.Client, FetcherConfig{Isolation: s.iso, MaxWait: scanWait})
	defer f.Close()
	for moved := time.Now(); ; {
		maps.DeleteFunc(s.at, func(tp TopicPartition, at int64) bool { return at >= s.end[tp] })
		if len(s.at) == 0 {
			return nil
		}
		pages, err := f.Fetch(ctx, s.at)
		if err != nil {
			return fmt.Errorf("scan: %w", err)
		}
		progress, passing, err := s.consume(ctx, pages)
		// Who has not answered yet is waited for: to ask something else would
		// give up what is on its way.
		if answered := len(pages) == len(s.at); err == nil && !progress && passing == nil && answered {
			progress, err = s.skipEmptyTail(ctx, f)
		}
		switch {
		case err != nil:
			return err
		case progress:
			moved = time.Now()
		case time.Since(moved) > patience:
			return fmt.Errorf("scan: no progress in %v: %w", patience, cmp.Or(passing, errNoAnswer))
		}
	}
}

var (
	errNoAnswer = errors.New("leaders do not answer")
	errDeposed  = errors.New("leaders know less than was acknowledged")
)

// consume hands records to fn and moves the positions. passing is a fault that
// the next Fetch may not meet.
func (s *scanner) consume(ctx context.Context, pages []Page) (progress bool, passing, err error) {
	for _, p := range pages {
		switch {
		case errors.Is(p.Err, ErrOffsetOutOfRange) && s.onDeleted != nil:
			next, err := s.onDeleted(ctx, p.TopicPartition)
			if err != nil {
				return progress, passing, fmt.Errorf("scan: %w", err)
			}
			s.at[p.TopicPartition], progress = next, true
			continue
		case s.known && (errors.Is(p.Err, ErrOffsetOutOfRange) || p.Err == nil && p.end(s.iso) < s.end[p.TopicPartition]):
			passing = fmt.Errorf("%s ends at %d for its leader, and reaches to %d: %w", p.TopicPartition, p.end(s.iso), s.end[p.TopicPartition], errDeposed)
			s.forgetLeaders(p.Topic)
			pause(ctx, maxBackoff) // such an answer comes at once
			continue
		case p.passing():
			passing = p.Err
			continue
		case p.Err != nil:
			return progress, passing, fmt.Errorf("scan: %w", p.Err)
		}
		for _, r := range p.Records {
			if r.Offset >= s.end[p.TopicPartition] {
				break
			}
			if err := s.fn(r); err != nil {
				return progress, passing, err
			}
		}
		progress = progress || p.Next > s.at[p.TopicPartition]
		s.at[p.TopicPartition] = p.Next
	}
	return progress, passing, nil
}

// skipEmptyTail ends the partitions that hold nothing more below their end. A
// partition is asked alone, because a full response can leave one out.
func (s *scanner) skipEmptyTail(ctx context.Context, f *Fetcher) (progress bool, err error) {
	for tp, at := range s.at {
		proofs := 0
		for ; proofs < scanProofs; proofs++ {
			page, err := s.alone(ctx, f, tp, at)
			if err != nil {
				return progress, err
			}
			if page.Err != nil || page.Next != at || page.end(s.iso) < s.end[tp] {
				break
			}
		}
		if proofs == scanProofs {
			s.at[tp], progress = s.end[tp], true
		}
	}
	return progress, nil
}

// alone asks for one partition, however slow its leader answers.
func (s *scanner) alone(ctx context.Context, f *Fetcher, tp TopicPartition, at int64) (Page, error) {
	for begun := time.Now(); ; {
		pages, err := f.Fetch(ctx, map[TopicPartition]int64{tp: at})
		switch {
		case err != nil:
			return Page{}, fmt.Errorf("scan: %w", err)
		case len(pages) == 1:
			return pages[0], nil
		case time.Since(begun) > patience:
			return Page{}, fmt.Errorf("scan: %s: no answer in %v: %w", tp, patience, errNoAnswer)
		}
	}
}

// end of the partition for a reader of that isolation.
func (p Page) end(iso Isolation) int64 {
	if iso == ReadCommitted {
		return p.LastStable
	}
	return p.HighWatermark
}
