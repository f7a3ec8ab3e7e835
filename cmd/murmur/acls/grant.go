package acls

import (
	"slices"

	"github.com/murmuration-dev/murmuration/pkg/kafka"
	"github.com/murmuration-dev/murmuration/pkg/participant"
	"github.com/murmuration-dev/murmuration/schemas"
	inventory "github.com/murmuration-dev/murmuration/services/inventory/app"
	order "github.com/murmuration-dev/murmuration/services/order/app"
	payment "github.com/murmuration-dev/murmuration/services/payment/app"
)

// Users beside the services, which are known by their own names.
const (
	// TopicsUser is whoever runs `murmur topics apply`.
	TopicsUser = "topics"
	// ReaderUser is whoever looks on: murmur tail, order and audit, and Kafka's own
	// console consumer as far as it needs no group.
	ReaderUser = "reader"
)

// Resource is a kind of thing at the brokers, as kafka-acls.sh names it.
type Resource string

// The resources that grants are about.
const (
	Topic           Resource = "topic"
	Group           Resource = "group"
	TransactionalID Resource = "transactional-id"
)

// Grant allows a user some operations on resources of exactly these names.
type Grant struct {
	User       string   `json:"user"`
	Principal  string   `json:"principal"`
	Resource   Resource `json:"resource"`
	Names      []string `json:"names"`
	Operations []string `json:"operations"` // as kafka-acls.sh names them; Describe is implied by Read and Write
	Why        string   `json:"why"`
}

// Users are all users that grants are for.
func Users() []string {
	var names []string
	for _, s := range services() {
		names = append(names, s.Name)
	}
	return append(names, TopicsUser, ReaderUser)
}

// Grants lists what each user must be allowed. principals give the name that a
// user has at the brokers, where it is not User: and the user's own.
func Grants(principals map[string]string) []Grant {
	var all []Grant
	for _, s := range services() {
		all = append(all, ofService(s)...)
	}
	every := make([]string, 0, len(schemas.Topics()))
	for _, t := range schemas.Topics() {
		every = append(every, t.Name)
	}
	all = append(all,
		Grant{User: TopicsUser, Resource: Topic, Names: every, Operations: []string{"Create", "Describe", "AlterConfigs"}, Why: "makes what is missing and sets what differs"},
		Grant{User: ReaderUser, Resource: Topic, Names: every, Operations: []string{"Read", "DescribeConfigs"}, Why: "looks on and audits"},
	)
	for i := range all {
		all[i].Principal = principals[all[i].User]
		if all[i].Principal == "" {
			all[i].Principal = "User:" + all[i].User
		}
	}
	return all
}

func services() []participant.Spec {
	return []participant.Spec{order.Spec(order.Config{}), payment.Spec(nil), inventory.Spec()}
}

// ofService reads what a service declares. It reads its own topics, too: its
// relay its last position, and `murmur adopt` what it published.
func ofService(s participant.Spec) []Grant {
	relay := kafka.ProducerConfig{TransactionalID: s.Name}
	own := names(slices.Concat(s.Owns, []kafka.TopicSpec{s.Positions}))
	return []Grant{
		{User: s.Name, Resource: Topic, Names: own, Operations: []string{"Write", "Read", "DescribeConfigs"}, Why: "its own, which nobody else writes"},
		{User: s.Name, Resource: TransactionalID, Names: relay.TransactionalIDs(), Operations: []string{"Write"}, Why: "its relay's, which fence"},
		{User: s.Name, Resource: Topic, Names: names(s.Reads), Operations: []string{"Read", "DescribeConfigs"}, Why: "what it reacts to"},
		{User: s.Name, Resource: Group, Names: []string{s.Name}, Operations: []string{"Read"}, Why: "its replicas divide the partitions"},
	}
}

func names(topics []kafka.TopicSpec) []string {
	out := make([]string, len(topics))
	for i, t := range topics {
		out[i] = t.Name
	}
	return out
}
