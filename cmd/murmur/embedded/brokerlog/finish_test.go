package brokerlog

import (
	"context"
	"crypto/rand"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	left, right = "left", "right" // topics of one partition
	patience    = 20 * time.Second
)

// world is a broker on a data folder, which can be killed.
type world struct {
	t      *testing.T
	dir    string
	broker *kfake.Cluster
}

func start(t *testing.T, dir string) *world {
	t.Helper()
	broker, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.DataDir(dir), kfake.SeedTopics(1, left, right))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(broker.Close)
	return &world{t, dir, broker}
}

// killed is what kill -9 at this moment leaves on the disk.
func (w *world) killed() string {
	w.t.Helper()
	dir := w.t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(w.dir)); err != nil {
		w.t.Fatal(err)
	}
	return dir
}

// producer is a transactional producer; the same one after a restart.
func (w *world) producer() *kgo.Client {
	w.t.Helper()
	p, err := kgo.NewClient(kgo.SeedBrokers(w.broker.ListenAddrs()...), kgo.TransactionalID("relay"), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(p.CloseAllowingRebalance)
	return p
}

// begin writes a value to both topics in a transaction and leaves it open.
func (w *world) begin(p *kgo.Client, value string) {
	w.t.Helper()
	if err := p.BeginTransaction(); err != nil {
		w.t.Fatal(err)
	}
	for _, topic := range []string{left, right} {
		if err := p.ProduceSync(w.t.Context(), &kgo.Record{Topic: topic, Value: []byte(value)}).FirstErr(); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *world) commit(p *kgo.Client, value string) {
	w.t.Helper()
	w.begin(p, value)
	if err := p.EndTransaction(w.t.Context(), kgo.TryCommit); err != nil {
		w.t.Fatal(err)
	}
}

// expect reads both topics from the start, read-committed.
func (w *world) expect(want ...string) {
	w.t.Helper()
	for _, topic := range []string{left, right} {
		if got := w.read(topic); !slices.Equal(got, want) {
			w.t.Errorf("%s shows %v, want %v", topic, got, want)
		}
	}
}

// read returns the values up to a last one that it writes itself, outside of any
// transaction.
func (w *world) read(topic string) []string {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	c, err := kgo.NewClient(kgo.SeedBrokers(w.broker.ListenAddrs()...), kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	if err != nil {
		w.t.Fatal(err)
	}
	defer c.Close()
	const end = "end "
	last := end + rand.Text()
	if err := c.ProduceSync(ctx, &kgo.Record{Topic: topic, Value: []byte(last)}).FirstErr(); err != nil {
		w.t.Fatal(err)
	}
	var got []string
	for {
		fetched := c.PollFetches(ctx)
		if err := fetched.Err(); err != nil {
			w.t.Fatalf("read %s: %v, after %v", topic, err, got)
		}
		for _, r := range fetched.Records() {
			switch value := string(r.Value); {
			case value == last:
				return got
			case !strings.HasPrefix(value, end):
				got = append(got, value)
			}
		}
	}
}

func finish(t *testing.T, dir string, want int) {
	t.Helper()
	if got, err := Finish(dir); err != nil || got != want {
		t.Fatalf("%d markers, %v; want %d", got, err, want)
	}
}

// cut removes bytes from the end of a topic's file.
func cut(t *testing.T, dir, topic, extension string, bytes int64) {
	t.Helper()
	file := filepath.Join(dir, "partitions", topic+"-0", "0"+extension)
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(file, info.Size()-bytes); err != nil {
		t.Fatal(err)
	}
}

// markerSize is that of any control batch.
var markerSize = int64(len(marker(producer{}, true, 0, time.Time{})))

// What goes wrong without Finish: see the package documentation.
func TestFinish_EndsAnOpenTransactionForGood(t *testing.T) {
	w := start(t, t.TempDir())
	p := w.producer()
	w.commit(p, "one")
	w.begin(p, "lost")

	first := w.killed()
	finish(t, first, 2)
	w = start(t, first)
	w.expect("one")
	w.commit(w.producer(), "two")
	w.expect("one", "two")

	second := w.killed()
	finish(t, second, 0)
	w = start(t, second)
	w.expect("one", "two")
}

func TestFinish_CommitsWhatWasBeingCommitted(t *testing.T) {
	w := start(t, t.TempDir())
	w.commit(w.producer(), "one")
	torn := w.killed()
	cut(t, torn, right, ".dat", markerSize)
	cut(t, torn, right, ".idx", indexEntrySize)
	finish(t, torn, 1)
	start(t, torn).expect("one")
}

func TestFinish_CompletesTheIndexOfAnOpenBatch(t *testing.T) {
	w := start(t, t.TempDir())
	p := w.producer()
	w.commit(p, "one")
	w.begin(p, "lost")
	for _, missing := range []int64{indexEntrySize, 1} { // between batch and entry, and within the entry
		torn := w.killed()
		cut(t, torn, left, ".idx", missing)
		finish(t, torn, 2)
		again := start(t, torn)
		again.expect("one")
		again.commit(again.producer(), "two")
		again.expect("one", "two")
	}
}

func TestFinish_CutsOffABatchWrittenInPart(t *testing.T) {
	w := start(t, t.TempDir())
	p := w.producer()
	w.commit(p, "one")
	w.begin(p, "lost")
	for _, missing := range []int64{1, 30} {
		torn := w.killed()
		cut(t, torn, left, ".dat", missing)
		cut(t, torn, left, ".idx", indexEntrySize)
		finish(t, torn, 1) // in the other topic
		start(t, torn).expect("one")
	}
}

func TestFinish_CanBeKilledItself(t *testing.T) {
	w := start(t, t.TempDir())
	p := w.producer()
	w.commit(p, "one")
	w.begin(p, "lost")
	torn := w.killed()
	finish(t, torn, 2)
	cut(t, torn, right, ".idx", indexEntrySize) // killed between the last marker and its entry
	finish(t, torn, 0)
	cut(t, torn, right, ".dat", markerSize) // killed before the last marker
	cut(t, torn, right, ".idx", indexEntrySize)
	finish(t, torn, 1)
	start(t, torn).expect("one")
}

func TestFinish_LeavesACleanFolderAlone(t *testing.T) {
	w := start(t, t.TempDir())
	w.commit(w.producer(), "one")
	w.broker.Close()
	finish(t, w.dir, 0)
	start(t, w.dir).expect("one")
	finish(t, t.TempDir(), 0)
}
