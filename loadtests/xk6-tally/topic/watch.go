package topic

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"tally.internal/xk6-tally/operands"
)

// The topics of Tally, as their contracts name them.
const (
	Sums        = "tally.sums.v1"
	DeadLetters = Sums + ".dlt"
)

const (
	connectWait   = 30 * time.Second
	lookAgain     = 100 * time.Millisecond
	examplesMax   = 5
	lettersMax    = 10_000 // dead letters kept: poison is five records, the rest is somebody else's
	recordsAtOnce = 10_000
)

// Settings say where Kafka and the registry are, and what to do with the run's records.
type Settings struct {
	Kafka    []string // HOST:PORT
	Registry string   // a URL
	Tag      operands.Tag
	// Record is called for each sound record of the run, in each partition's order, by the watch's goroutine.
	Record func(id operands.ID, sum operands.Int128) error
}

// Place is a record's place in the sums topic.
type Place struct {
	Partition int32 `json:"partition"`
	Offset    int64 `json:"offset"`
}

// Found is what the watch found; the run's sound records went to Settings.Record.
type Found struct {
	Records        uint64
	Wrong          uint64 // records with the run's tag that are not sound
	WrongExamples  []string
	PoisonSent     int
	PoisonUnjudged int // poison that the dead-letter topic does not show exactly once with its reason
}

// letter is a dead letter: the place and the reason of what could not be counted.
type letter struct {
	place  Place
	reason string
}

// partition is one of a topic's.
type partition struct {
	topic  string
	number int32
}

// Watch reads the sums topic and the dead-letter topic beside the load.
//
// Theory of operation. Start asks for the topics' present ends and begins there, in no group; one goroutine reads until
// Finish. Control records are kept, so that the position of a partition reaches its end although the last record of a
// transaction is a marker. Finish asks for the ends once more and waits until every position is there: what was
// acknowledged was committed before that, so a record that has not come by then is lost, and nobody waits in vain.
type Watch struct {
	settings   Settings
	client     *kgo.Client
	registry   *registry
	partitions int
	stop       context.CancelFunc
	stopped    chan struct{}

	mutex     sync.Mutex
	positions map[partition]int64 // the next offset to read
	letters   map[letter]int
	poison    map[Place]string
	found     Found
	err       error
}

// Start begins to read at the topics' present ends. The context is for the start alone.
func Start(ctx context.Context, settings Settings) (*Watch, error) {
	ctx, cancel := context.WithTimeout(ctx, connectWait)
	defer cancel()
	client, err := kgo.NewClient(kgo.SeedBrokers(settings.Kafka...))
	if err != nil {
		return nil, fmt.Errorf("kafka %q: %w", strings.Join(settings.Kafka, ","), err)
	}
	defer client.Close()
	ends, err := endsOf(ctx, client)
	if err != nil {
		return nil, fmt.Errorf("Kafka cannot be read at %s: %w", strings.Join(settings.Kafka, ","), err)
	}
	w := &Watch{
		settings: settings, registry: newRegistry(settings.Registry),
		stopped: make(chan struct{}), positions: map[partition]int64{},
		letters: map[letter]int{}, poison: map[Place]string{},
	}
	from := map[string]map[int32]kgo.Offset{Sums: {}, DeadLetters: {}}
	for each, end := range ends {
		w.positions[each] = end
		from[each.topic][each.number] = kgo.NewOffset().At(end)
	}
	w.partitions = len(from[Sums])
	// The registry is asked now, so that a wrong address is told before the load and not after it.
	if _, err := w.registry.latest(ctx, Sums+"-value"); err != nil {
		return nil, err
	}
	w.client, err = kgo.NewClient(
		kgo.SeedBrokers(settings.Kafka...),
		kgo.ConsumePartitions(from),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.KeepControlRecords(),
		kgo.ConsumeResetOffset(kgo.NoResetOffset()), // an offset that is gone must be an error, not a silent jump
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.FetchMaxPartitionBytes(1<<20),
	)
	if err != nil {
		return nil, err
	}
	running, stop := context.WithCancel(context.Background())
	w.stop = stop
	go w.run(running)
	return w, nil
}

// Records tells how many records of the run were read until now.
func (w *Watch) Records() uint64 {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return w.found.Records
}

