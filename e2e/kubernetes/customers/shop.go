package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/murmuration-dev/murmuration/e2e/client"
)

const (
	// attempt bounds one try: a request may have reached a pod that is gone.
	attempt = 6 * time.Second
	// A request is repeated soon, and then less often: many may wait.
	retryFirst, retryMost = 50 * time.Millisecond, time.Second
	// inside is how many customers there are at a time at most.
	inside = 400
	// stockers receive goods side by side.
	stockers = 16
	// settling is how long a customer waits for an order before it may return it.
	settling = 5 * time.Second
	// lookEvery and returnEvery say which customers look how their order ended, and
	// which give a unit back then.
	lookEvery, returnEvery = 3, 9
	// newConnections is how often connections that idle are given up, as those of
	// customers who come and go are: so the load moves to pods that were added.
	newConnections = time.Second
	// refusalLimit bounds what is kept of answers that nobody should get.
	refusalLimit = 20
)

// shop is customers at work.
type shop struct {
	client   *client.Client
	day      day
	rate     float64 // customers a second
	patience time.Duration
	tally    *tally

	mu      sync.Mutex
	refused []error
}

// stockUp receives what the orders of all rounds want.
func (s *shop) stockUp(ctx context.Context) error {
	goods := make(chan string)
	var working sync.WaitGroup
	for range stockers {
		working.Go(func() {
			for sku := range goods {
				s.persist(ctx, func(ctx context.Context) error {
					_, err := s.client.Receive(ctx, sku, "opening", rounds*s.day.wanted[sku])
					return err
				})
			}
		})
	}
	for _, sku := range s.day.goods() {
		goods <- sku
	}
	close(goods)
	working.Wait()
	if err := errors.Join(ctx.Err(), s.wrong()); err != nil {
		return fmt.Errorf("stock up: %w", err)
	}
	if n, want := len(s.client.History().Received()), len(s.day.goods()); n < want {
		return fmt.Errorf("stock up: %d of %d goods were received", n, want)
	}
	return nil
}

// sell lets customers in until leave is closed or ctx ends, and returns when the
// last one has finished.
func (s *shop) sell(ctx context.Context, leave <-chan struct{}) {
	var buying sync.WaitGroup
	defer buying.Wait()
	seats := make(chan struct{}, inside)
	arrive := time.NewTicker(time.Duration(float64(time.Second) / s.rate))
	defer arrive.Stop()
	renew := time.NewTicker(newConnections)
	defer renew.Stop()
	for n := 0; ; {
		select {
		case <-leave:
			return
		case <-ctx.Done():
			return
		case <-renew.C:
			s.client.Close()
			continue
		case <-arrive.C:
		}
		order, ok := s.day.order(n)
		if !ok {
			return // sold out
		}
		select {
		case seats <- struct{}{}:
			visit := n
			buying.Go(func() {
				defer func() { <-seats }()
				s.buy(ctx, visit, order)
			})
			n++
		default:
			s.tally.enter(s.tally.now(), func(p *Phase) { p.TurnedAway++ })
		}
	}
}

// buy is one customer's visit.
func (s *shop) buy(ctx context.Context, n int, o client.NewOrder) {
	phase := s.tally.now()
	if !s.persist(ctx, func(ctx context.Context) error { _, err := s.client.Place(ctx, o); return err }) {
		return
	}
	s.tally.enter(phase, func(p *Phase) { p.Orders++ })
	if n%lookEvery != 0 {
		return
	}
	var seen client.Order
	s.persist(ctx, func(ctx context.Context) (err error) {
		seen, err = s.client.Wait(ctx, o.OrderID, settling)
		return err
	})
	if n%returnEvery == 0 && seen.Status == client.Completed {
		s.persist(ctx, func(ctx context.Context) error {
			_, err := s.client.Return(ctx, o.OrderID, "first", client.ReturnLine{Line: 1, Quantity: 1})
			return err
		})
	}
}

// persist repeats a request until it is answered or patience ends, and tells
// whether it succeeded.
func (s *shop) persist(ctx context.Context, request func(context.Context) error) bool {
	phase, began := s.tally.now(), time.Now()
	pause, repeated := retryFirst, false
	end := func(failed bool) {
		s.tally.enter(phase, func(p *Phase) {
			p.Requests++
			p.Longest = max(p.Longest, time.Since(began).Seconds())
			if repeated {
				p.Repeated++
			}
			if failed {
				p.Failed++
			}
		})
	}
	for {
		err := try(ctx, request)
		status := client.StatusOf(err)
		switch {
		case err == nil:
			end(false)
			return true
		case status != 0 && status < http.StatusInternalServerError:
			end(false)
			s.refuse(err)
			return false
		case time.Since(began) > s.patience || ctx.Err() != nil:
			end(true)
			return false
		}
		repeated = true
		s.tally.enter(phase, func(p *Phase) { p.again(reason(err)) })
		wait(ctx, pause)
		pause = min(2*pause, retryMost)
	}
}

func try(ctx context.Context, request func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, attempt)
	defer cancel()
	return request(ctx)
}

func wait(ctx context.Context, pause time.Duration) {
	next := time.NewTimer(pause)
	defer next.Stop()
	select {
	case <-ctx.Done():
	case <-next.C:
	}
}

// reason is an error without what differs from request to request.
func reason(err error) string {
	var problem *client.Problem
	var address *url.Error
	switch {
	case errors.As(err, &problem):
		return fmt.Sprintf("%d %s", problem.Code, problem.Detail)
	case errors.As(err, &address):
		return address.Err.Error()
	}
	return err.Error()
}

// refuse keeps an answer that nobody should get.
func (s *shop) refuse(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.refused) < refusalLimit {
		s.refused = append(s.refused, err)
	}
}

func (s *shop) wrong() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return errors.Join(slices.Clone(s.refused)...)
}
