// Package sim is a simulated platform for services that keep data consistent over
// several databases: a database, a Kafka cluster and external systems in memory,
// on a clock of its own, with everything going wrong that goes wrong. A service
// runs on it unchanged. One seed makes one schedule, so that whatever was found
// can be looked at again; thousands of schedules run in a second or two.
//
// # How
//
// A [Scenario] declares topics, services and a workload on a [World], and what must
// hold. Each [Service] states how one of its processes runs: its Start reaches the
// database, the log and the broker through the [Node] that it is given, and these
// are the very interfaces that package outbox, package inbox and package intent
// work on. Services written for package participant need no code: [NewParticipant].
//
// Everything runs in a bubble of testing/synctest. Every call that leaves a process
// takes a time of its own, drawn from the seed, and takes effect at an instant at
// which nothing else happens: so one goroutine at a time has anything to do, and
// the order of the instants is the schedule. The draws are hashes of who calls what
// for which time, not numbers from a stream: leaving out one fault changes nothing
// before it, which is what makes shrinking work.
//
// The seed also draws faults, at any call and at any time ([Kind]): processes that
// crash before or after a call takes effect, zombies that stand still and go on
// under their old identity beside a successor, requests and answers that are lost
// or late, databases, brokers and external systems that are away, units of work
// broken by a restart, rebalances, and compaction.
//
// When something does not hold, [Run] and [Explore] leave out faults and steps of
// the workload for as long as the rest still fails, and print the seed, what is
// left, and its trace.
//
// # Guarantee
//
//   - A commit is atomic and durable. One whose answer is lost is
//     eventstore.ErrOutcomeUnknown, and both truths occur. Streams are locked from
//     Load to the end of the unit; sequences of outbox rows become visible in
//     another order than they were handed out.
//   - A transaction of the log is visible as a whole or not at all, some time after
//     it was committed and partition by partition; readers of committed records stop
//     at the oldest open one; a newer initialisation fences an older one.
//   - The same seed, faults and steps with the same program are the same schedule,
//     event by event ([Result.Hash]), if the program draws its chance from package
//     jitter and asks nothing of maps and selects that chance decides.
//
// # What it does not do
//
// It finds what some schedule shows: it proves nothing. It does not interleave
// inside a process but at calls: data races are for the race detector. Requests on
// the wire are not simulated, nor the codecs of package kafka; a broker loses no
// data. There are no read models: statements are accepted, queries fail.
//
// See example_test.go for a service that is wrong, and testdata/example.txt for the
// schedule that shows it, as a failing test prints it.
package sim
