package choreography

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/murmuration-dev/murmuration/pkg/aggregate"
	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/schemas"
)

// AsyncAPI is the topics as an AsyncAPI 3.0 document in YAML: one channel a
// topic, its message with headers and Avro schema, and per service what it sends
// and what it receives.
func (p *Picture) AsyncAPI() (string, error) {
	channels, messages, operations := mapping{}, mapping{}, mapping{}
	for _, t := range p.Topics {
		message, err := p.message(t)
		if err != nil {
			return "", fmt.Errorf("topic %s: %w", t.Name, err)
		}
		channels = append(channels, field{t.Name, p.channel(t)})
		messages = append(messages, field{t.Name, message})
	}
	for _, service := range services {
		operations = append(operations, p.operations(service)...)
	}
	headers, err := headerSchema()
	if err != nil {
		return "", err
	}
	document := mapping{
		{"asyncapi", "3.0.0"},
		{"info", mapping{
			{"title", "Murmuration"},
			{"version", "1.0.0"},
			{"description", "The topics between the order, payment and inventory services. All are compacted: a record is the full public state of its key, and a later record of the key supersedes it. Keys are text, headers are text (CloudEvents 1.0, binary mode), values are Avro in Confluent framing: a zero byte, four bytes of schema id, the datum."},
			{"license", mapping{{"name", "Apache-2.0"}}},
		}},
		{"defaultContentType", aggregate.ContentType},
		{"channels", channels},
		{"operations", operations},
		{"components", mapping{{"messages", messages}, {"schemas", mapping{{"recordHeaders", headers}}}}},
	}
	var b strings.Builder
	b.WriteString("# Written by `murmur choreography --format asyncapi`; `make generate` writes it anew.\n")
	writeYAML(&b, document, "")
	return b.String(), nil
}

func (p *Picture) channel(t schemas.Topic) mapping {
	return mapping{
		{"address", t.Name},
		{"title", t.Name},
		{"description", fmt.Sprintf("Key: %s. Only the %s service writes to it. Read by: %s.", t.Key, t.Owner, strings.Join(p.Readers[t.Name], ", "))},
		{"messages", mapping{{t.Name, mapping{{"$ref", "#/components/messages/" + t.Name}}}}},
		{"bindings", mapping{{"kafka", mapping{
			{"topic", t.Name},
			{"partitions", t.Partitions},
			{"topicConfiguration", topicConfiguration(t.Configs)},
			{"bindingVersion", "0.5.0"},
		}}}},
	}
}

// topicConfiguration gives settings the types that the binding wants.
func topicConfiguration(configs map[string]string) mapping {
	settings := mapping{}
	for _, name := range slices.Sorted(maps.Keys(configs)) {
		value := any(configs[name])
		if n, err := strconv.ParseInt(configs[name], 10, 64); err == nil {
			value = n
		}
		if name == "cleanup.policy" {
			value = []any{configs[name]}
		}
		settings = append(settings, field{name, value})
	}
	return settings
}

// message is the one kind of record of a topic. The records of a relay's own
// topic have no headers.
func (p *Picture) message(t schemas.Topic) (mapping, error) {
	schema, err := ordered(t.Schema)
	if err != nil {
		return nil, err
	}
	m := mapping{
		{"name", t.Name},
		{"title", "A record of " + t.Name},
		{"contentType", aggregate.ContentType},
	}
	if events := p.events(t.Name); len(events) > 0 {
		m = append(m, field{"summary", "Written after: " + strings.Join(events, ", ") + "."},
			field{"headers", mapping{{"$ref", "#/components/schemas/recordHeaders"}}})
	} else {
		m = append(m, field{"summary", "What the service's relay has published, for its own recovery."})
	}
	return append(m,
		field{"payload", mapping{{"schemaFormat", "application/vnd.apache.avro+json;version=1.9.0"}, {"schema", schema}}},
		field{"bindings", mapping{{"kafka", mapping{
			{"key", mapping{{"type", "string"}, {"description", t.Key}}},
			{"schemaIdLocation", "payload"},
			{"schemaIdPayloadEncoding", "confluent"},
			{"bindingVersion", "0.5.0"},
		}}}},
	), nil
}

