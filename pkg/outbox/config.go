package outbox

import (
	"errors"
	"fmt"
	"time"
)

// Config are the settings of a relay. Zero values mean the defaults.
type Config struct {
	// Relay is the name of the relay, e.g. "order": the key of its position
	// records, the name of its lease and of its state in the database. All
	// processes that may publish the same outbox share it. Required.
	Relay string
	// PositionsTopic is a compacted topic with one partition. Required.
	PositionsTopic string
	// Owner identifies this process to people who look at the lease, e.g. the
	// host or pod name. Uniqueness does not depend on it. Required.
	Owner string

	// BatchRows bounds the rows of one Kafka transaction. From a few thousand on
	// nothing is gained; a larger batch is a larger deletion and a larger position
	// record. Default 4000, at most 10,000.
	BatchRows int
	// BatchBytes bounds the size of a batch's records; one record is always
	// allowed. Default 4 MiB, from 64 KiB to 64 MiB.
	BatchBytes int
	// PollInterval is how often an idle relay looks into the outbox without
	// being woken. Default 250 ms, from 1 ms to 1 min. A few milliseconds serve
	// an outbox into which programs write that do not tell the store.
	PollInterval time.Duration
	// Pace is the least time between the beginnings of two transactions: what one
	// costs the brokers is the same for one record and for hundreds. After one of
	// less than eight rows it is shorter in proportion: rows that come slowly leave
	// the brokers time, and are visible sooner, at the price of more transactions.
	// There is none while more rows wait than one transaction holds. Default 4 ms,
	// from 1 µs to 1 s.
	Pace time.Duration

	// LeaseTTL is how long the lease must stand still before another process
	// takes over. Default 3 s, from 100 ms to 5 min.
	LeaseTTL time.Duration
	// RenewEvery is how often the leader renews and a standby looks. Default
	// 500 ms; at most a third of LeaseTTL, so that one lost renewal is survived.
	RenewEvery time.Duration
	// StepDownAfter is how long a leader goes on trying to get through to Kafka
	// before it gives the lease up, so that a standby with a better view of the
	// brokers may try. Default 30 s, at least LeaseTTL.
	StepDownAfter time.Duration

	// DeletionWait is how long a written batch waits for the deletion of the one
	// before. After that the transaction is aborted and written again later: an
	// open one holds back every reader of committed records. Default 2 s, from
	// 10 ms to 8 s, which stays below the default transaction timeout.
	DeletionWait time.Duration
	// DrainTimeout bounds how long Run goes on after its context was cancelled,
	// to bring the batch in flight to an end. Default 5 s, up to 1 min.
	DrainTimeout time.Duration
	// MeasureEvery is how often the depth of the outbox is measured. Default
	// 5 s, from 100 ms to 5 min.
	MeasureEvery time.Duration
}

// Pauses between attempts: short enough to ride out a change of leader without
// notice, long enough not to load a database or a broker that is coming back.
const (
	retryMin = 20 * time.Millisecond
	retryMax = 5 * time.Second
)

const (
	// recoverTimeout bounds one attempt to initialise and to read the position,
	// so that what keeps failing is reported. It is above the longest
	// transaction that must be waited for (10 s, and 10 s until brokers notice).
	recoverTimeout = 30 * time.Second
	// batchTimeout bounds one batch. The restart of a broker takes 15-20 s and is
	// ridden out by repeating requests rather than by a new initialisation.
	batchTimeout = 30 * time.Second
	// complainEvery bounds the log lines about one continuing failure.
	complainEvery = 10 * time.Second
	// markEvery bounds the time for which a low mark may lag behind what was
	// published: scans walk over what lies between, and asking costs as much as
	// a scan of a few hundred rows.
	markEvery = 250 * time.Millisecond
	// rescanEvery is how often a relay with a low mark scans from the start
	// anyway: a net below the store's promise, not a part of the protocol.
	rescanEvery = 30 * time.Second
	// releaseTimeout bounds giving up the lease at the end; without it a standby
	// waits for the time-to-live, no more.
	releaseTimeout = time.Second
	// maxNameBytes bounds the names in one position record, far below the
	// largest record that a topic takes by default (1 MiB).
	maxNameBytes = 512 << 10
	// pacedRows is how many rows a transaction has that is followed by the whole
	// Pace: about as many as come in that time when the brokers are busy.
	pacedRows = 8
)

// paceAfter is the least time from the beginning of a transaction with so many rows
// to the next.
func (c Config) paceAfter(rows int) time.Duration {
	whole := min(pacedRows, c.BatchRows)
	return c.Pace * time.Duration(min(rows, whole)) / time.Duration(whole)
}

func (c Config) withDefaults() Config {
	def := func(d *time.Duration, value time.Duration) {
		if *d == 0 {
			*d = value
		}
	}
	if c.BatchRows == 0 {
		c.BatchRows = 4000
	}
	if c.BatchBytes == 0 {
		c.BatchBytes = 4 << 20
	}
	def(&c.PollInterval, 250*time.Millisecond)
	def(&c.Pace, 4*time.Millisecond)
	def(&c.LeaseTTL, 3*time.Second)
	def(&c.RenewEvery, min(500*time.Millisecond, c.LeaseTTL/3))
	def(&c.StepDownAfter, max(30*time.Second, c.LeaseTTL))
	def(&c.DeletionWait, 2*time.Second)
	def(&c.DrainTimeout, 5*time.Second)
	def(&c.MeasureEvery, 5*time.Second)
	return c
}

// Validate reports all faults at once; nil when New would accept the settings.
func (c Config) Validate() error {
	c = c.withDefaults()
	var faults []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	within := func(name string, d, low, high time.Duration) {
		check(d >= low && d <= high, "%s is %s, not between %s and %s", name, d, low, high)
	}
	check(c.Relay != "", "Relay is empty")
	check(c.PositionsTopic != "", "PositionsTopic is empty")
	check(c.Owner != "", "Owner is empty")
	check(c.BatchRows >= 1 && c.BatchRows <= 10_000, "BatchRows is %d, not between 1 and 10000", c.BatchRows)
	check(c.BatchBytes >= 64<<10 && c.BatchBytes <= 64<<20, "BatchBytes is %d, not between 64 KiB and 64 MiB", c.BatchBytes)
	within("PollInterval", c.PollInterval, time.Millisecond, time.Minute)
	within("Pace", c.Pace, time.Microsecond, time.Second)
	within("LeaseTTL", c.LeaseTTL, 100*time.Millisecond, 5*time.Minute)
	within("RenewEvery", c.RenewEvery, time.Millisecond, c.LeaseTTL/3)
	within("StepDownAfter", c.StepDownAfter, c.LeaseTTL, time.Hour)
	within("DeletionWait", c.DeletionWait, 10*time.Millisecond, 8*time.Second)
	within("DrainTimeout", c.DrainTimeout, time.Millisecond, time.Minute)
	within("MeasureEvery", c.MeasureEvery, 100*time.Millisecond, 5*time.Minute)
	return errors.Join(faults...)
}
