//go:build kubernetes

// Package kubernetes installs the chart on a real cluster and takes the platform
// through its life there: the commands of docs/kubernetes.md as they stand, an
// upgrade and everything that happens to pods while a real day of orders comes in,
// and what a person sees who has made a mistake.
//
// # What it needs
//
// A cluster that KUBECONFIG names, without the namespaces that the tests make, with
// a default storage class; kubectl, helm, docker and git. KUBERNETES_LOAD is the
// command that makes images of this machine known to the cluster, with their names
// as arguments: "kind load docker-image" by default. The images of Kafka, PostgreSQL
// and the registry are those of the chart; the cluster pulls them or has them.
// One test kills processes with SIGKILL from a privileged pod.
//
// # What it leaves behind
//
// Nothing in the cluster but volumes whose storage class retains them; and the
// images that it built, murmuration/*:dev, in the Docker Engine.
package kubernetes