// events are the events after which a topic is written to.
func (p *Picture) events(topic string) []string {
	var events []string
	for _, w := range p.Writings {
		if w.Topic == topic {
			events = append(events, w.Events...)
		}
	}
	slices.Sort(events)
	return slices.Compact(events)
}

// operations are what one service sends and receives.
func (p *Picture) operations(service string) mapping {
	operations := mapping{}
	for _, t := range p.Topics {
		operation := func(action, summary string) mapping {
			return mapping{
				{"action", action},
				{"channel", mapping{{"$ref", "#/channels/" + t.Name}}},
				{"summary", summary},
				{"tags", []any{mapping{{"name", service}}}},
				{"messages", []any{mapping{{"$ref", "#/channels/" + t.Name + "/messages/" + t.Name}}}},
			}
		}
		if t.Owner == service {
			summary := "One record for every change that others may see."
			if states := p.states(t.Name); len(states) > 0 {
				summary += " States: " + strings.Join(states, ", ") + "."
			}
			operations = append(operations, field{service + "-sends-" + t.Name, operation("send", summary)})
		}
		if slices.Contains(p.Readers[t.Name], service) {
			operations = append(operations, field{service + "-receives-" + t.Name, operation("receive", "Reacts to: "+strings.Join(p.reactsTo(service, t.Name), ", ")+".")})
		}
	}
	return operations
}

// reactsTo are the states of a topic that a service reacts to.
func (p *Picture) reactsTo(service, topic string) []string {
	var states []string
	for _, state := range p.states(topic) {
		for _, e := range p.Edges {
			for _, r := range e.Reactions {
				needs := slices.ContainsFunc(r.Causes, func(c Cause) bool { return c.Topic == topic && c.State == state })
				if e.Service == service && needs && !slices.Contains(states, state) {
					states = append(states, state)
				}
			}
		}
	}
	return states
}

// meanings explain the headers; a header without one is a mistake.
var meanings = map[string]string{
	aggregate.HeaderSpecVersion:   "CloudEvents version.",
	aggregate.HeaderEventID:       "Names the state change: kind, id and version of the stream. The same change has the same id wherever it is seen.",
	aggregate.HeaderEventType:     "The event that led to this state, for people and tracing. Decide on the state, never on this.",
	aggregate.HeaderSource:        "The service that wrote the record.",
	aggregate.HeaderTime:          "When the event happened, UTC. Order by version, not by this.",
	aggregate.HeaderSubject:       "The record's key.",
	aggregate.HeaderContentType:   "One Avro datum in Confluent framing.",
	aggregate.HeaderVersion:       "Number of the last event included, from 1. Ascends per key and may have gaps.",
	aggregate.HeaderCorrelationID: "The same for everything that follows from one request.",
	aggregate.HeaderCausationID:   "The id of the record, the request or the intent that led here.",
	aggregate.HeaderTraceparent:   "W3C trace context.",
}

// headerSchema asks the code that writes the headers for their names.
func headerSchema() (mapping, error) {
	headers := aggregate.Envelope{Source: "/services/order", TypePrefix: "com.murmuration.order."}.Headers(
		eventstore.StreamID{Kind: "order", ID: "536365"}, 1, "Placed", eventstore.Meta{
			At: noon, Correlation: "7d1f2c", Causation: "http/7d1f2c",
			Traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
		})
	properties, required := mapping{}, []any{}
	for _, h := range headers {
		meaning, ok := meanings[h.Key]
		if !ok {
			return nil, fmt.Errorf("header %s of records is not explained", h.Key)
		}
		properties = append(properties, field{h.Key, mapping{
			{"type", "string"}, {"description", meaning}, {"examples", []any{h.Value}},
		}})
		if h.Key != aggregate.HeaderTraceparent {
			required = append(required, h.Key)
		}
	}
	return mapping{{"type", "object"}, {"required", required}, {"properties", properties}}, nil
}
