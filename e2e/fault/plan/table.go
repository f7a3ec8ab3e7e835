package plan

import (
	"fmt"
	"slices"
	"strings"
)

// Injected is a fault that was carried out, or could not be.
type Injected struct {
	Fault Fault
	// Part is what the role was at that moment, or the part itself.
	Part string
	Err  error
}

// Table counts the faults that were injected, by kind and by the sort of their
// targets, and says under which seeds; verdict lines follow it.
func Table(all []Injected, verdict ...string) string {
	var sorts []string
	count := make(map[Kind]map[string]int)
	failed := 0
	for _, i := range all {
		if i.Err != nil {
			failed++
			continue
		}
		sort := i.Fault.Target.Sort()
		if !slices.Contains(sorts, sort) {
			sorts = append(sorts, sort)
		}
		if count[i.Fault.Kind] == nil {
			count[i.Fault.Kind] = make(map[string]int)
		}
		count[i.Fault.Kind][sort]++
	}
	slices.Sort(sorts)
	var b strings.Builder
	row(&b, "fault", append(slices.Clone(sorts), "all"))
	total := 0
	for _, k := range Kinds() {
		cells, sum := make([]string, 0, len(sorts)+1), 0
		for _, s := range sorts {
			cells = append(cells, number(count[k][s]))
			sum += count[k][s]
		}
		row(&b, string(k), append(cells, fmt.Sprint(sum)))
		total += sum
	}
	fmt.Fprintf(&b, "%d faults injected, %d could not be\n", total, failed)
	for _, line := range verdict {
		fmt.Fprintln(&b, line)
	}
	return b.String()
}

func row(b *strings.Builder, name string, cells []string) {
	fmt.Fprintf(b, "| %-15s |", name)
	for _, c := range cells {
		fmt.Fprintf(b, " %17s |", c)
	}
	fmt.Fprintln(b)
}

// number leaves out noughts, which only hide the others.
func number(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}
