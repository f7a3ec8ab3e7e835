// Package eventstoretest is the suite that every driver of package eventstore
// passes. A driver's tests call [Main] first in TestMain, and [Run] with a
// function that opens a fresh store:
//
//	func TestMain(m *testing.M) {
//		eventstoretest.Main(openDSN)
//		goleak.VerifyTestMain(m)
//	}
//
//	func TestStore(t *testing.T) { eventstoretest.Run(t, openFresh) }
//
// It proves the written contract of the port, and makes the sequences of steps
// happen that break a naive store. It does not measure speed, nor does it test
// what only one driver has.
package eventstoretest
