package postgres_test

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// vanish makes the kernel drop whatever comes in on the connections that there
// are, before it is acknowledged: to the other side the network is cut.
func (p *proxy) vanish(t *testing.T) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, k := range p.links {
		tcp, ok := k.client.(*net.TCPConn)
		if !ok {
			t.Fatalf("%T", k.client)
		}
		raw, err := tcp.SyscallConn()
		check(t, err)
		const nothing = 0 // bytes of each packet that are kept
		program := []unix.SockFilter{{Code: unix.BPF_RET | unix.BPF_K, K: nothing}}
		err = raw.Control(func(fd uintptr) {
			check(t, unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: 1, Filter: &program[0]}))
		})
		if err != nil && !errors.Is(err, net.ErrClosed) { // one that is over is as good
			t.Fatal(err)
		}
	}
}

// A call that was under way when the network was cut fails, although nobody bounds
// it, and the next one works: a relay or an inbox that waited for ever would do
// nothing until somebody restarted it.
func TestStore_GivesUpAConnectionThatIsCut(t *testing.T) {
	const limit = 50 * time.Second // far below the quarter of an hour that Linux takes by itself
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	p, through := startProxy(t, newDatabase(t))
	s := quiet(t, through)
	_, err := s.Pending(ctx, 0, 1, 1)
	check(t, err)
	p.vanish(t)
	began := time.Now()
	if _, err := s.Pending(ctx, 0, 1, 1); err == nil {
		t.Error("an answer came through a network that is cut")
	}
	if took := time.Since(began); took > limit {
		t.Errorf("it took %s to give up", took)
	}
	if _, err := s.Pending(ctx, 0, 1, 1); err != nil {
		t.Errorf("on a new connection: %v", err)
	}
}
