package kafkatest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	// maxFrame refuses what is not Kafka's protocol.
	maxFrame = 256 << 20

	// keptRequests is how many requests a Proxy remembers, the latest.
	keptRequests = 1 << 14

	// waitLimit is how long Injection.Wait waits: far more than any client needs
	// to send its next request.
	waitLimit = 10 * time.Second
)

// Proxy relays connections between clients and brokers, request by request, and
// applies faults. It is safe for concurrent use.
type Proxy struct {
	tb   testing.TB
	done chan struct{}
	wg   sync.WaitGroup

	mu       sync.Mutex
	closed   bool
	closers  map[io.Closer]struct{}
	faults   []*Injection
	requests []kmsg.Request
}

// NewProxy returns a Proxy that is closed when the test ends, if not before.
func NewProxy(tb testing.TB) *Proxy {
	p := &Proxy{tb: tb, done: make(chan struct{}), closers: map[io.Closer]struct{}{}}
	tb.Cleanup(p.Close)
	return p
}

// Forward opens an address on the loopback interface that leads to the backend.
// Brokers must advertise the addresses that clients are meant to use.
func (p *Proxy) Forward(backend string) (net.Addr, error) {
	return p.ForwardAt("127.0.0.1:0", backend)
}

// ForwardAt is Forward from a given address, for brokers that advertise it
// already.
func (p *Proxy) ForwardAt(front, backend string) (net.Addr, error) {
	ln, err := net.Listen("tcp", front)
	if err != nil {
		return nil, fmt.Errorf("proxy for %s: %w", backend, err)
	}
	if !p.track(ln) {
		return nil, net.ErrClosed
	}
	p.wg.Go(func() {
		for {
			client, err := ln.Accept()
			if err != nil {
				return
			}
			p.wg.Go(func() { p.serve(client, backend) })
		}
	})
	return ln.Addr(), nil
}

// Close ends every connection and gives the addresses back. The end of the test
// does it, too.
func (p *Proxy) Close() {
	p.mu.Lock()
	if !p.closed {
		p.closed = true
		close(p.done)
	}
	for c := range p.closers {
		_ = c.Close() // the peer notices; nobody else needs to
	}
	p.mu.Unlock()
	p.wg.Wait()
}

// CutAll closes every connection that is open now.
func (p *Proxy) CutAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.closers {
		if _, ok := c.(net.Conn); ok {
			_ = c.Close()
		}
	}
}

// track makes close also close c; it is false, and c closed, if that came first.
func (p *Proxy) track(c io.Closer) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		_ = c.Close()
		return false
	}
	p.closers[c] = struct{}{}
	return true
}

func (p *Proxy) untrack(c io.Closer) {
	_ = c.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.closers, c)
}

// serve relays one connection until either side closes it or a fault does.
func (p *Proxy) serve(client net.Conn, backend string) {
	if !p.track(client) {
		return
	}
	defer p.untrack(client)
	broker, err := net.Dial("tcp", backend)
	if err != nil {
		return
	}
	if !p.track(broker) {
		return
	}
	defer p.untrack(broker)
	for {
		frame, err := readFrame(client)
		if err != nil {
			return
		}
		answer, err := p.exchange(frame, broker)
		if err != nil {
			if !errors.As(err, new(*net.OpError)) && !errors.Is(err, errDropped) && !errors.Is(err, io.EOF) {
				p.tb.Logf("kafkatest proxy: %v", err) // not a broker that went away, then
			}
			return
		}
		if _, err := client.Write(answer); err != nil {
			return
		}
	}
}

var errDropped = errors.New("dropped by a fault")

