// Package search explores every state that a system can reach and proves
// properties of them, or returns the shortest run that breaks one.
//
// Guarantee: breadth first, over exact states. Two states are taken for one only
// if they are equal, so nothing is missed by a collision of hashes; a
// counterexample has the fewest steps possible for a property of states or
// steps; and the result, with the order in which states are found, does not
// depend on the number of workers, as long as System is a function of its
// arguments.
//
// Progress and faults: a step is progress if it happens by itself sooner or
// later (a record is read, a request arrives). All others are optional: what
// customers and faults may or may not do. A run is fair if progress that is
// possible for ever is made in the end and optional steps are finitely many.
// Run proves that under every fair schedule the system comes to a good end: the
// progress steps alone have no cycle, over all reachable states, and wherever
// no progress is possible System.End finds nothing missing. From this follows
// that every reachable state can still end.
//
// What it does not do: it keeps all states in memory, and does not reduce them;
// symmetry is for the System, which may return one representative of equals.
package search
