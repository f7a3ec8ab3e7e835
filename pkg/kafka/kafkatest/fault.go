package kafkatest

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Fault is what happens to requests of one API. Hold comes first, then the one of
// Code, Drop and Edit that is set; with none of them the request is relayed.
type Fault struct {
	// Key of the API; see kmsg.Key.
	Key int16
	// Match picks among the requests; nil: all. It must not change the request.
	Match func(kmsg.Request) bool
	// Times it applies: 0 is once, Always until Remove.
	Times int
	// After lets the broker handle the request first; else it never sees it,
	// unless nothing but Hold is set.
	After bool

	// Code is answered for everything that the request asks for.
	Code int16
	// Drop closes the connection instead of answering.
	Drop bool
	// Hold waits until this is closed.
	Hold <-chan struct{}
	// Edit changes the answer: the broker's with After, else one of success.
	Edit func(kmsg.Request, kmsg.Response)
}

// Always makes a Fault apply until it is removed.
const Always = -1

// answers reports whether the client gets something else than the broker's
// answer.
func (f *Fault) answers() bool { return f.Code != 0 || f.Drop || f.Edit != nil }

// respond fills in an answer to req in which everything has the code. Of the
// APIs it knows those that tests have needed.
func respond(req kmsg.Request, code int16) (kmsg.Response, error) {
	resp := req.ResponseKind()
	switch q := req.(type) {
	case *kmsg.ProduceRequest:
		respondProduce(q, resp.(*kmsg.ProduceResponse), code)
	case *kmsg.FetchRequest:
		respondFetch(q, resp.(*kmsg.FetchResponse), code)
	case *kmsg.ListOffsetsRequest:
		respondListOffsets(q, resp.(*kmsg.ListOffsetsResponse), code)
	case *kmsg.AddPartitionsToTxnRequest:
		respondAddPartitions(q, resp.(*kmsg.AddPartitionsToTxnResponse), code)
	case *kmsg.FindCoordinatorRequest:
		respondCoordinator(q, resp.(*kmsg.FindCoordinatorResponse), code)
	case *kmsg.MetadataRequest:
		respondMetadata(q, resp.(*kmsg.MetadataResponse), code)
	case *kmsg.InitProducerIDRequest:
		resp.(*kmsg.InitProducerIDResponse).ErrorCode = code
	case *kmsg.EndTxnRequest:
		resp.(*kmsg.EndTxnResponse).ErrorCode = code
	case *kmsg.JoinGroupRequest:
		resp.(*kmsg.JoinGroupResponse).ErrorCode = code
	case *kmsg.SyncGroupRequest:
		resp.(*kmsg.SyncGroupResponse).ErrorCode = code
	case *kmsg.HeartbeatRequest:
		resp.(*kmsg.HeartbeatResponse).ErrorCode = code
	case *kmsg.SASLAuthenticateRequest:
		resp.(*kmsg.SASLAuthenticateResponse).ErrorCode = code
	case *kmsg.ApiVersionsRequest:
		resp.(*kmsg.ApiVersionsResponse).ErrorCode = code
	default:
		return nil, fmt.Errorf("kafkatest: no made-up answer for %s: use After and Edit", kmsg.NameForKey(req.Key()))
	}
	return resp, nil
}

func respondProduce(q *kmsg.ProduceRequest, resp *kmsg.ProduceResponse, code int16) {
	for _, t := range q.Topics {
		rt := kmsg.NewProduceResponseTopic()
		rt.Topic, rt.TopicID = t.Topic, t.TopicID
		for _, p := range t.Partitions {
			rp := kmsg.NewProduceResponseTopicPartition()
			rp.Partition, rp.ErrorCode = p.Partition, code
			if code != 0 {
				rp.BaseOffset = -1
			}
			rt.Partitions = append(rt.Partitions, rp)
		}
		resp.Topics = append(resp.Topics, rt)
	}
}

func respondFetch(q *kmsg.FetchRequest, resp *kmsg.FetchResponse, code int16) {
	for _, t := range q.Topics {
		rt := kmsg.NewFetchResponseTopic()
		rt.Topic, rt.TopicID = t.Topic, t.TopicID
		for _, p := range t.Partitions {
			rp := kmsg.NewFetchResponseTopicPartition()
			rp.Partition, rp.ErrorCode, rp.HighWatermark = p.Partition, code, -1
			rt.Partitions = append(rt.Partitions, rp)
		}
		resp.Topics = append(resp.Topics, rt)
	}
}

func respondListOffsets(q *kmsg.ListOffsetsRequest, resp *kmsg.ListOffsetsResponse, code int16) {
	for _, t := range q.Topics {
		rt := kmsg.NewListOffsetsResponseTopic()
		rt.Topic = t.Topic
		for _, p := range t.Partitions {
			rp := kmsg.NewListOffsetsResponseTopicPartition()
			rp.Partition, rp.ErrorCode = p.Partition, code
			rt.Partitions = append(rt.Partitions, rp)
		}
		resp.Topics = append(resp.Topics, rt)
	}
}

func respondAddPartitions(q *kmsg.AddPartitionsToTxnRequest, resp *kmsg.AddPartitionsToTxnResponse, code int16) {
	for _, t := range q.Topics {
		rt := kmsg.NewAddPartitionsToTxnResponseTopic()
		rt.Topic = t.Topic
		for _, p := range t.Partitions {
			rp := kmsg.NewAddPartitionsToTxnResponseTopicPartition()
			rp.Partition, rp.ErrorCode = p, code
			rt.Partitions = append(rt.Partitions, rp)
		}
		resp.Topics = append(resp.Topics, rt)
	}
}

func respondCoordinator(q *kmsg.FindCoordinatorRequest, resp *kmsg.FindCoordinatorResponse, code int16) {
	resp.ErrorCode = code
	for _, k := range q.CoordinatorKeys {
		c := kmsg.NewFindCoordinatorResponseCoordinator()
		c.Key, c.NodeID, c.ErrorCode = k, -1, code
		resp.Coordinators = append(resp.Coordinators, c)
	}
}

func respondMetadata(q *kmsg.MetadataRequest, resp *kmsg.MetadataResponse, code int16) {
	for _, t := range q.Topics {
		rt := kmsg.NewMetadataResponseTopic()
		rt.Topic, rt.TopicID, rt.ErrorCode = t.Topic, t.TopicID, code
		resp.Topics = append(resp.Topics, rt)
	}
}
