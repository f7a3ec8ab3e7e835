// Package audit compares all that a platform keeps: the logs of its topics, the
// event stores and state rows of its services, the positions between them, and
// the card gateway's ledger.
//
// # Guarantee
//
//   - [Check] is a pure function of a [Snapshot]. It names each exception with its
//     key, and offset and version where there are any, and it says what it could
//     not claim.
//   - A snapshot that is Settled is one cut: nothing was in flight before and
//     after it was collected, and nothing moved in between.
//   - In any other snapshot an order is judged only if it is at rest: each
//     service has seen the latest version of the others, and nothing is pending
//     for it. What is in flight is listed with its age, and never accused.
//
// # What it does not do
//
// It changes nothing and repairs nothing. Records that compaction removed cannot
// be counted: below the compaction lag it claims that versions ascend and that
// the last record of a key says what the events say, no more. It asks the
// services for what their events give, and so trusts their event stores to be
// what was once decided.
//
//	snapshot, err := audit.Collect(ctx, addresses, audit.Options{Wait: 30 * time.Second})
//	if err != nil {
//		return err
//	}
//	report := audit.Check(snapshot)
package audit
