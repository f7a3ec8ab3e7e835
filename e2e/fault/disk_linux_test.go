package fault

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/murmuration-dev/murmuration/e2e/client"
	"github.com/murmuration-dev/murmuration/e2e/stack"
)

// patience is how long a test waits for what takes milliseconds.
const patience = 30 * time.Second

// retryEvery paces what is tried again.
const retryEvery = 25 * time.Millisecond

// goods is what everybody orders here.
const goods = "disk-sku"

// disk is a place for a data folder that can become full.
type disk interface {
	folder() string
	fill(*stack.Process) error
	free(*stack.Process) error
	reason() string // as the log has to say it
}

// small is a file system of its own; making one needs privileges.
type small struct{ dir string }

const smallSize = "48m" // a platform with some orders needs less

func newSmall(t *testing.T) (disk, error) {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("murmur", dir, "tmpfs", 0, "size="+smallSize); err != nil {
		return nil, err
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return small{dir}, nil
}

func (s small) folder() string  { return filepath.Join(s.dir, "data") }
func (s small) ballast() string { return filepath.Join(s.dir, "ballast") }

func (s small) fill(*stack.Process) error {
	f, err := os.Create(s.ballast())
	if err != nil {
		return err
	}
	block := make([]byte, 4096)
	for err == nil {
		_, err = f.Write(block)
	}
	if errors.Is(err, syscall.ENOSPC) {
		err = nil
	}
	return errors.Join(err, f.Close())
}

func (s small) free(*stack.Process) error { return os.Remove(s.ballast()) }
func (s small) reason() string            { return "disk is full" }

// limited is a folder whose files the platform may not write beyond their first
// bytes: the same for it as a full disk, and anyone may do it.
type limited struct{ dir string }

func (l limited) folder() string { return filepath.Join(l.dir, "data") }

func (l limited) fill(p *stack.Process) error { return limit(p, 1) }
func (l limited) free(p *stack.Process) error { return limit(p, unix.RLIM_INFINITY) }
func (l limited) reason() string              { return "disk I/O error" }

func limit(p *stack.Process, bytes uint64) error {
	return unix.Prlimit(p.PID(), unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: bytes, Max: unix.RLIM_INFINITY}, nil)
}

func TestFullDisk_RefusesOrdersAndLosesNone(t *testing.T) {
	disks := map[string]disk{"limit": limited{t.TempDir()}}
	if d, err := newSmall(t); err == nil {
		disks["file system"] = d
	} else {
		t.Logf("no file system of its own: %v", err)
	}
	for name, d := range disks {
		t.Run(name, func(t *testing.T) { fillUp(t, d) })
	}
}

func fillUp(t *testing.T, d disk) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	p, err := stack.NewProcess(ctx, stack.ProcessConfig{Binary: murmur, Data: d.folder()})
	if err != nil {
		t.Fatal(err)
	}
	c := client.New(p)
	t.Cleanup(func() {
		c.Close()
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("log of the platform:\n%s", p.Log())
		}
	})
	if _, err := c.Receive(ctx, goods, "opening", 1000); err != nil {
		t.Fatal(err)
	}
	placed := 0
	place := func() error {
		placed++
		id := fmt.Sprintf("order-%d", placed)
		_, err := c.Place(ctx, client.NewOrder{
			OrderID: id, Key: id, Currency: "GBP", PaymentMethod: "pm_card_visa",
			Lines: []client.NewLine{{SKU: goods, Quantity: 1, Amount: 100}},
		})
		return err
	}
	for range 20 {
		if err := place(); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.fill(p); err != nil { // while these are under way
		t.Fatal(err)
	}
	deadline := time.Now().Add(patience)
	for err = place(); err == nil; err = place() {
		if time.Now().After(deadline) {
			t.Fatal("orders are still accepted on a full disk")
		}
	}
	t.Logf("after %d orders: %v", placed, err)
	if status := client.StatusOf(err); status < 500 {
		t.Errorf("refused with %v, want an answer that says whose fault it is", err)
	}
	for deadline := time.Now().Add(patience); !strings.Contains(p.Log(), d.reason()); { // it comes through a pipe
		if time.Now().After(deadline) {
			t.Fatalf("the log does not say %q", d.reason())
		}
		wait(ctx, retryEvery)
	}
	if err := d.free(p); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(patience); ; {
		if err = place(); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("orders are still refused although there is space again: %v", err)
		}
		wait(ctx, retryEvery)
	}
	judge(ctx, t, p, c)
	if err := p.Stop(ctx, stack.Everything); err != nil {
		t.Fatal(err)
	}
	if err := p.Start(ctx, stack.Everything); err != nil {
		t.Fatal(err)
	}
	judge(ctx, t, p, c)
}
