// Package image holds what is promised of the container images: how they are built,
// what they say of themselves, and what is in them.
package image
