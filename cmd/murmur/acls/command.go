package acls

import (
	"fmt"
	"slices"
	"strings"
)

// Tool is how the brokers are reached by Kafka's own kafka-acls.sh.
type Tool struct {
	// Brokers is its --bootstrap-server.
	Brokers string
	// CommandConfig is its --command-config, the file with the credentials of an
	// administrator; may be empty.
	CommandConfig string
}

// Command is the line for a shell that makes a grant. Making it again changes
// nothing.
func (t Tool) Command(g Grant) string {
	words := []string{"kafka-acls.sh", "--bootstrap-server", t.Brokers}
	if t.CommandConfig != "" {
		words = append(words, "--command-config", t.CommandConfig)
	}
	words = append(words, "--add", "--allow-principal", g.Principal)
	for _, o := range g.Operations {
		words = append(words, "--operation", o)
	}
	for _, n := range g.Names {
		words = append(words, "--"+string(g.Resource), n)
	}
	for i, w := range words {
		words[i] = quote(w)
	}
	return strings.Join(words, " ")
}

// Script is all grants as commands, each user under a comment.
func (t Tool) Script(grants []Grant) string {
	var b strings.Builder
	for i, g := range grants {
		if i == 0 || grants[i-1].User != g.User {
			if i > 0 {
				b.WriteByte('\n')
			}
			fmt.Fprintf(&b, "# %s: %s\n", g.User, strings.Join(reasons(grants, g.User), "; "))
		}
		b.WriteString(t.Command(g) + "\n")
	}
	return b.String()
}

func reasons(grants []Grant, user string) []string {
	var out []string
	for _, g := range grants {
		if g.User == user && !slices.Contains(out, g.Why) {
			out = append(out, g.Why)
		}
	}
	return out
}

// plain are the characters that mean nothing to a shell.
const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=+:,./@%"

func quote(word string) string {
	if word != "" && strings.Trim(word, plain) == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
