package sim

import (
	"context"
	"fmt"
	"time"
)

// Client is who does a step of the workload: a customer, or an operator.
type Client struct {
	world *World
	dice  dice
}

// act starts the workload.
func (w *World) act() {
	w.acting = len(w.steps)
	for _, s := range w.steps {
		c := &Client{world: w, dice: w.dice("step " + s.name)}
		w.running.Go(func() {
			if !c.rest(w.ctx, s.at+c.dice.between(fastest, slowest)) {
				return
			}
			err := s.do(w.ctx, c)
			w.mu.Lock()
			defer w.mu.Unlock()
			w.acting--
			w.acted = time.Now()
			if err != nil && !w.over {
				w.fail(fmt.Errorf("step %s: %w", s.name, err))
			}
		})
	}
}

// Pause lets about d pass; false when ctx or the world ended.
func (c *Client) Pause(ctx context.Context, d time.Duration) bool {
	return c.rest(ctx, d+c.dice.between(fastest, slowest))
}

func (c *Client) rest(ctx context.Context, d time.Duration) bool {
	w := c.world
	w.mu.Lock()
	t := time.NewTimer(w.slot(time.Now().Add(d)))
	w.mu.Unlock()
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
	case <-w.ends:
	}
	return false
}

// Reach sends a request to some process of a service: use runs in it, with
// whatever the process gave to [Node.Serve]. It fails with ErrConnection when
// nobody serves, when the process dies, and when it takes longer than patience;
// then use may still be under way.
func (c *Client) Reach(ctx context.Context, service string, patience time.Duration, use func(ctx context.Context, api any) error) error {
	if !c.Pause(ctx, 0) {
		return ErrConnection
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	w := c.world
	w.mu.Lock()
	n := w.serving(service, &c.dice)
	if n == nil || w.over {
		w.mu.Unlock()
		return fmt.Errorf("nobody serves %s: %w", service, ErrConnection)
	}
	answer := make(chan error, 1)
	w.running.Go(func() { answer <- use(n.context(ctx), n.api) })
	w.mu.Unlock()
	select {
	case err := <-answer:
		return err
	case <-n.died:
	case <-ctx.Done():
	case <-w.ends:
	}
	return fmt.Errorf("no answer from %s: %w", n.Name, ErrConnection)
}

// serving chooses a process that answers requests. The lock is held.
func (w *World) serving(name string, d *dice) *Node {
	s := w.service(name)
	if s == nil {
		return nil
	}
	var up []*Node
	for _, n := range s.live {
		if n.api != nil && !n.stopping && !n.asleep.After(time.Now()) {
			up = append(up, n)
		}
	}
	if len(up) == 0 {
		return nil
	}
	return up[d.below(len(up))]
}
