//go:build e2e

package stack_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/murmuration-dev/murmuration/e2e/client"
	"github.com/murmuration-dev/murmuration/e2e/stack"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// startLimit bounds a start, with images to build, on a machine that is busy.
const startLimit = 8 * time.Minute

func containers(t *testing.T, cfg stack.ContainersConfig) (*stack.Containers, shopper) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startLimit)
	defer cancel()
	begun := time.Now()
	s, err := stack.NewContainers(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("started in %v: %v", time.Since(begun).Round(time.Millisecond), s.Parts())
	c := client.New(s)
	t.Cleanup(func() {
		c.Close()
		if t.Failed() {
			t.Log(s.Log())
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, shopper{c, t}
}

// shopper buys, to see that a platform works.
type shopper struct {
	*client.Client
	t *testing.T
}

// patience is far more than an order takes after a fault.
const patience = time.Minute

// buys repeats requests that were not answered, as customers do.
func (s shopper) buys(id string) {
	s.t.Helper()
	deadline := time.Now().Add(patience)
	insist := func(try func() error) {
		s.t.Helper()
		for {
			err := try()
			if err == nil {
				return
			}
			if time.Now().After(deadline) {
				s.t.Fatalf("%s: %v", id, err)
			}
			select {
			case <-s.t.Context().Done():
				s.t.Fatal(err)
			case <-time.After(100 * time.Millisecond): // a customer's pace
			}
		}
	}
	ctx := s.t.Context()
	insist(func() error { _, err := s.Receive(ctx, id, "first", 1); return err })
	insist(func() error {
		_, err := s.Place(ctx, client.NewOrder{
			OrderID: id, Customer: "c", Currency: "GBP", PaymentMethod: "pm_card_visa",
			Lines: []client.NewLine{{SKU: id, Quantity: 1, Amount: 100}},
		})
		return err
	})
	insist(func() error {
		o, err := s.Wait(ctx, id, 10*time.Second)
		if err == nil && o.Status != client.Completed {
			err = fmt.Errorf("is %s, payment %+v, reservation %+v", o.Status, o.Payment, o.Reservation)
		}
		return err
	})
}

// Three brokers, since Kafka 4.3.1 forgets the markers of a transaction whose
// partitions have no leader when it comes to write them: those of a single broker
// that was killed right after a commit.
func TestContainers_EveryPartBreaksAndComesBack(t *testing.T) {
	s, shop := containers(t, stack.ContainersConfig{Brokers: 3})
	ctx := t.Context()
	shop.buys("before")
	for _, part := range s.Parts() {
		switch part {
		case stack.Everything:
			continue
		case stack.Broker(2), stack.Broker(3):
			continue // as the first
		}
		before := s.Addresses()
		for _, fault := range []struct {
			name         string
			break_, mend func(context.Context, stack.Part) error
		}{
			{"kill", s.Kill, s.Start},
			{"pause", s.Pause, s.Resume},
			{"disconnect", s.Disconnect, s.Connect},
			{"stop", s.Stop, s.Start},
		} {
			begun := time.Now()
			if err := fault.break_(ctx, part); err != nil {
				t.Fatal(err)
			}
			broken := time.Since(begun)
			if err := fault.mend(ctx, part); err != nil {
				t.Fatal(err)
			}
			mended := time.Since(begun) - broken
			if err := s.Await(ctx, part); err != nil {
				t.Fatal(err)
			}
			shop.buys(fmt.Sprintf("%s-%s", fault.name, part))
			t.Logf("%-12s %-10s %6d ms to break, %6d ms to mend, bought after %6d ms", part, fault.name, broken.Milliseconds(), mended.Milliseconds(), (time.Since(begun) - broken - mended).Milliseconds())
		}
		if now := s.Addresses(); now.Kafka != before.Kafka || now.Registry != before.Registry || now.Gateway != before.Gateway || now.Order.API != before.Order.API {
			t.Errorf("after %s came back: addresses %+v, before %+v", part, now, before)
		}
	}
	scales(t, s, shop)
	if err := errors.Join(s.Stop(ctx, stack.Everything), s.Start(ctx, stack.Everything)); err != nil {
		t.Fatal(err)
	}
	shop.buys("after")
}

// scales runs one replica of the order service, three and one again.
func scales(t *testing.T, s *stack.Containers, shop shopper) {
	t.Helper()
	for _, replicas := range []int{3, 1} {
		if err := s.Scale(t.Context(), stack.Order, replicas); err != nil {
			t.Fatal(err)
		}
		asked := make(map[string]bool)
		for range 2 * replicas {
			at := s.Addresses().Order
			asked[at.API] = true
			if len(at.Replicas) != replicas {
				t.Fatalf("replicas are %v, want %d", at.Replicas, replicas)
			}
		}
		if len(asked) != replicas {
			t.Errorf("customers were sent to %d of %d replicas", len(asked), replicas)
		}
		shop.buys(fmt.Sprintf("with-%d", replicas))
	}
}
