package sqlite

import (
	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/eventstore/internal/headertext"
)

func encodeHeaders(headers []eventstore.Header) string { return headertext.Encode(headers) }

func decodeHeaders(s string) ([]eventstore.Header, error) { return headertext.Decode(s) }
