//go:build e2e

package kafka_test

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// assigned makes a topic whose partitions are on the given brokers, by index; the
// first of each leads.
func (r *rig) assigned(partitions ...[]int) string {
	r.t.Helper()
	req := kmsg.NewPtrCreateTopicsRequest()
	rt := kmsg.NewCreateTopicsRequestTopic()
	rt.Topic, rt.NumPartitions, rt.ReplicationFactor = name("events"), -1, -1
	for i, brokers := range partitions {
		ra := kmsg.NewCreateTopicsRequestTopicReplicaAssignment()
		ra.Partition, ra.Replicas = int32(i), nodes(brokers)
		rt.ReplicaAssignment = append(rt.ReplicaAssignment, ra)
		inSync := "1"
		if len(brokers) > 2 {
			inSync = "2"
		}
		rc := kmsg.NewCreateTopicsRequestTopicConfig()
		rc.Name, rc.Value = "min.insync.replicas", &inSync
		rt.Configs = []kmsg.CreateTopicsRequestTopicConfig{rc}
	}
	req.Topics, req.TimeoutMillis = append(req.Topics, rt), 30_000
	// A broker that the test before has killed may not be back yet.
	r.eventually("a topic where it is wanted", func() bool {
		code := r.wire(0).ask(5, req).(*kmsg.CreateTopicsResponse).Topics[0].ErrorCode
		if code != 0 && code != kerr.InvalidReplicaAssignment.Code {
			r.t.Fatalf("create topic: code %d", code)
		}
		return code == 0
	})
	r.eventually("leaders of "+rt.Topic, func() bool {
		return !slices.ContainsFunc(r.leaders(rt.Topic), func(broker int) bool { return broker < 0 })
	})
	return rt.Topic
}

// nodes are the ids of brokers by index.
func nodes(brokers []int) []int32 {
	out := make([]int32, len(brokers))
	for i, b := range brokers {
		out[i] = int32(b) + 1
	}
	return out
}

// leaders are the indices of the brokers that lead the partitions, -1 for none.
// A topic that is not known yet has one partition without a leader.
func (r *rig) leaders(topic string) []int {
	r.t.Helper()
	infos, err := r.direct().client().DescribeTopics(r.ctx, topic)
	if err != nil {
		return []int{-1}
	}
	var out []int
	for _, p := range infos[topic].Partitions {
		out = append(out, max(-1, int(p.Leader)-1))
	}
	return out
}

// lead makes a broker the leader of every partition of the topic: the first of
// the replicas, and elected as such.
func (r *rig) lead(topic string, partitions int32, broker int) {
	r.t.Helper()
	brokers := []int{broker, (broker + 1) % 3, (broker + 2) % 3}
	w := r.wire(broker)
	move := kmsg.NewPtrAlterPartitionAssignmentsRequest()
	mt := kmsg.NewAlterPartitionAssignmentsRequestTopic()
	mt.Topic = topic
	elect := kmsg.NewPtrElectLeadersRequest()
	et := kmsg.NewElectLeadersRequestTopic()
	et.Topic = topic
	for p := range partitions {
		mp := kmsg.NewAlterPartitionAssignmentsRequestTopicPartition()
		mp.Partition, mp.Replicas = p, nodes(brokers)
		mt.Partitions = append(mt.Partitions, mp)
		et.Partitions = append(et.Partitions, p)
	}
	move.Topics, move.TimeoutMillis = append(move.Topics, mt), 30_000
	elect.Topics, elect.TimeoutMillis = append(elect.Topics, et), 30_000
	if code := w.ask(0, move).(*kmsg.AlterPartitionAssignmentsResponse).ErrorCode; code != 0 {
		r.t.Fatalf("reassign: code %d", code)
	}
	r.eventually("the new leader of "+topic, func() bool {
		w.ask(1, elect) // refused until the reassignment is done
		return !slices.ContainsFunc(r.leaders(topic), func(b int) bool { return b != broker })
	})
}
