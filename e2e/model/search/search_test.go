package search

import (
	"errors"
	"slices"
	"testing"
)

// grid is a walk from (0,0) to the right and up. What is off the walk is said by
// its fields.
type grid struct {
	size  int
	check func(point) string
	end   func(point) string
	more  func(point) []Step[point, string]
}

type point struct{ x, y int }

func (g grid) Initial() point { return point{} }

func (g grid) Next(p point, steps []Step[point, string]) []Step[point, string] {
	if p.x+1 < g.size {
		steps = append(steps, Step[point, string]{To: point{p.x + 1, p.y}, Move: "right", Progress: true})
	}
	if p.y+1 < g.size {
		steps = append(steps, Step[point, string]{To: point{p.x, p.y + 1}, Move: "up", Progress: true})
	}
	if g.more != nil {
		steps = append(steps, g.more(p)...)
	}
	return steps
}

func (g grid) Check(p point) string {
	if g.check == nil {
		return ""
	}
	return g.check(p)
}

func (g grid) End(p point) string {
	if g.end == nil {
		return ""
	}
	return g.end(p)
}

func run(t *testing.T, g grid) Result[point, string] {
	t.Helper()
	r, err := Run(g, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func moves(v *Violation[point, string]) []string {
	var out []string
	for _, s := range v.Run {
		out = append(out, s.Move)
	}
	return out
}

func TestRun_CountsEveryStateOnce(t *testing.T) {
	const size = 300 // several blocks for several workers, and more than a page
	r := run(t, grid{size: size})
	if r.States != size*size || r.Transitions != 2*size*(size-1) || r.Depth != 2*(size-1) || r.Ends != 1 || r.Longest != 2*(size-1) {
		t.Fatalf("got %+v", r)
	}
	if r.Violation != nil {
		t.Fatal(r.Violation.Property)
	}
}

func TestRun_FindsTheShortestWayToABrokenState(t *testing.T) {
	r := run(t, grid{size: 50, check: func(p point) string {
		if p.x*p.y == 6 {
			return "six"
		}
		return ""
	}})
	if r.Violation == nil || r.Violation.Property != "six" || len(r.Violation.Run) != 5 || r.Violation.Cycle != -1 {
		t.Fatalf("got %+v", r.Violation)
	}
	if end := r.Violation.Run[4].To; end.x*end.y != 6 {
		t.Fatalf("it leads to %v", end)
	}
}

func TestRun_PrefersABrokenStateToALaterBrokenStep(t *testing.T) {
	g := grid{size: 10}
	g.more = func(p point) []Step[point, string] {
		if (p == point{0, 3}) {
			return []Step[point, string]{{To: p, Move: "stumble", Breaks: "step"}}
		}
		return nil
	}
	g.check = func(p point) string {
		if (p == point{3, 0}) {
			return "state"
		}
		return ""
	}
	if r := run(t, g); r.Violation.Property != "state" || len(r.Violation.Run) != 3 {
		t.Fatalf("got %+v", r.Violation)
	}
	g.check = nil
	if r := run(t, g); r.Violation.Property != "step" || !slices.Equal(moves(r.Violation), []string{"up", "up", "up", "stumble"}) {
		t.Fatalf("got %+v", r.Violation)
	}
}

func TestRun_FindsABadEnd(t *testing.T) {
	r := run(t, grid{size: 3, end: func(point) string { return "stuck" }})
	if r.Violation == nil || r.Violation.Property != "stuck" || len(r.Violation.Run) != 4 {
		t.Fatalf("got %+v", r.Violation)
	}
}

func TestRun_FindsACircleOfProgress(t *testing.T) {
	back := func(progress bool) func(point) []Step[point, string] {
		return func(p point) []Step[point, string] {
			if (p == point{2, 1}) {
				return []Step[point, string]{{To: point{1, 1}, Move: "back", Progress: progress}}
			}
			return nil
		}
	}
	r := run(t, grid{size: 4, more: back(true)})
	v := r.Violation
	if v == nil || v.Cycle != 2 || !slices.Equal(moves(v)[2:], []string{"right", "back"}) {
		t.Fatalf("got %+v", v)
	}
	if r := run(t, grid{size: 4, more: back(false)}); r.Violation != nil {
		t.Fatalf("an optional step is no progress: %+v", r.Violation)
	}
}

func TestRun_StopsAtItsBound(t *testing.T) {
	r, err := Run(grid{size: 100}, Options{MaxStates: 500})
	if !errors.Is(err, ErrTooLarge) || r.States <= 500 || r.Violation != nil {
		t.Fatalf("got %+v, %v", r, err)
	}
}

func TestRun_DoesNotDependOnTheNumberOfWorkers(t *testing.T) {
	g := grid{size: 300, check: func(p point) string {
		if p.x+p.y == 500 {
			return "far"
		}
		return ""
	}}
	var want []string
	for _, workers := range []int{1, 2, 5} {
		r, err := Run(g, Options{Workers: workers})
		if err != nil || r.Violation == nil {
			t.Fatal(r, err)
		}
		if want == nil {
			want = moves(r.Violation)
		}
		if !slices.Equal(moves(r.Violation), want) {
			t.Fatalf("with %d workers another run was found", workers)
		}
	}
}
