package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

const (
	// answerGrace is what a leader's answer may take beyond the wait that it was
	// asked for, before a Fetch returns without it.
	answerGrace = 100 * time.Millisecond
	// fetchSlack is what it may take before its connection is given up.
	fetchSlack = 10 * time.Second
	// fetchBackoff paces the attempts within one Fetch while a leader is away.
	fetchBackoff = 50 * time.Millisecond
)

// poll is one request to one leader, under way until done is closed.
type poll struct {
	request fetchRequest
	started time.Time
	cancel  context.CancelFunc
	done    chan struct{}
	pages   []Page // set before done is closed
	hasty   bool   // answered with nothing long before its time
}

// covers reports whether the answer is good for tp at offset.
func (p *poll) covers(tp TopicPartition, offset int64) bool {
	at, ok := p.request.positions[tp]
	return ok && at == offset
}

func (f *Fetcher) start(node int32, positions map[TopicPartition]int64, wait time.Duration) {
	ctx, cancel := context.WithTimeout(f.ctx, wait+fetchSlack)
	p := &poll{
		request: fetchRequest{cfg: f.cfg, maxWait: wait, positions: positions, turn: f.turn},
		started: time.Now(),
		cancel:  cancel,
		done:    make(chan struct{}),
	}
	f.turn++
	f.polls = append(f.polls, p)
	f.wg.Go(func() {
		defer cancel()
		p.run(ctx, f.client, node)
		close(p.done)
		select {
		case f.ready <- struct{}{}:
		default: // it is known already that there is something to collect
		}
	})
}

func (p *poll) run(ctx context.Context, c *Client, node int32) {
	pages, err := c.fetchFrom(ctx, node, p.request)
	if err != nil {
		for tp, at := range p.request.positions {
			pages = append(pages, failedPage(tp, at, err))
		}
	}
	p.pages = pages
	p.hasty = time.Since(p.started) < p.request.maxWait/2
}

func failedPage(tp TopicPartition, at int64, err error) Page {
	return Page{TopicPartition: tp, Next: at, HighWatermark: -1, LastStable: -1, Err: fmt.Errorf("%s at %d: %w", tp, at, err)}
}

// retire cancels the polls that nothing in positions is waiting for: partitions
// that were given away, positions that were set back.
func (f *Fetcher) retire(positions map[TopicPartition]int64) {
	f.polls = slices.DeleteFunc(f.polls, func(p *poll) bool {
		for tp, at := range positions {
			if p.covers(tp, at) {
				return false
			}
		}
		p.cancel()
		return true
	})
}

// round is the state of one Fetch.
type round struct {
	*Fetcher
	positions map[TopicPartition]int64
	deadline  time.Time
	found     map[TopicPartition]Page
	later     map[TopicPartition]struct{} // not to be asked again before retry
	retry     <-chan time.Time
}

// collect takes the answers that have come and reports whether one is worth
// returning for.
func (r *round) collect() (news bool) {
	r.polls = slices.DeleteFunc(r.polls, func(p *poll) bool {
		select {
		case <-p.done:
		default:
			return false
		}
		for _, page := range p.pages {
			if at, ok := r.positions[page.TopicPartition]; !ok || !p.covers(page.TopicPartition, at) {
				continue
			}
			news = r.take(page) || news
			if p.hasty {
				r.later[page.TopicPartition] = struct{}{}
			}
		}
		return true
	})
	return news
}

// take notes a page. A fault that may pass is no news: it is tried again.
func (r *round) take(p Page) (news bool) {
	r.found[p.TopicPartition] = p
	switch {
	case p.Err == nil:
		return p.Next > r.positions[p.TopicPartition]
	case p.passing():
		r.client.forgetLeaders(p.Topic)
		r.later[p.TopicPartition] = struct{}{}
		return false
	case errors.Is(p.Err, ErrOffsetOutOfRange):
		r.client.forgetLeaders(p.Topic) // it may have been deposed, and know less than there is
	}
	return true
}

// launch asks the leaders of everything that is not being asked for, while there
// is time, and reports whether there is anything to wait for.
func (r *round) launch(ctx context.Context) (waiting bool) {
	left := time.Until(r.deadline)
	if left < time.Millisecond { // the unit in which brokers wait
		return len(r.polls) > 0
	}
	var missing []TopicPartition
	for tp, at := range r.positions {
		if _, wait := r.later[tp]; !wait && !slices.ContainsFunc(r.polls, func(p *poll) bool { return p.covers(tp, at) }) {
			missing = append(missing, tp)
		}
	}
	for node, positions := range r.locate(ctx, missing) {
		r.start(node, positions, left)
	}
	if len(r.later) > 0 && r.retry == nil && left > fetchBackoff {
		r.retry = time.After(fetchBackoff)
	}
	return len(r.polls) > 0 || r.retry != nil
}

// locate groups partitions by leader. One without a leader gets a page that says
// so, and the others go on.
func (r *round) locate(ctx context.Context, tps []TopicPartition) map[int32]map[TopicPartition]int64 {
	if len(tps) == 0 {
		return nil
	}
	ctx, cancel := context.WithDeadline(ctx, r.deadline)
	defer cancel()
	unknown := r.client.learn(ctx, topicsOf(tps)...)
	led := map[int32]map[TopicPartition]int64{}
	for _, tp := range tps {
		node, err := r.client.leaderOf(tp)
		if err != nil {
			if ctx.Err() != nil && r.found[tp].Err != nil {
				continue // what was said before tells more than that time is up
			}
			if unknown != nil {
				err = unknown
			}
			r.take(failedPage(tp, r.positions[tp], err))
			continue
		}
		if led[node] == nil {
			led[node] = map[TopicPartition]int64{}
		}
		led[node][tp] = r.positions[tp]
	}
	return led
}

// leaderOf looks a leader up in what is known.
func (c *Client) leaderOf(tp TopicPartition) (int32, error) {
	for _, p := range c.cachedPartitions(tp.Topic) {
		if p.ID != tp.Partition {
			continue
		}
		if p.Leader < 0 {
			return -1, codeLeaderNotAvailable
		}
		return p.Leader, nil
	}
	return -1, codeUnknownTopicOrPartition
}
