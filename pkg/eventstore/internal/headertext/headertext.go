// Package headertext writes headers as text that can be read in any SQL shell.
package headertext

import (
	"errors"
	"strings"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
)

var (
	escapeHeader   = strings.NewReplacer(`\`, `\\`, "\n", `\n`, ":", `\c`)
	unescapeHeader = strings.NewReplacer(`\\`, `\`, `\n`, "\n", `\c`, ":")
)

// Encode writes one "key:value" line for each header.
func Encode(headers []eventstore.Header) string {
	var b strings.Builder
	n := 0
	for _, h := range headers {
		n += len(h.Key) + len(h.Value) + 2
	}
	b.Grow(n)
	for _, h := range headers {
		escape(&b, h.Key, `\:`+"\n")
		b.WriteByte(':')
		escape(&b, h.Value, `\`+"\n") // the first colon ends the key
		b.WriteByte('\n')
	}
	return b.String()
}

func escape(b *strings.Builder, s, special string) {
	if strings.ContainsAny(s, special) {
		s = escapeHeader.Replace(s)
	}
	b.WriteString(s)
}

// Decode reads what Encode wrote.
func Decode(s string) ([]eventstore.Header, error) {
	if s == "" {
		return nil, nil
	}
	headers := make([]eventstore.Header, 0, strings.Count(s, "\n"))
	for line := range strings.Lines(s) {
		key, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		if !ok {
			return nil, errors.New("stored headers are damaged: a line without a colon")
		}
		headers = append(headers, eventstore.Header{
			Key: unescapeHeader.Replace(key), Value: unescapeHeader.Replace(value),
		})
	}
	return headers, nil
}
