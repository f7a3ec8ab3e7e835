//go:build race

package eventstoretest

// raceEnabled tells that everything is several times slower.
const raceEnabled = true
