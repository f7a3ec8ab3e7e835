//go:build e2e

// Package settings is what an operator sees of services that are set wrongly, or
// whose Kafka, PostgreSQL or schema registry does not answer: within ten seconds
// each says which setting it is and what was expected. Wrong settings end it with
// exit code 78. What cannot be reached is tried again, without a flood of lines, and
// orders are accepted meanwhile wherever the service's own database answers.
package settings
