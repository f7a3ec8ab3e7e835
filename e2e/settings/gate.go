//go:build e2e

package settings

import (
	"io"
	"net"
	"sync"
	"testing"
)

// mode is how a gate treats who comes.
type mode int

const (
	shut   mode = iota // the connection is refused at once
	silent             // it is taken, and nothing ever comes back
	open               // it leads to the server
)

// gate is an address that leads to a server, or does not, as a test wants it.
type gate struct {
	server   string
	listener net.Listener

	mu    sync.Mutex
	mode  mode
	conns map[net.Conn]struct{}
	ended bool
	wg    sync.WaitGroup
}

// newGate listens until the test ends.
func newGate(t *testing.T, server string, m mode) *gate {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{server: server, listener: l, mode: m, conns: make(map[net.Conn]struct{})}
	g.wg.Go(g.accept)
	t.Cleanup(g.close)
	return g
}

// address is host:port.
func (g *gate) address() string { return g.listener.Addr().String() }

// set changes the mode, and ends the connections of the one before.
func (g *gate) set(m mode) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.mode = m
	g.cut()
}

// cut ends all connections. g.mu is held.
func (g *gate) cut() {
	for c := range g.conns {
		_ = c.Close() // a broken connection is what is wanted
	}
	clear(g.conns)
}

func (g *gate) close() {
	g.mu.Lock()
	g.ended = true
	_ = g.listener.Close()
	g.cut()
	g.mu.Unlock()
	g.wg.Wait()
}

func (g *gate) accept() {
	for {
		c, err := g.listener.Accept()
		if err != nil {
			return
		}
		g.wg.Go(func() { g.serve(c) })
	}
}

// keep has a connection ended with the mode, or at once.
func (g *gate) keep(c net.Conn) (mode, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ended || g.mode == shut {
		_ = c.Close()
		return shut, false
	}
	g.conns[c] = struct{}{}
	return g.mode, true
}

func (g *gate) serve(c net.Conn) {
	defer c.Close()
	m, ok := g.keep(c)
	if !ok {
		return
	}
	if m == silent {
		_, _ = io.Copy(io.Discard, c) // until the mode changes or the client leaves
		return
	}
	s, err := net.Dial("tcp", g.server)
	if err != nil {
		return
	}
	defer s.Close()
	if _, ok := g.keep(s); !ok {
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(s, c)
		_ = s.Close()
	}()
	_, _ = io.Copy(c, s)
	_ = c.Close()
	<-done
}
