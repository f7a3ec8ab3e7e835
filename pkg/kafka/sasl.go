package kafka

import (
	"fmt"

	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/scram"
)

// Mechanism authenticates a Client; see Config.SASL.
type Mechanism = sasl.Mechanism

// ScramSHA512 authenticates by SCRAM-SHA-512 (RFC 5802, RFC 7677). It fails for
// a name or password that SASLprep (RFC 4013) forbids.
func ScramSHA512(username, password string) (Mechanism, error) {
	m, err := scram.Mechanism(scram.SHA512, username, password)
	if err != nil {
		return nil, fmt.Errorf("scram credentials: %w", err)
	}
	return m, nil
}
