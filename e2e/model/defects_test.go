package model

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/murmuration-dev/murmuration/e2e/model/search"
	"github.com/murmuration-dev/murmuration/services/inventory"
	"github.com/murmuration-dev/murmuration/services/order"
	"github.com/murmuration-dev/murmuration/services/payment"
)

var update = flag.Bool("update", false, "write the transcripts anew")

// defect is one mistake that is planted, and the world in which it shows.
type defect struct {
	name  string
	plant func(*Config, *Functions)
}

// one is the world around one order, as small as the defect allows.
func one() Config {
	return Config{Orders: 1, Quantity: 3, Stock: 3, Deadline: DeadlineAnytime}
}

func defects() []defect {
	return []defect{
		{"order reacts to the arrival of RESERVED, not to the state", func(_ *Config, f *Functions) {
			const late = "arrived after RESERVED"
			see, react := f.OrderSeePayment, f.OrderReact
			f.OrderSeePayment = func(o order.Observed, p order.Payment) (order.Observed, bool) {
				if o.Reservation.Status == order.ReservationReserved && p.Status == order.PaymentAuthorized {
					p.Reason = late
				}
				return see(o, p)
			}
			f.OrderReact = func(s order.State, o order.Observed) order.Command {
				c := react(s, o)
				if _, confirms := c.(order.Confirm); confirms && o.Payment.Reason == late {
					return nil // nobody handles that event
				}
				return c
			}
		}},
		{"no version check on what is read", func(c *Config, f *Functions) {
			c.Faults.Replays = 1
			f.PaymentSee = func(o payment.Observed, ord payment.Order) (payment.Observed, bool) {
				o.Order = ord
				return o, true
			}
		}},
		{"void lost when CANCELLED overtakes AUTHORIZED", func(c *Config, _ *Functions) {
			c.Flaws.NoReactAfterOutcome = true
		}},
		{"capture as soon as the money is held", func(_ *Config, f *Functions) {
			react := f.PaymentReact
			f.PaymentReact = func(s payment.State, o payment.Observed) payment.Command {
				if s.Status == payment.StatusAuthorized && s.InFlight.Kind == "" && o.Order.Status == payment.OrderPlaced {
					return payment.Capture{}
				}
				return react(s, o)
			}
		}},
		{"two refunds in flight", func(c *Config, f *Functions) {
			c.Returns = true
			c.Faults.Executors = 1
			react, decide := f.PaymentReact, f.PaymentDecide
			f.PaymentReact = func(s payment.State, o payment.Observed) payment.Command {
				if s.InFlight.Kind == payment.KindRefund && o.Order.RefundDue > s.InFlight.To {
					return payment.Refund{To: o.Order.RefundDue}
				}
				return react(s, o)
			}
			f.PaymentDecide = func(s payment.State, c payment.Command) ([]payment.Event, error) {
				if r, ok := c.(payment.Refund); ok && s.InFlight.Kind == payment.KindRefund {
					return []payment.Event{payment.RefundRequested{From: s.Refunded, To: r.To, At: r.At}}, nil
				}
				return decide(s, c)
			}
		}},
		{"restock twice on replay", func(c *Config, f *Functions) {
			c.Returns = true
			c.Faults.Replays = 1
			see := f.InventorySee
			f.InventorySee = func(o inventory.Observed, ord inventory.Order) (inventory.Observed, bool) {
				seen, news := see(o, ord)
				if news || ord.Version != o.Order.Version || ord.Lines[0].Returned == 0 {
					return seen, news
				}
				ord.Lines = slices.Clone(ord.Lines) // the units of a return, once more
				ord.Lines[0].Returned = min(ord.Lines[0].Quantity, o.Order.Lines[0].Returned+ord.Lines[0].Returned)
				o.Order = ord
				return o, true
			}
		}},
		{"write skew of two observations", func(c *Config, _ *Functions) {
			c.Workers = WorkersUnlocked
		}},
		{"a row's identity is used again", func(c *Config, _ *Functions) {
			c.Gateway = GatewayAtomic
			c.Relay = Relay{Explicit: true, Crashes: 1}
			c.Flaws.ReusedRows = true
		}},
		{"authorize in one request, and a late one after a void that found nothing", func(c *Config, f *Functions) {
			c.Faults.Abandoned = 1
			c.Flaws.CreateHolds = true
			react, decide := f.PaymentReact, f.PaymentDecide
			f.PaymentReact = func(s payment.State, o payment.Observed) payment.Command {
				if s.InFlight.Kind == payment.KindCreate && o.Order.Status == payment.OrderCancelled {
					return payment.Void{Reason: payment.ReasonOrderCancelled}
				}
				return react(s, o)
			}
			f.PaymentDecide = func(s payment.State, c payment.Command) ([]payment.Event, error) {
				if v, ok := c.(payment.Void); ok && s.InFlight.Kind == payment.KindCreate {
					return []payment.Event{payment.VoidRequested{Reason: v.Reason, At: v.At}}, nil
				}
				return decide(s, c)
			}
		}},
		{"a time-out counts as a refusal", func(c *Config, _ *Functions) {
			c.Faults.Abandoned = 1
			c.Flaws.TimeoutIsRefusal = true
		}},
		{"a refund's key without its amounts", func(c *Config, f *Functions) {
			c.Returns = true
			pending := f.PaymentPending
			f.PaymentPending = func(s payment.State) (payment.GatewayCommand, bool) {
				g, ok := pending(s)
				g.Key = fmt.Sprintf("%s/%s", g.OrderID, strings.ToLower(string(g.Kind)))
				return g, ok
			}
		}},
		{"a refund is repeated without asking whether it was made", func(c *Config, _ *Functions) {
			c.Returns = true
			c.Faults.Abandoned, c.Faults.Forgotten = 1, 1
			c.Flaws.BlindRefund = true
		}},
		{"the customer may cancel a confirmed order", func(_ *Config, f *Functions) {
			decide := f.OrderDecide
			f.OrderDecide = func(s order.State, c order.Command) ([]order.Event, error) {
				if cancel, ok := c.(order.Cancel); ok && s.Status == order.StatusConfirmed {
					return []order.Event{order.Cancelled{Reason: order.ReasonCustomer, At: cancel.At}}, nil
				}
				return decide(s, c)
			}
		}},
		{"a refused capture ends the payment without a void", func(_ *Config, f *Functions) {
			react := f.PaymentReact
			f.PaymentReact = func(s payment.State, o payment.Observed) payment.Command {
				if s.CaptureRefusal != "" && s.Status == payment.StatusAuthorized {
					return payment.Void{Reason: payment.ReasonCaptureRefused}
				}
				return react(s, o)
			}
			decide := f.PaymentDecide
			f.PaymentDecide = func(s payment.State, c payment.Command) ([]payment.Event, error) {
				if v, ok := c.(payment.Void); ok && s.CaptureRefusal != "" {
					return []payment.Event{payment.Voided{OrderID: s.OrderID, Reason: v.Reason, At: v.At}}, nil
				}
				return decide(s, c)
			}
		}},
		{"no floor under a CANCELLED seen before PLACED", func(c *Config, f *Functions) {
			react := f.InventoryReact
			f.InventoryReact = func(s inventory.State, o inventory.Observed) inventory.Command {
				if s.Status == inventory.StatusNone && o.Order.Status == inventory.OrderCancelled {
					return nil
				}
				return react(s, o)
			}
		}},
		{"a write-off takes what is promised", func(c *Config, f *Functions) {
			c.WriteOff = true
			decide := f.StockDecide
			f.StockDecide = func(s inventory.StockState, c inventory.StockCommand) ([]inventory.StockEvent, error) {
				if off, ok := c.(inventory.WriteOff); ok {
					return []inventory.StockEvent{inventory.StockWrittenOff(off)}, nil
				}
				return decide(s, c)
			}
		}},
		{"stock is read before it is locked", func(c *Config, f *Functions) {
			*c = Config{Orders: 2, Quantity: 1, Stock: 1, Gateway: GatewayAtomic}
			c.Flaws.UncheckedStock = true
			f.StockDecide = func(_ inventory.StockState, c inventory.StockCommand) ([]inventory.StockEvent, error) {
				switch c := c.(type) {
				case inventory.Hold:
					return []inventory.StockEvent{inventory.StockHeld(c)}, nil
				case inventory.Unhold:
					return []inventory.StockEvent{inventory.StockUnheld(c)}, nil
				case inventory.Take:
					return []inventory.StockEvent{inventory.StockTaken(c)}, nil
				case inventory.PutBack:
					return []inventory.StockEvent{inventory.StockPutBack(c)}, nil
				case inventory.Receive:
					return []inventory.StockEvent{inventory.StockReceived(c)}, nil
				case inventory.WriteOff:
				}
				return nil, nil
			}
		}},
		{"intents in a commit of their own", func(c *Config, _ *Functions) {
			c.Faults.Abandoned = 1
			c.Flaws.TornIntents = true
		}},
		{"the position is committed before the effects", func(c *Config, _ *Functions) {
			c.Faults.Abandoned = 1
			c.Flaws.PositionFirst = true
		}},
		{"a deadline fires before the backlog is read", func(c *Config, _ *Functions) {
			c.Deadline = DeadlineAfterInbox
			c.Flaws.DeadlineUnread = true
		}},
		{"a refusal that does not name its command", func(c *Config, _ *Functions) {
			c.Faults.Executors, c.Faults.Forgotten = 1, 1
			c.Flaws.ShortKeys, c.Flaws.UnnamedRefusal = true, true
		}},
		{"idempotency keys that expire while their requests are under way", func(c *Config, _ *Functions) {
			c.Faults.Abandoned, c.Faults.Forgotten = 1, 1
			c.Flaws.ShortKeys = true
		}},
		{"a database set back, and nothing compared", func(c *Config, _ *Functions) {
			c.Gateway = GatewayAtomic
			c.Relay = Relay{Explicit: true, Restores: 1}
		}},
		{"a database set back by one batch, and only numbers compared", func(c *Config, _ *Functions) {
			c.Gateway = GatewayAtomic
			c.Relay = Relay{Explicit: true, Restores: 1, Detect: DetectBatch}
		}},
		{"a database set back, and requests taken before it is compared by names", func(c *Config, _ *Functions) {
			c.Gateway = GatewayAtomic
			c.Relay = Relay{Explicit: true, Restores: 1, Detect: DetectRows, Late: true}
		}},
		{"payment's database set back behind the gateway, with nothing published since", func(c *Config, _ *Functions) {
			c.Gateway = GatewayAtomic
			c.Relay = Relay{Explicit: true, Restores: 1, Detect: DetectContents, Unheard: true}
		}},
	}
}

func TestDefects_AreFound(t *testing.T) {
	for n, d := range defects() {
		t.Run(d.name, func(t *testing.T) {
			cfg, functions := one(), Real()
			d.plant(&cfg, &functions)
			cfg.Functions = &functions
			w := New(cfg)
			start := time.Now()
			// One worker, so that equally short runs are always found in one order.
			r, err := search.Run(w, search.Options{Workers: 1, MaxStates: 3_000_000})
			if err != nil {
				t.Fatal(err)
			}
			if r.Violation == nil {
				t.Fatalf("not found in %d states", r.States)
			}
			transcript := w.Transcript(r.Violation)
			lines := strings.Split(strings.TrimSpace(transcript), "\n")
			t.Logf("planted: %s | %s | %d steps, %d states: %s", d.name, time.Since(start).Round(time.Millisecond), len(r.Violation.Run), r.States, lines[len(lines)-1])
			golden(t, fmt.Sprintf("%02d", n+1), d.name+"\n\n"+transcript)
		})
	}
}

// golden compares a transcript with the one that was reviewed.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", "defects", name+".txt")
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
