package postgres_test

import (
	"bytes"
	"encoding/binary"
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

	cut  cut
	lost bool // the answer is

	// What was asked ends with a Query or a Sync, and what was answered with
	// ReadyForQuery. A round trip begins when the client speaks while nothing is
	// unanswered: parts of a long request or answer are none of their own.
	asked, answered int
	under           bool // a round trip is under way
	turns           int  // round trips
	sent            int  // bytes of the client
	requests        frames
	answers         frames
}

// frames finds the messages in a stream of PostgreSQL's protocol, version 3,
// however it is cut into pieces.
type frames struct {
	untyped bool // the next message is the first of a client, which has no type
	head    []byte
	left    int // bytes of the body that are still to come
}

// feed calls each with the type of every message that begins in a piece; that of
// a client's first one is 0.
func (f *frames) feed(piece []byte, each func(kind byte)) {
	for len(piece) > 0 {
		if f.left > 0 {
			n := min(f.left, len(piece))
			f.left, piece = f.left-n, piece[n:]
			continue
		}
		const typed, untyped = 5, 4 // bytes of a head: a type, and a length that counts itself
		size := typed
		if f.untyped {
			size = untyped
		}
		n := min(size-len(f.head), len(piece))
		f.head, piece = append(f.head, piece[:n]...), piece[n:]
		if len(f.head) < size {
			return
		}
		kind := byte(0)
		if !f.untyped {
			kind = f.head[0]
		}
		f.left = int(binary.BigEndian.Uint32(f.head[size-untyped:])) - untyped
		f.untyped, f.head = false, f.head[:0]
		each(kind)
	}
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
		k := &link{client: client, server: server, requests: frames{untyped: true}}
		p.mu.Lock()
		p.links = append(p.links, k)
		p.mu.Unlock()
		p.wg.Go(func() { pass(k, client, server, p.fromClient) })
		p.wg.Go(func() { pass(k, server, client, p.fromServer) })
	}
}

// pass copies from one side to the other as long as may says.
func pass(k *link, from, to net.Conn, may func(*link, []byte) bool) {
	defer k.close()
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if err != nil || !may(k, buf[:n]) {
			return
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}

func (p *proxy) fromClient(k *link, piece []byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !k.under {
		k.under = true
		k.turns++
	}
	k.sent += len(piece)
	k.requests.feed(piece, func(kind byte) {
		switch kind {
		case 0, 'Q', 'S': // start-up, Query, Sync
			k.asked++
		}
	})
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
func (p *proxy) fromServer(k *link, piece []byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	k.answers.feed(piece, func(kind byte) {
		if kind == 'Z' { // ReadyForQuery
			k.answered++
			k.under = k.answered < k.asked
		}
	})
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

// busiest returns the connection on which f sends the most.
func (p *proxy) busiest(f func()) (busiest *link) {
	sent := func() map[*link]int {
		p.mu.Lock()
		defer p.mu.Unlock()
		sent := make(map[*link]int)
		for _, k := range p.links {
			sent[k] = k.sent
		}
		return sent
	}
	before := sent()
	f()
	most := 0
	for k, n := range sent() {
		if n -= before[k]; n > most {
			most, busiest = n, k
		}
	}
	return busiest
}

// roundTrips counts those that f makes on one connection.
func (p *proxy) roundTrips(k *link, f func()) int {
	turns := func() int {
		p.mu.Lock()
		defer p.mu.Unlock()
		return k.turns
	}
	before := turns()
	f()
	return turns() - before
}

// The proxy's own count: messages are found in pieces of any size, and a request
// that is answered in part before all of it was sent is one round trip.
func TestProxy_CountsRoundTripsNotPieces(t *testing.T) {
	message := func(kind byte, body int) []byte {
		m := []byte{kind}
		m = binary.BigEndian.AppendUint32(m, uint32(4+body))
		return append(m, make([]byte, body)...)
	}
	startup := append(binary.BigEndian.AppendUint32(nil, 12), make([]byte, 8)...)
	parse, sync := message('P', 300), message('S', 0)
	data, ready := message('D', 700), message('Z', 1)
	for _, size := range []int{1, 3, 64, 1 << 10} {
		p, k := &proxy{}, &link{requests: frames{untyped: true}}
		client := func(messages ...[]byte) { pieces(messages, size, func(b []byte) { p.fromClient(k, b) }) }
		server := func(messages ...[]byte) { pieces(messages, size, func(b []byte) { p.fromServer(k, b) }) }
		want := func(n int, what string) {
			t.Helper()
			if k.turns != n {
				t.Errorf("pieces of %d: %d round trips after %s, want %d", size, k.turns, what, n)
			}
		}
		client(startup)
		server(data, ready)
		want(1, "start-up")
		client(parse)
		server(data) // in part, before the request is complete
		client(parse, sync)
		server(data, ready)
		want(2, "a request that was answered in part")
		client(sync, sync) // pipelined
		server(ready)
		client(parse) // goes on while an answer is still owed
		server(ready)
		want(3, "a pipeline")
		client(sync)
		server(ready)
		want(4, "the next request")
	}
}

func pieces(messages [][]byte, size int, each func([]byte)) {
	for all := bytes.Join(messages, nil); len(all) > 0; {
		n := min(size, len(all))
		each(all[:n])
		all = all[n:]
	}
}
