//go:build e2e

package kafka_test

import (
	"encoding/binary"
	"hash/crc32"
	"io"
	"net"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// wire is a connection to one broker for requests exactly as a test states them:
// in that version, once, with whatever producer id and sequence.
type wire struct {
	t    *testing.T
	conn net.Conn
}

func (r *rig) wire(broker int) *wire {
	r.t.Helper()
	conn, err := (&net.Dialer{}).DialContext(r.ctx, "tcp", r.cluster.Addresses()[broker])
	r.must(err)
	r.t.Cleanup(func() { _ = conn.Close() })
	deadline, _ := r.ctx.Deadline()
	r.must(conn.SetDeadline(deadline))
	return &wire{r.t, conn}
}

// ask sends req in the given version.
func (w *wire) ask(version int16, req kmsg.Request) kmsg.Response {
	w.t.Helper()
	req.SetVersion(version)
	frame := kmsg.NewRequestFormatter(kmsg.FormatterClientID("wire")).AppendRequest(nil, req, 1)
	if _, err := w.conn.Write(frame); err != nil {
		w.t.Fatalf("%s: %v", kmsg.NameForKey(req.Key()), err)
	}
	var size [4]byte
	if _, err := io.ReadFull(w.conn, size[:]); err != nil {
		w.t.Fatalf("%s: %v", kmsg.NameForKey(req.Key()), err)
	}
	body := make([]byte, binary.BigEndian.Uint32(size[:]))
	if _, err := io.ReadFull(w.conn, body); err != nil {
		w.t.Fatalf("%s: %v", kmsg.NameForKey(req.Key()), err)
	}
	body = body[4:] // correlation id: nothing else is under way
	if req.IsFlexible() {
		body = body[1:] // no tags in the header
	}
	resp := req.ResponseKind()
	resp.SetVersion(version)
	if err := resp.ReadFrom(body); err != nil {
		w.t.Fatalf("%s: %v", kmsg.NameForKey(req.Key()), err)
	}
	return resp
}

// identity is what a coordinator gave a producer.
type identity struct {
	id    string
	pid   int64
	epoch int16
}

const initVersion = 4

// init asks for an identity, presenting one or, with pid -1, taking over.
func (w *wire) init(p identity, timeout time.Duration) (identity, int16) {
	w.t.Helper()
	req := kmsg.NewPtrInitProducerIDRequest()
	req.TransactionalID, req.TransactionTimeoutMillis = &p.id, int32(timeout.Milliseconds())
	req.ProducerID, req.ProducerEpoch = p.pid, p.epoch
	resp := w.ask(initVersion, req).(*kmsg.InitProducerIDResponse)
	return identity{p.id, resp.ProducerID, resp.ProducerEpoch}, resp.ErrorCode
}

// addPartition announces partition p of a topic, as protocol V1 does.
func (w *wire) addPartition(p identity, topic string, partition int32) int16 {
	w.t.Helper()
	req := kmsg.NewPtrAddPartitionsToTxnRequest()
	req.TransactionalID, req.ProducerID, req.ProducerEpoch = p.id, p.pid, p.epoch
	rt := kmsg.NewAddPartitionsToTxnRequestTopic()
	rt.Topic, rt.Partitions = topic, []int32{partition}
	req.Topics = append(req.Topics, rt)
	return w.ask(3, req).(*kmsg.AddPartitionsToTxnResponse).Topics[0].Partitions[0].ErrorCode
}

// end ends a transaction; version 5 is protocol V2's, and answers with the next
// identity.
func (w *wire) end(version int16, p identity, commit bool) (identity, int16) {
	w.t.Helper()
	req := kmsg.NewPtrEndTxnRequest()
	req.TransactionalID, req.ProducerID, req.ProducerEpoch, req.Commit = p.id, p.pid, p.epoch, commit
	resp := w.ask(version, req).(*kmsg.EndTxnResponse)
	return identity{p.id, resp.ProducerID, resp.ProducerEpoch}, resp.ErrorCode
}

// produce writes one record; version 12 is protocol V2's.
func (w *wire) produce(version int16, p identity, seq int32, topic string, partition int32, value string) (offset int64, code int16) {
	w.t.Helper()
	req := kmsg.NewPtrProduceRequest()
	req.TransactionID, req.Acks, req.TimeoutMillis = &p.id, -1, 10_000
	rp := kmsg.NewProduceRequestTopicPartition()
	rp.Partition, rp.Records = partition, batchOf(p, seq, value)
	rt := kmsg.NewProduceRequestTopic()
	rt.Topic, rt.Partitions = topic, append(rt.Partitions, rp)
	req.Topics = append(req.Topics, rt)
	got := w.ask(version, req).(*kmsg.ProduceResponse).Topics[0].Partitions[0]
	return got.BaseOffset, got.ErrorCode
}

// batchOf encodes a transactional batch of one record, independently of the code
// under test.
func batchOf(p identity, seq int32, value string) []byte {
	rec := kmsg.NewRecord()
	rec.Key, rec.Value = []byte(value), []byte(value)
	body := rec.AppendTo(nil)[1:] // behind a length of 0, one byte
	rec.Length = int32(len(body))
	b := kmsg.NewRecordBatch()
	const transactional, headerSize = 0x10, 61
	b.Magic, b.Attributes, b.PartitionLeaderEpoch = 2, transactional, -1
	b.FirstTimestamp, b.MaxTimestamp = time.Now().UnixMilli(), time.Now().UnixMilli()
	b.ProducerID, b.ProducerEpoch, b.FirstSequence = p.pid, p.epoch, seq
	b.NumRecords, b.Records = 1, rec.AppendTo(nil)
	b.Length = int32(headerSize - 12 + len(b.Records))
	raw := b.AppendTo(nil)
	binary.BigEndian.PutUint32(raw[17:], crc32.Checksum(raw[21:], crc32.MakeTable(crc32.Castagnoli)))
	return raw
}

// findCoordinator of a transactional id: a broker's index, or a code.
func (w *wire) findCoordinator(id string) (broker int, code int16) {
	w.t.Helper()
	req := kmsg.NewPtrFindCoordinatorRequest()
	req.CoordinatorType, req.CoordinatorKeys = 1, []string{id}
	c := w.ask(4, req).(*kmsg.FindCoordinatorResponse).Coordinators[0]
	return int(c.NodeID) - 1, c.ErrorCode
}
