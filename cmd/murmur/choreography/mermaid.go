package choreography

import (
	"fmt"
	"slices"
	"strings"

	"github.com/murmuration-dev/murmuration/schemas"
)

// Mermaid is the picture as a Markdown document with Mermaid diagrams: the
// topics, the states of each service with the table of its reactions, and one
// sequence for each journey.
func (p *Picture) Mermaid(journeys []Journey) string {
	var b strings.Builder
	b.WriteString("# Choreography\n\n")
	b.WriteString("<!-- Written by `murmur choreography`; `make generate` writes it anew. -->\n\n")
	fmt.Fprintf(&b, "Drawn from the code: one order was followed through all %d worlds that the functions `Decide`, `Evolve` and `React` of the three services can bring it to, with the latest record of each topic read at any moment, every answer of the gateway, the customer and the deadline at any moment. Every state has a way to an end, every reaction waits for a state that somebody writes, and every topic is read.\n\n", p.Worlds)
	b.WriteString("## Topics\n\n")
	b.WriteString(fence(p.topicDiagram()))
	b.WriteString("| topic | key | only writer | states | read by |\n|---|---|---|---|---|\n")
	for _, t := range p.Topics {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", t.Name, t.Key, t.Owner, strings.Join(p.states(t.Name), ", "), strings.Join(p.Readers[t.Name], ", "))
	}
	for _, service := range services {
		fmt.Fprintf(&b, "\n## %s\n\n", strings.ToUpper(service[:1])+service[1:])
		b.WriteString(fence(p.StateDiagram(service)))
		b.WriteString("| in | what comes in | commands of React | to | effects |\n|---|---|---|---|---|\n")
		for _, e := range p.Edges {
			if e.Service == service {
				fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", orNothing(e.From), e.Label, strings.Join(commandsOf(e), ", "), e.To, strings.Join(e.Effects, ", "))
			}
		}
		b.WriteString(p.guardText(service))
	}
	b.WriteString("\n## Journeys\n")
	for _, j := range journeys {
		fmt.Fprintf(&b, "\n### %s\n\n%s\n\n%s", j.Title, j.About, strings.TrimSuffix(fence(j.SequenceDiagram()), "\n"))
	}
	return b.String()
}

func (p *Picture) guardText(service string) string {
	var guards []string
	for _, g := range p.Guards {
		if g.Service == service {
			guards = append(guards, fmt.Sprintf("in %s to %s with %s", orNothing(g.From), causesText(g.Causes), g.Command))
		}
	}
	if len(guards) == 0 {
		return ""
	}
	return "\nNever met on the way of an order while every service keeps to the choreography, and reacted to all the same: " + strings.Join(guards, "; ") + ".\n"
}

func causesText(causes []Cause) string {
	texts := make([]string, len(causes))
	for i, c := range causes {
		texts[i] = c.String()
	}
	return strings.Join(texts, " and ")
}

func commandsOf(e Edge) []string {
	commands := make([]string, len(e.Reactions))
	for i, r := range e.Reactions {
		commands[i] = r.Command
	}
	return commands
}

// states are those that are written to a topic, from the start to the ends.
func (p *Picture) states(topic string) []string {
	var states []string
	for _, w := range p.Writings {
		if w.Topic == topic && w.State != "" {
			states = append(states, w.State)
		}
	}
	return states
}

func fence(diagram string) string { return "```mermaid\n" + diagram + "```\n\n" }

// topicDiagram shows which service writes to and reacts to which topic.
func (p *Picture) topicDiagram() string {
	var b strings.Builder
	b.WriteString("flowchart LR\n")
	for _, s := range services {
		fmt.Fprintf(&b, "    %s([%s])\n", s, s)
	}
	for _, t := range p.Topics {
		if len(p.states(t.Name)) == 0 && t.Name != schemas.StockLevels {
			continue // a relay's own notes
		}
		fmt.Fprintf(&b, "    topic_%s[[%s]]\n    %s --> topic_%s\n", t.Name, t.Name, t.Owner, t.Name)
		for _, reader := range p.Readers[t.Name] {
			if slices.Contains(services, reader) {
				fmt.Fprintf(&b, "    topic_%s -.-> %s\n", t.Name, reader)
			}
		}
	}
	return b.String()
}

