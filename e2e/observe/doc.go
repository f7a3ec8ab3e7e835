// Package observe holds what operators are given to watch a platform against what
// the services really tell: dashboards and alerts ask for metrics that exist, by
// labels that they have, and lead to sections of the runbook that are there.
package observe
