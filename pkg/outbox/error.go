package outbox

import (
	"errors"
	"fmt"
)

// ErrInconsistent is matched by [StoreRewoundError], [LogRewoundError] and
// [TopicRecreatedError]: the database and the log contradict each other. Run
// returns these and nothing else. A restart does not help; a person decides, and
// [Relay.Adopt] carries the decision out.
var ErrInconsistent = errors.New("database and log contradict each other")

// ErrFenced is what a [Log] returns when somebody else initialised the relay's
// transactional ids.
var ErrFenced = errors.New("fenced by another initialisation")

var (
	errLeaseLost = errors.New("lease lost")
	errStepDown  = errors.New("no way through to the log, giving the lease up")
	errDrainTime = errors.New("the batch in flight did not end in time")
	// errMoved: somebody else recovered or published beside us. Reading again
	// from the start tells what is true now.
	errMoved = errors.New("another relay changed the state")
)

// StoreRewoundError says that the database is older than the log: it was
// restored from a backup, replaced, or a standby that had not received
// everything was promoted. What it lost is published already; going on would
// publish different facts under the same versions.
type StoreRewoundError struct {
	Relay string
	// StoreEpoch and StoreBatch are what the database says, LogEpoch and
	// LogBatch what the last position record says.
	StoreEpoch, LogEpoch string
	StoreBatch, LogBatch int64
}

func (e *StoreRewoundError) Error() string {
	return fmt.Sprintf("relay %s: database is older than its topics: database %s at batch %d, log written by database %s at batch %d",
		e.Relay, e.StoreEpoch, e.StoreBatch, e.LogEpoch, e.LogBatch)
}

// Is makes errors.Is(err, ErrInconsistent) true.
func (e *StoreRewoundError) Is(target error) bool { return target == ErrInconsistent }

// LogRewoundError says that the log is older than the database: committed
// records were lost, e.g. by an unclean leader election or by deleting records.
type LogRewoundError struct {
	Relay      string
	StoreBatch int64
	// LogBatch is that of the last position record; 0 when there is none.
	LogBatch int64
}

func (e *LogRewoundError) Error() string {
	return fmt.Sprintf("relay %s: log lost committed records: database at batch %d, last position record at batch %d",
		e.Relay, e.StoreBatch, e.LogBatch)
}

// Is makes errors.Is(err, ErrInconsistent) true.
func (e *LogRewoundError) Is(target error) bool { return target == ErrInconsistent }

// TopicRecreatedError says that the positions topic was deleted and created
// again since the last batch.
type TopicRecreatedError struct {
	Relay, Topic string
	// Expected is the topic id beside the stored position, Found the present one.
	Expected, Found string
}

func (e *TopicRecreatedError) Error() string {
	return fmt.Sprintf("relay %s: topic %s was deleted and created again: had id %s, has id %s",
		e.Relay, e.Topic, e.Expected, e.Found)
}

// Is makes errors.Is(err, ErrInconsistent) true.
func (e *TopicRecreatedError) Is(target error) bool { return target == ErrInconsistent }
