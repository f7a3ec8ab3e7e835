package checker

import "fmt"

// Verdict is what a check found.
type Verdict struct {
	// Wrong names what is wrong, up to a bound.
	Wrong []error
	// Lost, Duplicates and OutOfOrder count records of the logs; Other everything
	// else that is wrong.
	Lost, Duplicates, OutOfOrder, Other int
}

func (v Verdict) String() string {
	return fmt.Sprintf("lost %d, duplicates %d, out of order %d, other faults %d", v.Lost, v.Duplicates, v.OutOfOrder, v.Other)
}

// Sound tells that nothing is wrong.
func (v Verdict) Sound() bool { return v.Lost+v.Duplicates+v.OutOfOrder+v.Other == 0 }

// faultLimit bounds the messages: one mistake can show a thousand times.
const faultLimit = 40

// faults collects what is wrong.
type faults struct {
	found                               []error
	lost, duplicates, outOfOrder, other int
	more                                int
}

func (f *faults) count(of *int, format string, args ...any) {
	*of++
	if len(f.found) >= faultLimit {
		f.more++
		return
	}
	f.found = append(f.found, fmt.Errorf(format, args...))
}

func (f *faults) addf(format string, args ...any) { f.count(&f.other, format, args...) }

func (f *faults) verdict() Verdict {
	v := Verdict{Wrong: f.found, Lost: f.lost, Duplicates: f.duplicates, OutOfOrder: f.outOfOrder, Other: f.other}
	if f.more > 0 {
		v.Wrong = append(v.Wrong, fmt.Errorf("and %d more", f.more))
	}
	return v
}
