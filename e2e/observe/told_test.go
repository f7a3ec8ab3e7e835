package observe

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strings"
)

// family is a metric as it is told.
type family struct {
	kind   string // counter, gauge or histogram
	labels map[string]bool
}

// told are metrics by the names of their series.
type told map[string]family

// targetLabels are those that Prometheus gives to what it reads from a process; see
// the chart's ServiceMonitor.
var targetLabels = []string{"namespace", "release", "service", "pod", "job", "instance"}

var (
	series = regexp.MustCompile(`^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? \S+$`)
	label  = regexp.MustCompile(`([a-zA-Z_][a-zA-Z0-9_]*)="(?:[^"\\]|\\.)*"`)
)

// scrape adds what a service tells.
func (m told) scrape(ctx context.Context, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	answer, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, answer.Status)
	}
	kinds := map[string]string{}
	lines := bufio.NewScanner(answer.Body)
	for lines.Scan() {
		if typed, ok := strings.CutPrefix(lines.Text(), "# TYPE "); ok {
			name, kind, _ := strings.Cut(typed, " ")
			kinds[name] = kind
			continue
		}
		of := series.FindStringSubmatch(lines.Text())
		if of == nil {
			continue
		}
		f, known := m[of[1]]
		if !known {
			f = family{kindOf(kinds, of[1]), map[string]bool{}}
			m[of[1]] = f
		}
		for _, l := range label.FindAllStringSubmatch(of[2], -1) {
			f.labels[l[1]] = true
		}
	}
	return lines.Err()
}

// kindOf is that of a series, which of a histogram has another name than it.
func kindOf(kinds map[string]string, name string) string {
	for _, suffix := range []string{"", "_bucket", "_sum", "_count"} {
		if kind, ok := kinds[strings.TrimSuffix(name, suffix)]; ok && strings.HasSuffix(name, suffix) {
			return kind
		}
	}
	return ""
}
