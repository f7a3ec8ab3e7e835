package run

import "errors"

// Exit codes. Supervisors and scripts rely on them, so a code never changes
// its meaning.
const (
	// ExitOK: done, or stopped as asked.
	ExitOK = 0
	// ExitFailure: any error without a code of its own.
	ExitFailure = 1
	// ExitUsage: wrong arguments on the command line.
	ExitUsage = 2
	// ExitInconsistent: the data contradicts itself or its promises. A restart
	// does not help and can do harm; a person has to look.
	ExitInconsistent = 3
	// ExitTempFail: something needed was not available (EX_TEMPFAIL of
	// sysexits); the same command may succeed later.
	ExitTempFail = 75
	// ExitConfig: wrong settings (EX_CONFIG of sysexits); a restart with the
	// same settings fails again.
	ExitConfig = 78
)

// codedError is an error that decides the exit code.
type codedError struct {
	code int
	err  error
}

func (e *codedError) Error() string { return e.err.Error() }
func (e *codedError) Unwrap() error { return e.err }

// ConfigError marks err as caused by wrong settings: [ExitConfig]. Nil stays
// nil, here and in the functions below.
func ConfigError(err error) error { return coded(ExitConfig, err) }

// UsageError marks err as caused by wrong arguments: [ExitUsage].
func UsageError(err error) error { return coded(ExitUsage, err) }

// InconsistentError marks err as a contradiction in the data:
// [ExitInconsistent].
func InconsistentError(err error) error { return coded(ExitInconsistent, err) }

// TempFailError marks err as worth another try later: [ExitTempFail].
func TempFailError(err error) error { return coded(ExitTempFail, err) }

func coded(code int, err error) error {
	if err == nil {
		return nil
	}
	return &codedError{code: code, err: err}
}

// ExitCode says with which code a program that ended with err exits: the code
// of the first marked error in err's tree, [ExitFailure] without one, and
// [ExitOK] for nil. In what [All] and [Stages] return the first one is the one
// that occurred first.
func ExitCode(err error) int {
	if err == nil {
		return ExitOK
	}
	var marked *codedError
	if errors.As(err, &marked) {
		return marked.code
	}
	return ExitFailure
}
