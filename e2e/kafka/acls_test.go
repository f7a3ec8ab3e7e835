//go:build e2e

package kafka_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/murmuration-dev/murmuration/cmd/murmur/acls"
	"github.com/murmuration-dev/murmuration/cmd/murmur/embedded"
	"github.com/murmuration-dev/murmuration/pkg/kafka"
	"github.com/murmuration-dev/murmuration/schemas"
)

// With what `murmur acls` prints, given to Kafka's own tool, every user can do its
// work and nothing else.
func TestACLs_AllowEachUserItsWorkAndNothingElse(t *testing.T) {
	t.Parallel()
	r := newRig(t, &one)
	for _, user := range acls.Users() {
		r.user(user)
	}
	script := acls.Tool{Brokers: r.cluster.Inside()[0]}.Script(acls.Grants(nil))
	if _, err := r.cluster.Exec(r.ctx, 0, "sh", "-ec", "PATH=$PATH:/opt/kafka/bin\n"+script); err != nil {
		t.Fatal(err)
	}
	topics := r.as(acls.TopicsUser, acls.TopicsUser)
	made, err := topics.ApplyTopics(r.ctx, embedded.Topics()...)
	if err != nil || len(made) != len(schemas.Topics()) {
		t.Fatalf("the user of murmur topics apply made %v: %v", made, err)
	}
	drifted := embedded.Topics()[:1]
	drifted[0].Configs["delete.retention.ms"] = "1"
	if changed, err := topics.ApplyTopics(r.ctx, drifted...); err != nil || len(changed) != 1 {
		t.Errorf("the user of murmur topics apply changed %v: %v", changed, err)
	}
	_, err = topics.ApplyTopics(r.ctx, embedded.Topics()...)
	r.must(err)
	r.must(r.as(acls.ReaderUser, acls.ReaderUser).VerifyTopics(r.ctx, embedded.Topics()...))
	t.Run("an order is completed", func(t *testing.T) { r.sub(t).completeAnOrder() })
	for _, service := range []string{schemas.OrderService, schemas.PaymentService, schemas.InventoryService} {
		t.Run(service, func(t *testing.T) { r.sub(t).checkService(service) })
	}
	for _, user := range []string{acls.TopicsUser, acls.ReaderUser} {
		t.Run(user, func(t *testing.T) { r.sub(t).checkBystander(user, user == acls.ReaderUser) })
	}
}

func (r *rig) sub(t *testing.T) *rig {
	s := *r
	s.t = t
	return &s
}

// checkService: it writes its own topics alone, with its own ids alone, and reads
// in its own group alone.
func (r *rig) checkService(service string) {
	r.t.Helper()
	c := r.as(service, service)
	for _, topic := range schemas.Topics() {
		err := r.writeAs(c, service, topic.Name)
		if own := topic.Owner == service; own && err != nil {
			r.t.Errorf("writes its own %s: %v", topic.Name, err)
		} else if !own && !errors.Is(err, kafka.ErrUnauthorized) {
			r.t.Errorf("writes %s, which is %s's: %v", topic.Name, topic.Owner, err)
		}
	}
	for _, other := range []string{schemas.OrderService, schemas.PaymentService, schemas.InventoryService, "else"} {
		if other == service {
			continue
		}
		p, err := kafka.NewProducer(c, kafka.ProducerConfig{TransactionalID: other, TransactionTimeout: lifetime})
		r.must(err)
		r.refused("takes the transactional id of "+other, p.Init(r.ctx))
		r.refused("joins the group of "+other, r.join(c, other))
	}
	r.must(r.join(c, service))
	r.administers(c)
}

// checkBystander: it writes nothing, joins nothing, and reads if that is its work.
func (r *rig) checkBystander(user string, reads bool) {
	r.t.Helper()
	c := r.as(user, user)
	for _, topic := range schemas.Topics() {
		err := c.Scan(r.ctx, kafka.ReadCommitted, []string{topic.Name}, func(kafka.Record) error { return nil })
		if reads {
			r.must(err)
		} else {
			r.refused("reads "+topic.Name, err)
		}
	}
	p, err := kafka.NewProducer(c, kafka.ProducerConfig{TransactionalID: user, TransactionTimeout: lifetime})
	r.must(err)
	r.refused("takes a transactional id", p.Init(r.ctx))
	r.refused("joins a group", r.join(c, user))
	if reads {
		r.administers(c)
		return
	}
	_, err = c.ApplyTopics(r.ctx, kafka.TopicSpec{Name: name("else"), Partitions: 1})
	r.refused("creates a topic of another name", err)
}

// administers: it can neither create a topic nor change one.
func (r *rig) administers(c *kafka.Client) {
	r.t.Helper()
	_, err := c.ApplyTopics(r.ctx, kafka.TopicSpec{Name: name("else"), Partitions: 1})
	r.refused("creates a topic", err)
	for _, topic := range embedded.Topics() {
		topic.Configs["delete.retention.ms"] = "1"
		_, err := c.ApplyTopics(r.ctx, topic)
		r.refused("changes "+topic.Name, err)
	}
	r.must(r.as(acls.ReaderUser, acls.ReaderUser).VerifyTopics(r.ctx, embedded.Topics()...))
}

func (r *rig) refused(what string, err error) {
	r.t.Helper()
	if !errors.Is(err, kafka.ErrUnauthorized) {
		r.t.Errorf("%s: %v", what, err)
	}
}

// writeAs writes to a topic in a transaction that is aborted: what is in there is
// the services'.
func (r *rig) writeAs(c *kafka.Client, id, topic string) error {
	r.t.Helper()
	p, err := kafka.NewProducer(c, kafka.ProducerConfig{TransactionalID: id, TransactionTimeout: lifetime})
	r.must(err)
	r.must(p.Init(r.ctx))
	txn, err := p.Begin()
	r.must(err)
	err = txn.Produce(r.ctx, records(topic, 0, "never to be seen")...)
	if ended := txn.Abort(r.ctx); err == nil && ended != nil {
		return ended
	}
	return err
}

// join reads what the service reads, in a group, until there is an assignment.
func (r *rig) join(c *kafka.Client, group string) error {
	r.t.Helper()
	var reads []string
	for _, g := range acls.Grants(nil) {
		if g.Resource == acls.Topic && g.User == group && !slices.Contains(g.Operations, "Write") {
			reads = g.Names
		}
	}
	if len(reads) == 0 {
		reads = []string{schemas.Orders}
	}
	ctx, cancel := context.WithCancel(r.ctx)
	defer cancel()
	var failed []string
	err := kafka.RunGroup(ctx, c, kafka.GroupConfig{ID: group, Topics: reads, OnError: func(err error) { failed = append(failed, err.Error()) }},
		func(ctx context.Context, a *kafka.Assignment) error {
			defer cancel()
			if len(a.Partitions) == 0 {
				return nil
			}
			return a.CommitOffsets(ctx, map[kafka.TopicPartition]int64{a.Partitions[0]: 0})
		})
	if err == nil && len(failed) > 0 {
		r.t.Logf("group %s: %s", group, strings.Join(failed, "; "))
	}
	return err
}
