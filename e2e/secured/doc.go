// Package secured holds what is promised of `murmur` beside servers that let nobody
// in without TLS and credentials.
package secured
