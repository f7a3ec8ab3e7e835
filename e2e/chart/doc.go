// Package chart holds the Helm chart to its promises: over a table of values, with
// every switch on and off, it renders what a cluster takes, and nothing that a
// cluster with restricted Pod Security, or an operations team, would refuse.
//
// The tests render with the functions that Helm's templates have, but without Helm,
// whose modules would take longer to compile than all the rest: see engine. With HELM
// naming a helm command they render with that, as `make chart` does.
//
// It does not install anything: package kubernetes does, on a cluster.
package chart
