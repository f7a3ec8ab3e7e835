package postgres_test

import (
	"net"
	"net/url"
	"sync"
	"testing"
)

// proxy stands between a store and the server. It can lose what is sent, or
// the answer, and counts round trips.
type proxy struct {
	listener net.Listener
	server   string
	wg       sync.WaitGroup

	mu    sync.Mutex
	links []*link
}

// link is one connection through the proxy; its mutable parts are guarded by
// the proxy's mutex.
type link struct {
	client, server net.Conn

	cut   cut
	spoke bool // the server, last
	turns int  // times that the client spoke after the server had
	lost  bool // the answer is
}

// cut is where the next message of the client is lost, with its connection.
type cut int

const (
	nowhere cut = iota
	request     // the server does not see it
	answer      // the server does, and its answer is lost
)

// startProxy returns a proxy and the URL of the database through it.
func startProxy(t *testing.T, raw string) (*proxy, string) {
	t.Helper()
	u, err := url.Parse(raw)
	check(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	p := &proxy{listener: l, server: u.Host}
	p.wg.Go(p.accept)
	t.Cleanup(func() {
		_ = l.Close()
		p.mu.Lock()
		for _, k := range p.links {
			k.close()
		}
		p.mu.Unlock()
		p.wg.Wait()
	})
	u.Host = l.Addr().String()
	return p, u.String()
}

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.server)
		if err != nil {
			_ = client.Close()
			continue
		}
		k := &link{client: client, server: server}
		p.mu.Lock()
		p.links = append(p.links, k)
		p.mu.Unlock()
		p.wg.Go(func() { pass(k, client, server, p.fromClient) })
		p.wg.Go(func() { pass(k, server, client, p.fromServer) })
	}
}

// pass copies from one side to the other as long as may says.
func pass(k *link, from, to net.Conn, may func(*link) bool) {
	defer k.close()
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if err != nil || !may(k) {
			return
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}

func (p *proxy) fromClient(k *link) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if k.spoke {
		k.turns++
		k.spoke = false
	}
	where := k.cut
	if where != nowhere {
		for _, other := range p.links {
			other.cut = nowhere
		}
	}
	k.lost = where == answer
	return where != request
}

// fromServer loses an answer whole: the server speaks at the end of what it was
// asked only.
func (p *proxy) fromServer(k *link) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	k.spoke = true
	return !k.lost
}

func (k *link) close() {
	_ = k.client.Close()
	_ = k.server.Close()
}

// arm cuts the next message on one of the connections that there are.
func (p *proxy) arm(where cut) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, k := range p.links {
		k.cut = where
	}
}

// roundTrips counts those that f makes on the busiest connection.
func (p *proxy) roundTrips(f func()) (most int) {
	before := make(map[*link]int)
	p.mu.Lock()
	for _, k := range p.links {
		before[k] = k.turns
	}
	p.mu.Unlock()
	f()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, k := range p.links {
		most = max(most, k.turns-before[k])
	}
	return most
}