// exchange returns the frame to answer with; empty if the request has none.
func (p *Proxy) exchange(frame []byte, broker net.Conn) ([]byte, error) {
	ask, err := parse(frame)
	if err != nil {
		return nil, err
	}
	in := p.admit(ask.req)
	if in == nil {
		return relay(frame, ask, broker)
	}
	f := &in.fault
	relayed := f.After || !f.answers()
	if !f.After {
		p.hold(in)
	}
	var answer []byte
	if relayed {
		if answer, err = relay(frame, ask, broker); err != nil {
			return nil, err
		}
	}
	if f.After {
		p.hold(in)
	}
	in.hit()
	switch {
	case f.Drop:
		return nil, errDropped
	case f.Code != 0, f.Edit != nil && !f.After:
		resp, err := respond(ask.req, f.Code)
		if err != nil {
			p.tb.Error(err)
			return nil, errDropped
		}
		if f.Edit != nil {
			f.Edit(ask.req, resp)
		}
		return ask.answer(resp), nil
	case f.Edit != nil:
		resp, err := ask.parseAnswer(answer)
		if err != nil {
			return nil, err
		}
		f.Edit(ask.req, resp)
		return ask.answer(resp), nil
	}
	return answer, nil
}

func (p *Proxy) hold(in *Injection) {
	if in.fault.Hold == nil {
		return
	}
	in.once.Do(func() { close(in.held) })
	select {
	case <-in.fault.Hold:
	case <-p.done:
	}
}

func relay(frame []byte, ask *question, broker net.Conn) ([]byte, error) {
	if _, err := broker.Write(frame); err != nil {
		return nil, err
	}
	if q, ok := ask.req.(*kmsg.ProduceRequest); ok && q.Acks == 0 {
		return nil, nil
	}
	return readFrame(broker)
}

// question is a request as it stood on the wire.
type question struct {
	req         kmsg.Request
	correlation uint32
}

func parse(frame []byte) (*question, error) {
	const fixed = 4 + 2 + 2 + 4 + 2
	if len(frame) < fixed {
		return nil, fmt.Errorf("request of %d bytes", len(frame))
	}
	key, version := int16(binary.BigEndian.Uint16(frame[4:])), int16(binary.BigEndian.Uint16(frame[6:]))
	req := kmsg.RequestForKey(key)
	if req == nil {
		return nil, fmt.Errorf("unknown API key %d", key)
	}
	req.SetVersion(version)
	body := frame[fixed:]
	if n := int(int16(binary.BigEndian.Uint16(frame[12:]))); n > 0 {
		body = body[min(n, len(body)):]
	}
	if req.IsFlexible() && len(body) > 0 {
		body = body[1:] // no client sends tagged header fields
	}
	if err := req.ReadFrom(body); err != nil {
		return nil, fmt.Errorf("%s v%d: %w", kmsg.NameForKey(key), version, err)
	}
	return &question{req, binary.BigEndian.Uint32(frame[8:])}, nil
}

// tagged: ApiVersions is answered without tags in the header.
func (q *question) tagged() bool { return q.req.IsFlexible() && q.req.Key() != int16(kmsg.ApiVersions) }

func (q *question) parseAnswer(frame []byte) (kmsg.Response, error) {
	resp := q.req.ResponseKind()
	resp.SetVersion(q.req.GetVersion())
	body := frame[min(8, len(frame)):]
	if q.tagged() && len(body) > 0 {
		body = body[1:]
	}
	return resp, resp.ReadFrom(body)
}

func (q *question) answer(resp kmsg.Response) []byte {
	resp.SetVersion(q.req.GetVersion())
	b := binary.BigEndian.AppendUint32(make([]byte, 4), q.correlation)
	if q.tagged() {
		b = append(b, 0)
	}
	b = resp.AppendTo(b)
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	return b
}

func readFrame(r io.Reader) ([]byte, error) {
	var size [4]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(size[:])
	if n > maxFrame {
		return nil, fmt.Errorf("frame of %d bytes", n)
	}
	b := make([]byte, 4+n)
	copy(b, size[:])
	_, err := io.ReadFull(r, b[4:])
	return b, err
}
