package sever

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// dialTimeout is above what a connection to a container of this machine takes.
const dialTimeout = 5 * time.Second

// Proxy forwards connections. It is safe for concurrent use.
type Proxy struct {
	target   string
	listener net.Listener
	running  sync.WaitGroup

	mu     sync.Mutex
	random *rand.Rand // nil while not armed
	share  float64
	open   map[net.Conn]bool
	closed bool

	before, after atomic.Int64
}

// Start listens on an address and forwards to a target. The caller closes it.
func Start(listen, target string) (*Proxy, error) {
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return nil, fmt.Errorf("proxy to %s: %w", target, err)
	}
	p := &Proxy{target: target, listener: l, open: make(map[net.Conn]bool)}
	p.running.Go(p.accept)
	return p, nil
}

// Address is where it listens.
func (p *Proxy) Address() string { return p.listener.Addr().String() }

// Arm breaks a share of the connections that commit from now on, as a seed
// chooses; half of them before the server gets the COMMIT.
func (p *Proxy) Arm(share float64, seed uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.share, p.random = share, rand.New(rand.NewPCG(seed, seed))
}

// Disarm lets everything pass again.
func (p *Proxy) Disarm() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.random = nil
}

// Counts are the connections that were broken before the COMMIT, and before its
// answer.
func (p *Proxy) Counts() (before, after int64) { return p.before.Load(), p.after.Load() }

// Close breaks all connections and waits until they are gone.
func (p *Proxy) Close() error {
	err := p.listener.Close()
	p.mu.Lock()
	p.closed = true
	for c := range p.open {
		reset(c)
	}
	p.mu.Unlock()
	p.running.Wait()
	return err
}

func (p *Proxy) accept() {
	for {
		c, err := p.listener.Accept()
		if err != nil {
			return // closed
		}
		p.running.Go(func() { p.serve(c) })
	}
}

func (p *Proxy) serve(client net.Conn) {
	server, err := net.DialTimeout("tcp", p.target, dialTimeout)
	if err != nil {
		reset(client) // as an absent server would
		return
	}
	if !p.keep(client, server) {
		reset(client)
		reset(server)
		return
	}
	defer p.forget(client, server)
	pair := &connection{proxy: p, client: client, server: server, statements: make(statements)}
	var both sync.WaitGroup
	both.Go(func() { pair.end(pair.up()) })
	both.Go(func() { pair.end(pair.down()) })
	both.Wait()
}

func (p *Proxy) keep(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		p.open[c] = true
	}
	return !p.closed
}

func (p *Proxy) forget(conns ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		delete(p.open, c)
	}
}

// fate decides over one COMMIT.
func (p *Proxy) fate() (before, after bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.random == nil || p.random.Float64() >= p.share {
		return false, false
	}
	before = p.random.IntN(2) == 0
	return before, !before
}

// connection is a client and its server.
type connection struct {
	proxy          *Proxy
	client, server net.Conn
	statements     statements
	cutAnswer      atomic.Bool // to the COMMIT under way
}

// up forwards what the client says.
func (c *connection) up() error {
	from := bufio.NewReader(c.client)
	to := bufio.NewWriter(c.server)
	for first := true; ; {
		m, err := readMessage(from, first)
		if err != nil {
			return err
		}
		if first && asksForEncryption(m) {
			if _, err := c.client.Write([]byte{'N'}); err != nil { // nothing comes from the server yet
				return err
			}
			continue
		}
		first = false
		if c.statements.commits(m) {
			before, after := c.proxy.fate()
			if before {
				c.proxy.before.Add(1)
				return errSevered
			}
			if after {
				c.cutAnswer.Store(true)
			}
		}
		if _, err := to.Write(m.raw); err != nil {
			return err
		}
		if from.Buffered() == 0 {
			if err := to.Flush(); err != nil {
				return err
			}
		}
	}
}

// down forwards what the server says.
func (c *connection) down() error {
	from := bufio.NewReader(c.server)
	to := bufio.NewWriter(c.client)
	for {
		m, err := readMessage(from, false)
		if err != nil {
			return errors.Join(err, to.Flush())
		}
		if committed(m) && c.cutAnswer.Load() {
			c.proxy.after.Add(1)
			return errSevered
		}
		if _, err := to.Write(m.raw); err != nil {
			return err
		}
		if from.Buffered() == 0 {
			if err := to.Flush(); err != nil {
				return err
			}
		}
	}
}

// end takes both sides down when one has ended: in order, or by a reset.
func (c *connection) end(why error) {
	if errors.Is(why, errSevered) {
		reset(c.client)
		reset(c.server)
		return
	}
	_ = c.client.Close() // whatever could be sent was flushed
	_ = c.server.Close()
}

// reset closes a connection so that the other side gets a reset at once.
func reset(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // a connection that is gone already needs none
	}
	_ = c.Close()
}
