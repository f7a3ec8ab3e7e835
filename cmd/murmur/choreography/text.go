package choreography

import (
	"fmt"
	"strings"
	"text/tabwriter"
)

// Text is the picture for a terminal.
func (p *Picture) Text() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "TOPIC\tWRITER\tSTATES\tREAD BY")
	for _, t := range p.Topics {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", t.Name, t.Owner, strings.Join(p.states(t.Name), " "), strings.Join(p.Readers[t.Name], ", "))
	}
	_ = w.Flush() // into memory
	for _, service := range services {
		fmt.Fprintf(&b, "\n%s\n", service)
		fmt.Fprintln(w, "  IN\tWHAT COMES IN\tTO\tREACTIONS\tEFFECTS")
		for _, e := range p.Edges {
			if e.Service != service {
				continue
			}
			from := e.From
			if from == "" {
				from = "-"
			}
			fmt.Fprintf(w, "  %s\t%s\t%s\t%s\t%s\n", from, e.Label, e.To, strings.Join(commandsOf(e), ", "), strings.Join(e.Effects, ", "))
		}
		_ = w.Flush() // into memory
		fmt.Fprintf(&b, "  may rest in %s\n", strings.Join(p.Ends[service], ", "))
		for _, g := range p.Guards {
			if g.Service == service {
				fmt.Fprintf(&b, "  guard: in %s, %s: %s\n", orNothing(g.From), causesText(g.Causes), g.Command)
			}
		}
	}
	fmt.Fprintf(&b, "\n%d worlds of one order explored: every state has a way to an end, every reaction a writer, every topic a reader.\n", p.Worlds)
	return b.String()
}
