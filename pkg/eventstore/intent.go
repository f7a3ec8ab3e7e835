package eventstore

// IntentState is the life of an intent.
type IntentState string

// Pending intents wait for their due time or their next attempt; parked ones
// wait for an operator.
const (
	IntentPending IntentState = "pending"
	IntentParked  IntentState = "parked"
)

// Intent is an external effect or a deadline that must happen after a commit.
type Intent struct {
	// Key is unique: the same effect is never asked for twice while it lives.
	Key string `json:"key"`
	// Kind chooses the executor, e.g. "capture".
	Kind string `json:"kind"`
	// Stream is the stream whose state the outcome changes.
	Stream StreamID `json:"stream"`
	// Payload is what the executor needs, opaque to the store.
	Payload []byte `json:"payload,omitempty"`
	// Due is the earliest time of the next attempt, in microseconds.
	Due  int64 `json:"due"`
	Meta Meta  `json:"meta"`

	// Kept by the store:

	State     IntentState `json:"state"`
	Attempts  int         `json:"attempts"`
	LastError string      `json:"last_error,omitempty"`
}
