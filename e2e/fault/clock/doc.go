// Package clock makes the wall clock of running programs wrong, one process at a
// time, without their help: static programs too, for which there is nothing to
// preload.
//
// A program asks for the time through the vDSO, a few functions that the kernel
// maps into every process. Shift replaces them, in the memory of one process, by
// ones that make the same system call and add an offset to the wall clock. The
// monotonic clock stays right, as it does when an administrator sets a clock.
//
// # Guarantee
//
// No thread is inside a function while it is replaced. Processes that a shifted
// one forks later are shifted too. Restore puts back what was there.
//
// # What it does not do
//
// It needs Linux on amd64 and the rights to write another process's memory;
// elsewhere it returns ErrUnsupported, or why it may not. A program that makes the
// system call itself, past the vDSO, keeps the right time.
package clock
