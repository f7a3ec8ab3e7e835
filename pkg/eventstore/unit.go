package eventstore

// Unit is everything that one commit writes, as data. The zero value commits
// nothing and succeeds.
type Unit struct {
	Changes []Change
	// Intents are external effects and deadlines to run after the commit. An
	// intent whose key exists already is left as it is.
	Intents []Intent
	// FinishIntents are the keys of intents that this unit brings to an end. A
	// key that does not exist (any more) is not an error.
	FinishIntents []string
	// Moves advance inbox positions, each by compare-and-set.
	Moves []Move
	// Park sets records aside; Unpark forgets them because a later record of
	// the same key superseded them.
	Park   []Parked
	Unpark []ParkedKey
	// Answers are kept for requests that carry an idempotency key.
	Answers []Answer
	// Statements keep read models, in the SQL subset that both drivers share:
	// $1 placeholders, text, bigint and blob values.
	Statements []Statement
}

// Change is what a unit does to one stream, which it must have loaded.
type Change struct {
	Stream StreamID
	// Expected is the version at which the decision was taken. The commit fails
	// with a ConflictError when the stream has moved on.
	Expected int64
	// Events are appended as Expected+1, Expected+2, …; may be empty when only
	// Observed changes.
	Events []NewEvent
	// State and Observed replace those of the stream.
	State    []byte
	Observed []byte
	// Record is what others learn of the stream at its new version; nil when
	// nothing public changed. At most one per stream and commit.
	Record *Record
}

// NewEvent is an event before it has a version.
type NewEvent struct {
	Type   string
	Schema int
	Data   []byte
	Meta   Meta
}

// Record is one message to publish: the outbox stores it as it is.
type Record struct {
	Topic   string
	Key     string
	Headers []Header
	Value   []byte
}

// Header is one text header of a Record.
type Header struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// Size is the number of bytes that the record takes before compression, with a
// bound for the framing of each part.
func (r *Record) Size() int {
	const framing = 16 // lengths, offsets and attributes of record and header
	n := framing + len(r.Key) + len(r.Value)
	for _, h := range r.Headers {
		n += framing + len(h.Key) + len(h.Value)
	}
	return n
}

// MaxRecordBytes bounds Record.Size. It stays below Kafka's default
// message.max.bytes of 1,048,588, so that a row that was accepted can always be
// published: a larger one would block the relay for ever.
const MaxRecordBytes = 900 << 10

// Move advances the inbox position of one partition.
type Move struct {
	Topic     string
	Partition int32
	// TopicID is Kafka's identity of the topic, as text. A position of a topic
	// that was deleted and created again is refused with a ConflictError.
	TopicID string
	// From is the position that the batch was read at; the commit fails with a
	// ConflictError when the stored one differs.
	From int64
	// To is the next offset to read.
	To int64
}

// Position is a stored inbox position.
type Position struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	TopicID   string `json:"topic_id"`
	Next      int64  `json:"next"`
}

// ParkedKey names what is parked: one key of one topic.
type ParkedKey struct {
	Topic string `json:"topic"`
	Key   string `json:"key"`
}

// Parked is a record that will always fail, set aside so that other keys go
// on. The record itself is kept, so that an operator can look at it.
type Parked struct {
	ParkedKey
	Partition int32    `json:"partition"`
	Offset    int64    `json:"offset"`
	Reason    string   `json:"reason"`
	At        int64    `json:"at"` // microseconds
	Headers   []Header `json:"headers,omitempty"`
	Value     []byte   `json:"value"`
}

// Answer is what a request with an idempotency key was answered. Keys are
// unique; a second answer for one key is a ConflictError.
type Answer struct {
	Key string
	// Digest identifies the request, so that a key that is used again for
	// another request is noticed.
	Digest string
	Status int
	Body   []byte
	// ExpiresAt, in microseconds, is when the answer may be forgotten.
	ExpiresAt int64
}

// Statement is one read-model statement.
type Statement struct {
	SQL  string
	Args []any // string, int64, []byte or nil
}
