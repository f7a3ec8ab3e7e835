package kafka

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync/atomic"
	"time"

	"github.com/segmentio/kafka-go/protocol"
)

// anyBroker sends a request to one of the bootstrap brokers.
const anyBroker int32 = -1

const (
	apiProduce            int16 = 0
	apiMetadata           int16 = 3
	apiFindCoordinator    int16 = 10
	apiVersions           int16 = 18
	apiInitProducerID     int16 = 22
	apiAddPartitionsToTxn int16 = 24
	apiEndTxn             int16 = 26
)

const (
	// maxResponseBytes refuses a frame that no request of ours can have asked
	// for: a peer that does not speak Kafka, most likely.
	maxResponseBytes = 256 << 20

	// requestTimeout bounds one request whose context has no deadline. The
	// longest poll and the longest wait for acknowledgements are shorter.
	requestTimeout = 30 * time.Second
)

// request is a message that writes and reads its own frames, which is how any
// API in any version goes over the connections of a stock Transport: kafka-go's
// own codecs know neither the transactions of today nor aborted ranges.
type request struct {
	ctx   context.Context
	key   int16
	node  int32
	flex  bool
	frame []byte // header and body; size and correlation id are filled in last
}

type response struct {
	key  protocol.ApiKey
	body []byte
}

var correlation atomic.Int32

func (r *request) ApiKey() protocol.ApiKey                 { return protocol.ApiKey(r.key) }
func (r *response) ApiKey() protocol.ApiKey                { return r.key }
func (r *request) Required(map[protocol.ApiKey]int16) bool { return true }

// Broker routes the request to its node.
func (r *request) Broker(c protocol.Cluster) (protocol.Broker, error) {
	if r.node < 0 {
		return protocol.Broker{ID: anyBroker}, nil
	}
	b, ok := c.Brokers[r.node]
	if !ok {
		return b, fmt.Errorf("node %d: %w", r.node, errNoBroker)
	}
	return b, nil
}

// RawExchange runs on the connection's own goroutine.
func (r *request) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	release, err := r.watch(rw)
	if err != nil {
		return nil, err
	}
	body, err := r.exchange(rw)
	if late := release(); err == nil {
		err = late
	}
	if err != nil {
		return nil, err
	}
	return &response{r.ApiKey(), body}, nil
}

// watch interrupts the exchange when the caller gives up. The Transport leaves
// the connection reading, for ever if the broker never answers.
func (r *request) watch(rw io.ReadWriter) (release func() error, err error) {
	if err := r.ctx.Err(); err != nil {
		return nil, err
	}
	conn, ok := rw.(interface{ SetDeadline(time.Time) error })
	if !ok {
		return func() error { return nil }, nil
	}
	stop := context.AfterFunc(r.ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	return func() error {
		if stop() {
			return nil
		}
		return r.ctx.Err() // the deadline may land later: give the connection up
	}, nil
}

func (r *request) exchange(rw io.ReadWriter) ([]byte, error) {
	id := uint32(correlation.Add(1))
	binary.BigEndian.PutUint32(r.frame, uint32(len(r.frame)-4))
	binary.BigEndian.PutUint32(r.frame[8:], id)
	if _, err := rw.Write(r.frame); err != nil {
		return nil, err
	}
	var size [4]byte
	if _, err := io.ReadFull(rw, size[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(size[:])
	if n < 4 || n > maxResponseBytes {
		return nil, fmt.Errorf("%w: a frame of %d bytes", errMalformed, n)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(rw, b); err != nil {
		return nil, err
	}
	if got := binary.BigEndian.Uint32(b); got != id {
		return nil, fmt.Errorf("%w: correlation id %d, want %d", errMalformed, got, id)
	}
	d := decoder{b: b[4:]}
	if r.flex && r.key != apiVersions { // ApiVersions is answered without tags in the header, so that any client can read it
		d.tags(nil)
	}
	return d.b, d.ok()
}

// header starts the frame of a request, in the memory of buf if it suffices;
// append the body, of about size bytes, to it.
func (c *Client) header(buf []byte, key, version int16, flexible bool, size int) encoder {
	const fixed = 4 + 8 + 2 + 1
	e := encoder{b: append(slices.Grow(buf[:0], fixed+len(c.cfg.ClientID)+size), 0, 0, 0, 0)}
	e.i16(key)
	e.i16(version)
	e.i32(0)
	e.i16(int16(len(c.cfg.ClientID)))
	e.b = append(e.b, c.cfg.ClientID...)
	if flexible {
		e.tags()
	}
	return e
}

// do sends one request to a node, or to any broker, and returns the body of the
// response. It does not repeat anything: an error leaves open whether the broker
// handled the request. Safe for concurrent use.
func (c *Client) do(ctx context.Context, node int32, key, version int16, flexible bool, body []byte) (decoder, error) {
	e := c.header(nil, key, version, flexible, len(body))
	e.raw(body)
	return c.send(ctx, node, key, flexible, e.b)
}

// send is do for a frame that began with header. After an error the frame must
// not be touched: the connection may still be writing it.
func (c *Client) send(ctx context.Context, node int32, key int16, flexible bool, frame []byte) (decoder, error) {
	if c.closed.Load() {
		return decoder{}, ErrClosed
	}
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, requestTimeout)
		defer cancel()
	}
	m, err := c.transport.RoundTrip(ctx, c.addr, &request{ctx: ctx, key: key, node: node, flex: flexible, frame: frame})
	if err != nil {
		return decoder{}, asError(err)
	}
	r, ok := m.(*response)
	if !ok {
		return decoder{}, errors.New("kafka: the transport answered with a message of its own")
	}
	return decoder{b: r.body}, nil
}
