// Package drill carries schedules of faults out on a platform in containers.
//
// # Guarantee
//
// What a fault broke is mended before the next one of its lane, and everything
// before Run returns, unless an entry of its result says otherwise. No part is
// broken twice at a time. Roles, such as the leader of a topic, are looked up when
// their fault begins.
//
// # What it does not do
//
// It judges nothing. It needs a Docker Engine on this machine; delays and clocks
// need the rights of root as well (see Lacking).
package drill
