package choreography

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/murmuration-dev/murmuration/schemas"
	"github.com/murmuration-dev/murmuration/services/inventory"
	"github.com/murmuration-dev/murmuration/services/payment"
)

// The journeys are texts: a line that begins with "> " is a command, and what
// follows it is what happened. Those in variants repeat a journey with records
// that come late, again, or not at all.
//
//go:embed journeys
var journeyFiles embed.FS

// Journey is one story of one order, told by running it.
type Journey struct {
	Name  string // of its file
	Title string
	About string
	Steps []Step
}

// Step is one command of a journey and what came of it.
type Step struct {
	Command string
	Commits []Commit
	// Refusal is why nothing came of it.
	Refusal string
}

// Journeys runs all journeys of a folder, "" for the main ones, and returns them
// by name. An error is a command that cannot be understood or carried out.
func Journeys(system System, folder string) ([]Journey, error) {
	dir := path.Join("journeys", folder)
	entries, err := fs.ReadDir(journeyFiles, dir)
	if err != nil {
		return nil, err
	}
	var all []Journey
	for _, entry := range entries {
		if entry.IsDir() {
			continue
		}
		text, err := fs.ReadFile(journeyFiles, path.Join(dir, entry.Name()))
		if err != nil {
			return nil, err
		}
		j, err := run(system, strings.TrimSuffix(entry.Name(), ".txt"), string(text))
		if err != nil {
			return nil, fmt.Errorf("journey %s: %w", entry.Name(), err)
		}
		all = append(all, j)
	}
	return all, nil
}

// run reads the commands of a journey and carries them out.
func run(system System, name, text string) (Journey, error) {
	j := Journey{Name: name}
	t := newTeller(system)
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		comment, isComment := strings.CutPrefix(line, "# ")
		command, isCommand := strings.CutPrefix(line, "> ")
		switch {
		case isComment && j.Title == "":
			j.Title = comment
		case isComment && len(j.Steps) == 0:
			j.About = strings.TrimSpace(j.About + " " + comment)
		case isCommand:
			step, err := t.tell(command)
			if err != nil {
				return j, fmt.Errorf("%q: %w", command, err)
			}
			j.Steps = append(j.Steps, step)
		}
	}
	return j, nil
}

// Transcript is the journey as text: commands in, records out, in order.
func (j Journey) Transcript() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n", j.Title)
	if j.About != "" {
		fmt.Fprintf(&b, "# %s\n", j.About)
	}
	for _, step := range j.Steps {
		fmt.Fprintf(&b, "\n> %s\n", step.Command)
		if step.Refusal != "" {
			fmt.Fprintf(&b, "refused    %s\n", step.Refusal)
		}
		for _, c := range step.Commits {
			b.WriteString(c.transcript())
		}
	}
	return b.String()
}

func (c Commit) transcript() string {
	var b strings.Builder
	what := c.input()
	if c.Read != nil {
		what = fmt.Sprintf("reads %s v%d %s", c.Read.Topic, c.Read.Version, c.Read.State)
	}
	commands := make([]string, len(c.Reactions))
	for i, r := range c.Reactions {
		commands[i] = r.Command
	}
	outcome := ": nothing to do"
	switch {
	case c.Known:
		outcome = ": known"
	case len(c.Events) > 0 && len(commands) > 0:
		outcome = ": " + strings.Join(commands, ", ") + " → " + strings.Join(c.Events, ", ")
	case len(c.Events) > 0:
		outcome = " → " + strings.Join(c.Events, ", ")
	}
	fmt.Fprintf(&b, "%-10s %s%s\n", c.Service, what, outcome)
	for _, r := range c.Records {
		fmt.Fprintf(&b, "%-10s   %s\n", "", r)
	}
	if c.Asked != "" {
		fmt.Fprintf(&b, "%-10s   asks the gateway %s\n", "", c.Asked)
	}
	return b.String()
}

// teller carries out the commands of one journey.
type teller struct {
	engine *engine
	world  world
	// read is how far each service has read each topic: the next offset.
	read map[string]map[string]int64
	// refusals are what the gateway will refuse, by kind, with its reason.
	refusals map[payment.Kind]string
}

func newTeller(system System) *teller {
	t := &teller{
		engine:   &engine{system: system, now: noon},
		world:    world{Stock: make(map[string]side[inventory.StockState, struct{}])},
		read:     make(map[string]map[string]int64),
		refusals: make(map[payment.Kind]string),
	}
	for _, s := range services {
		t.read[s] = make(map[string]int64)
	}
	return t
}

// next is the first record that a service has not read, of the topics it reads.
func (t *teller) next(reader string, topics ...string) (Record, bool) {
	for _, r := range t.world.Log {
		observes := slices.Contains(readersOf[r.Topic], reader)
		if observes && r.Offset >= t.read[reader][r.Topic] && (len(topics) == 0 || slices.Contains(topics, r.Topic)) {
			return r, true
		}
	}
	return Record{}, false
}

// deliver lets a service read one record.
func (t *teller) deliver(reader string, r Record) (Commit, error) {
	t.read[reader][r.Topic] = r.Offset + 1
	return t.commit(t.engine.read(t.world, reader, r))
}

// answer lets the gateway answer what it was asked.
func (t *teller) answer(asked payment.GatewayCommand) (Commit, error) {
	reason, refuses := t.refusals[asked.Kind]
	said := answers(asked, reason)
	chosen := said[0]
	if refuses && len(said) > 1 {
		chosen = said[1]
	}
	return t.commit(t.engine.commitPayment(t.world, Commit{Actor: actorGateway, Input: chosen.words}, chosen.command))
}

// secondsPerCommit keeps the moments of a transcript apart.
const secondsPerCommit = 1_000_000

func (t *teller) commit(w world, c Commit, err error) (Commit, error) {
	if err != nil {
		return c, err
	}
	t.world = w
	t.engine.now += secondsPerCommit
	return c, nil
}

// quiet runs until nothing happens by itself: records in the order in which they
// were written, then the gateway.
func (t *teller) quiet(without []string) ([]Commit, error) {
	var commits []Commit
	for range maxSteps {
		c, more, err := t.once(without)
		if err != nil || !more {
			return commits, err
		}
		commits = append(commits, c)
	}
	return commits, fmt.Errorf("after %d steps something still goes on", maxSteps)
}

// maxSteps bounds a run: a journey has some dozen steps.
const maxSteps = 500

func (t *teller) once(without []string) (c Commit, more bool, err error) {
	var first *Record
	var by string
	for _, reader := range []string{schemas.PaymentService, schemas.InventoryService, schemas.OrderService} {
		if slices.Contains(without, reader) {
			continue
		}
		if r, ok := t.next(reader); ok && (first == nil || r.Offset < first.Offset) {
			first, by = &r, reader
		}
	}
	if first != nil {
		c, err = t.deliver(by, *first)
		return c, true, err
	}
	if asked, ok := t.world.Payment.State.Pending(); ok && !slices.Contains(without, "gateway") {
		c, err = t.answer(asked)
		return c, true, err
	}
	return c, false, nil
}