// StateDiagram is one service as a Mermaid state diagram: every arrow with the
// observation, answer or wish that makes it. An arrow to the final point is a
// state in which an order may rest for ever.
func (p *Picture) StateDiagram(service string) string {
	var b strings.Builder
	b.WriteString("stateDiagram-v2\n")
	type arrow struct{ from, to string }
	var arrows []arrow
	labels := make(map[arrow][]string)
	var nodes []string
	for _, e := range p.Edges {
		if e.Service != service {
			continue
		}
		a := arrow{e.From, e.To}
		if labels[a] == nil {
			arrows = append(arrows, a)
		}
		label := strings.ReplaceAll(e.Label, ": ", " ")
		for _, effect := range e.Effects {
			if verb, ok := strings.CutPrefix(effect, "stock: "); ok {
				label += " / " + verb
			}
		}
		labels[a] = append(labels[a], label)
		for _, n := range []string{e.From, e.To} {
			if n != "" && !slices.Contains(nodes, n) {
				nodes = append(nodes, n)
			}
		}
	}
	for _, n := range nodes {
		if status, asked, ok := strings.Cut(n, " "); ok {
			fmt.Fprintf(&b, "    state \"%s, %s is asked\" as %s\n", status, asked, nodeID(n))
		}
	}
	for _, a := range arrows {
		fmt.Fprintf(&b, "    %s --> %s : %s\n", nodeID(a.from), nodeID(a.to), strings.Join(labels[a], "<br/>or "))
	}
	for _, n := range nodes {
		if slices.Contains(p.Ends[service], n) {
			fmt.Fprintf(&b, "    %s --> [*]\n", n)
		}
	}
	return b.String()
}

func nodeID(standing string) string {
	if standing == "" {
		return "[*]"
	}
	return strings.ReplaceAll(standing, " ", "_")
}

// SequenceDiagram is the journey as a Mermaid sequence diagram.
func (j Journey) SequenceDiagram() string {
	var b strings.Builder
	b.WriteString("sequenceDiagram\n    actor customer\n")
	// The gateway stands beside payment, the only one that talks to it.
	for _, s := range []string{schemas.OrderService, schemas.InventoryService, schemas.PaymentService, actorGateway} {
		fmt.Fprintf(&b, "    participant %s\n", s)
	}
	for _, step := range j.Steps {
		for _, c := range step.Commits {
			b.WriteString(c.sequence())
		}
	}
	return b.String()
}

func (c Commit) sequence() string {
	var b strings.Builder
	switch {
	case c.Read != nil:
		fmt.Fprintf(&b, "    %s-->>%s: %s\n", writerOf(c.Read.Topic), c.Service, c.Read.State)
	case c.Actor == actorCustomer:
		fmt.Fprintf(&b, "    customer->>%s: %s\n", c.Service, c.Input)
	case c.Actor == actorGateway:
		fmt.Fprintf(&b, "    gateway-->>%s: %s\n", c.Service, c.Input)
	case c.Actor == actorDeadline:
		fmt.Fprintf(&b, "    Note over %s: the deadline has passed\n", c.Service)
	}
	var notes []string
	for _, r := range c.Records {
		if r.State != "" {
			notes = append(notes, r.State)
		}
	}
	for _, s := range c.Stock {
		verb, _, _ := strings.Cut(s, " ")
		notes = append(notes, verb+" stock")
	}
	if len(notes) > 0 {
		fmt.Fprintf(&b, "    Note over %s: %s\n", c.Service, strings.Join(notes, "<br/>"))
	}
	if c.Asked != "" {
		parts := strings.Split(c.Asked, "/")
		fmt.Fprintf(&b, "    %s->>gateway: %s %s\n", c.Service, strings.ToUpper(parts[1]), parts[2])
	}
	return b.String()
}

func writerOf(topic string) string {
	t, _ := schemas.ByName(topic)
	return t.Owner
}
