package kafka

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"

	kafkago "github.com/segmentio/kafka-go"
)

var (
	// ErrClosed is returned by every call on a closed Client.
	ErrClosed = errors.New("kafka: client closed")

	// ErrFenced says that the brokers no longer accept this producer: somebody
	// else initialised the same transactional id, or the transaction outlived
	// its timeout. Init tells the two apart: it succeeds after a timeout and
	// returns ErrFenced again when there is a successor. Call it only while you
	// still hold the lease that makes you the one owner of the id.
	ErrFenced = errors.New("kafka: producer fenced")

	// ErrUnknownOutcome is returned by Commit and Abort when the request was sent
	// and no conclusive answer came: the transaction may be committed or
	// aborted. Init the producer, then read what was committed.
	ErrUnknownOutcome = errors.New("kafka: transaction outcome unknown")

	// ErrAborted says that the transaction was not and can not be committed. End
	// it with Abort, or Init the producer, before its records are sent again.
	ErrAborted = errors.New("kafka: transaction can not be committed")

	// ErrNotInitialized is returned by Begin before the first Init, and after any
	// error that leaves the state of the brokers in doubt.
	ErrNotInitialized = errors.New("kafka: producer not initialised")

	// ErrTransactionOpen is returned by Begin while a transaction is open.
	ErrTransactionOpen = errors.New("kafka: transaction still open")

	// ErrTransactionEnded is returned by the methods of a Txn after Commit or Abort.
	ErrTransactionEnded = errors.New("kafka: transaction already ended")

	// ErrRecordTooLarge says that a record does not fit in a batch, by the
	// producer's own limit (nothing was sent) or by the broker's (the error then
	// is also MESSAGE_TOO_LARGE and ErrAborted).
	ErrRecordTooLarge = errors.New("kafka: record too large")

	// ErrUnknownTopic says that a topic does not exist.
	ErrUnknownTopic = errors.New("kafka: unknown topic")

	// ErrUnauthenticated says that the brokers refused the credentials, or the way
	// in which they were offered.
	ErrUnauthenticated = errors.New("kafka: not authenticated")

	// ErrUnauthorized says that the brokers know who asks, and that they do not
	// allow it.
	ErrUnauthorized = errors.New("kafka: not authorized")

	errNoPartition = errors.New("kafka: neither a partition nor AnyPartition with a key")

	// errNoBroker: the cluster names a broker whose address the transport has not
	// learnt yet. It refreshes within a second.
	errNoBroker = errors.New("kafka: broker not in the cluster layout yet")
)

// Error is an error code of the Kafka protocol, as a broker sent it.
type Error int16

// The codes that this package decides on. Error prints the name of every code.
const (
	codeOffsetOutOfRange        Error = 1
	codeUnknownTopicOrPartition Error = 3
	codeLeaderNotAvailable      Error = 5
	codeNotLeader               Error = 6
	codeMessageTooLarge         Error = 10
	codeRecordListTooLarge      Error = 18
	codeUnsupportedVersion      Error = 35
	codeTopicAlreadyExists      Error = 36
	codeDuplicateSequence       Error = 46
	codeInvalidProducerEpoch    Error = 47
	codeInvalidTxnState         Error = 48
	codeConcurrentTransactions  Error = 51
	codeOperationNotAttempted   Error = 55
	codeTopicUnauthorized       Error = 29
	codeGroupUnauthorized       Error = 30
	codeClusterUnauthorized     Error = 31
	codeUnsupportedMechanism    Error = 33
	codeIllegalSASLState        Error = 34
	codeTxnIDUnauthorized       Error = 53
	codeAuthenticationFailed    Error = 58
	codeInvalidProducerMapping  Error = 49
	codeUnknownProducerID       Error = 59
	codeProducerFenced          Error = 90
	codeUnknownTopicID          Error = 100
	codeTransactionAbortable    Error = 120
)

// Error returns Kafka's own name of the code and its number.
func (e Error) Error() string {
	if n, ok := errorNames[e]; ok {
		return fmt.Sprintf("%s (%d)", n, int16(e))
	}
	return fmt.Sprintf("kafka error code %d", int16(e))
}

// Is makes the codes match the sentinels that stand for them.
func (e Error) Is(target error) bool {
	switch target {
	case ErrFenced:
		return e == codeInvalidProducerEpoch || e == codeProducerFenced
	case ErrRecordTooLarge:
		return e == codeMessageTooLarge || e == codeRecordListTooLarge
	case ErrUnknownTopic:
		return e == codeUnknownTopicOrPartition || e == codeUnknownTopicID
	case ErrUnauthenticated:
		return e == codeUnsupportedMechanism || e == codeIllegalSASLState || e == codeAuthenticationFailed
	case ErrUnauthorized:
		return e == codeTopicUnauthorized || e == codeGroupUnauthorized || e == codeClusterUnauthorized || e == codeTxnIDUnauthorized
	}
	return false
}

// Temporary reports whether the same request can succeed later without anybody
// doing anything about it.
func (e Error) Temporary() bool { return slices.Contains(temporary, e) }

// temporary lists what passes by itself: leaders, coordinators and replicas that
// move or load, quotas, and the transaction before this one being completed.
var temporary = []Error{2, 3, 5, 6, 7, 8, 9, 13, 14, 15, 16, 19, 20, 41, 51, 56, 74, 75, 89, 100}

// retriable reports whether repeating a call may help: a temporary code, or no
// answer at all. The caller decides whether repeating is safe.
func retriable(err error) bool {
	var code Error
	var cert *tls.CertificateVerificationError
	switch {
	case err == nil, errors.Is(err, context.Canceled), errors.Is(err, ErrClosed), errors.Is(err, errMalformed):
		return false
	case errors.As(err, &code):
		return code.Temporary()
	case errors.As(err, &cert):
		return false
	}
	return true
}

// asError turns the codes that kafka-go's transport reports by itself (dialling,
// SASL) into ours.
func asError(err error) error {
	var code kafkago.Error
	if errors.As(err, &code) {
		return fmt.Errorf("%w: %w", Error(code), err)
	}
	return err
}

// codeError is nil for code 0.
func codeError(code int16) error {
	if code == 0 {
		return nil
	}
	return Error(code)
}