// Finish reads on to the topics' ends and until every dead letter came, or until the time or the context is over.
func (w *Watch) Finish(ctx context.Context, wait time.Duration) (Found, error) {
	defer w.Close()
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	ends, err := endsOf(ctx, w.client)
	if err != nil {
		return Found{}, fmt.Errorf("the ends of the topics cannot be had: %w", err)
	}
	for !w.done(ends) && ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-time.After(lookAgain):
		}
	}
	w.Close()
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.found.PoisonSent = len(w.poison)
	for place, reason := range w.poison {
		if w.letters[letter{place, reason}] != 1 {
			w.found.PoisonUnjudged++
		}
	}
	if w.err != nil {
		return w.found, fmt.Errorf("the topic could not be read to its end: %w", w.err)
	}
	if behind := w.behind(ends); behind > 0 {
		return w.found, fmt.Errorf("the topic was not read to its end within %s: %d offsets are left "+
			"(a transaction may be open)", wait, behind)
	}
	return w.found, nil
}

// Close ends the reading. It may be called again.
func (w *Watch) Close() {
	w.stop()
	<-w.stopped
	w.client.Close()
}

func (w *Watch) done(ends map[partition]int64) bool {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if w.err != nil {
		return true
	}
	judged := 0
	for place, reason := range w.poison {
		judged += min(1, w.letters[letter{place, reason}])
	}
	return w.behind(ends) == 0 && judged == len(w.poison)
}

// behind tells how many offsets of the sums topic are still to be read.
func (w *Watch) behind(ends map[partition]int64) (left int64) {
	for each, end := range ends {
		if each.topic == Sums {
			left += max(0, end-w.positions[each])
		}
	}
	return left
}

func (w *Watch) run(ctx context.Context) {
	defer close(w.stopped)
	for ctx.Err() == nil {
		fetches := w.client.PollRecords(ctx, recordsAtOnce)
		err := fetches.Err0()
		fetches.EachError(func(topic string, number int32, cause error) {
			err = errors.Join(err, fmt.Errorf("%s partition %d: %w", topic, number, cause))
		})
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			err = w.look(ctx, fetches)
		}
		if err != nil && ctx.Err() == nil {
			w.mutex.Lock()
			w.err = err
			w.mutex.Unlock()
			return
		}
	}
}

func (w *Watch) look(ctx context.Context, fetches kgo.Fetches) error {
	for records := fetches.RecordIter(); !records.Done(); {
		record := records.Next()
		if err := w.lookAt(ctx, record); err != nil {
			return err
		}
		w.mutex.Lock()
		w.positions[partition{record.Topic, record.Partition}] = record.Offset + 1
		w.mutex.Unlock()
	}
	return nil
}

func (w *Watch) lookAt(ctx context.Context, record *kgo.Record) error {
	switch {
	case record.Attrs.IsControl():
		return nil
	case record.Topic == DeadLetters:
		return w.noteLetter(ctx, record)
	case w.settings.Tag.Has(record.Key):
		return w.judge(ctx, record)
	}
	return nil
}

func (w *Watch) noteLetter(ctx context.Context, record *kgo.Record) error {
	var read deadLetter
	if err := w.registry.decode(ctx, record.Value, &read); err != nil {
		return fmt.Errorf("the dead letter at partition %d offset %d cannot be read: %w", record.Partition, record.Offset, err)
	}
	w.mutex.Lock()
	defer w.mutex.Unlock()
	told := letter{Place{read.Partition, read.Offset}, read.Reason}
	if len(w.letters) >= lettersMax && w.letters[told] == 0 {
		return fmt.Errorf("more than %d dead letters came during the run: something else is wrong; see `tally dead-letters`", lettersMax)
	}
	w.letters[told]++
	return nil
}

func (w *Watch) judge(ctx context.Context, record *kgo.Record) error {
	var event sumAdded
	err := w.registry.decode(ctx, record.Value, &event)
	if missing := (*lookupError)(nil); errors.As(err, &missing) {
		return err
	}
	fault := ""
	if err != nil {
		fault = err.Error()
	} else {
		fault = event.fault(record.Key, record.Partition, w.partitions)
	}
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if fault != "" {
		w.found.Wrong++
		if len(w.found.WrongExamples) < examplesMax {
			w.found.WrongExamples = append(w.found.WrongExamples,
				fmt.Sprintf("partition %d offset %d: %s", record.Partition, record.Offset, fault))
		}
		return nil
	}
	w.found.Records++
	return w.settings.Record(event.RequestID, operands.FromBytes(event.Sum))
}

// endsOf returns the high watermark of each partition of both topics.
func endsOf(ctx context.Context, client *kgo.Client) (map[partition]int64, error) {
	listed, err := kadm.NewClient(client).ListEndOffsets(ctx, Sums, DeadLetters)
	if err != nil {
		return nil, err
	}
	if err := listed.Error(); err != nil {
		return nil, err
	}
	ends := map[partition]int64{}
	listed.Each(func(one kadm.ListedOffset) { ends[partition{one.Topic, one.Partition}] = one.Offset })
	if len(ends) == 0 {
		return nil, errors.New("it has no topic of Tally: start the system with `just up`")
	}
	return ends, nil
}
