package run

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"tally.internal/xk6-tally/operands"
	"tally.internal/xk6-tally/topic"
)

const (
	partitions = 12
	waitLimit  = 60 * time.Second
)

// stack is a running Tally; tests/k6/test_extension.py starts one and says where it is.
type stack struct {
	kafka    string
	registry string
	schema   uint32
}

func needStack(t *testing.T) stack {
	t.Helper()
	s := stack{kafka: os.Getenv("TALLY_TEST_KAFKA"), registry: os.Getenv("TALLY_TEST_REGISTRY")}
	if s.kafka == "" || s.registry == "" {
		t.Skip("needs a running Tally: TALLY_TEST_KAFKA=HOST:PORT TALLY_TEST_REGISTRY=URL")
	}
	response, err := http.Get(s.registry + "/subjects/" + topic.Sums + "-value/versions/latest")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var latest struct{ ID uint32 }
	if err := json.NewDecoder(response.Body).Decode(&latest); err != nil || latest.ID == 0 {
		t.Fatal("the registry has no contract", err)
	}
	s.schema = latest.ID
	return s
}

func (s stack) open(t *testing.T, tag operands.Tag) *Run {
	t.Helper()
	opened, err := Open(t.Context(), Settings{
		Tag: tag, Outcomes: filepath.Join(t.TempDir(), "outcomes.bin"), Kafka: []string{s.kafka}, Registry: s.registry,
		Timed: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	return opened
}

// produce sends additions in one transaction, as the producer does, and commits or aborts it.
func (s stack) produce(t *testing.T, end kgo.TransactionEndTry, additions ...*operands.Addition) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(s.kafka), kgo.TransactionalID("xk6-tally-test"),
		kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	for _, addition := range additions {
		id, _ := operands.ParseID(addition.ID)
		record := &kgo.Record{Topic: topic.Sums, Partition: id.Partition(partitions), Key: id[:], Value: s.value(t, addition)}
		if err := client.ProduceSync(t.Context(), record).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	if err := client.EndTransaction(t.Context(), end); err != nil {
		t.Fatal(err)
	}
}

func (s stack) value(t *testing.T, addition *operands.Addition) []byte {
	t.Helper()
	value := binary.BigEndian.AppendUint32([]byte{0}, s.schema)
	id, err := operands.ParseID(addition.ID)
	if err != nil {
		t.Fatal(err)
	}
	value = append(value, id[:]...)
	for _, text := range []string{addition.A, addition.B, addition.Sum} {
		number, err := operands.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		raw := number.Bytes()
		value = append(value, raw[:]...)
	}
	return binary.AppendVarint(value, time.Now().UnixMicro())
}

func settled(t *testing.T, run *Run, addition *operands.Addition, outcome string) {
	t.Helper()
	if err := run.Begin(addition.ID, addition.Sum); err != nil {
		t.Fatal(err)
	}
	if err := run.Settle(addition.ID, outcome); err != nil {
		t.Fatal(err)
	}
}

func newTag() (tag operands.Tag) {
	var raw [8]byte
	binary.BigEndian.PutUint64(raw[:], uint64(time.Now().UnixNano()))
	copy(tag[:], raw[2:])
	return tag
}

// On a real broker all that was acknowledged is found, what an aborted transaction left is not seen, and each kind of
// poison is judged by the real consumer, once.
func TestHolds(t *testing.T) {
	s, tag := needStack(t), newTag()
	run, draw := s.open(t, tag), operands.NewDraw(tag, 1, 1)
	poison, err := run.Poison(t.Context())
	if err != nil || len(poison) != len(topic.Reasons) {
		t.Fatal(poison, err)
	}
	var committed, aborted []*operands.Addition
	for range 200 {
		addition := draw.Next()
		if err := run.Begin(addition.ID, addition.Sum); err != nil {
			t.Fatal(err)
		}
		committed = append(committed, addition)
	}
	for range 50 {
		addition := draw.Next()
		settled(t, run, addition, "refused")
		aborted = append(aborted, addition)
	}
	s.produce(t, kgo.TryCommit, committed...)
	s.produce(t, kgo.TryAbort, aborted...)
	for _, addition := range committed {
		if err := run.Settle(addition.ID, "acknowledged"); err != nil {
			t.Fatal(err)
		}
	}
	result, err := run.Finish(t.Context(), waitLimit)
	if err != nil {
		t.Fatal(err)
	}
	if !result.Judged || result.Counted != 200 || result.Lost+result.Doubled+result.Wrong() > 0 ||
		result.Topic.PoisonSent != len(topic.Reasons) || result.Topic.PoisonUnjudged != 0 {
		t.Fatalf("%+v", result)
	}
	progress := run.Progress()
	if progress.Records != 200 || len(progress.VisibleMS) != 200 {
		t.Fatalf("%d records, %d times", progress.Records, len(progress.VisibleMS))
	}
	for _, ms := range progress.VisibleMS {
		if ms <= 0 {
			t.Fatalf("a record was seen %f ms after it was begun", ms)
		}
	}
}

// A record that is missing, doubled, of a wrong sum, or was refused is found on a real broker.
func TestBroken(t *testing.T) {
	s, tag := needStack(t), newTag()
	run, draw := s.open(t, tag), operands.NewDraw(tag, 2, 1)
	sound, lost, doubled, refused, never, unknown := draw.Next(), draw.Next(), draw.Next(), draw.Next(), draw.Next(), draw.Next()
	for _, addition := range []*operands.Addition{sound, lost, doubled} {
		settled(t, run, addition, "acknowledged")
	}
	settled(t, run, refused, "refused")
	settled(t, run, unknown, "unknown")
	unsound := draw.Next()
	settled(t, run, unsound, "unknown")
	sent := *unsound
	sent.Sum = "1"
	s.produce(t, kgo.TryCommit, sound, doubled, refused, never, unknown, &sent)
	s.produce(t, kgo.TryCommit, doubled)
	result, err := run.Finish(t.Context(), waitLimit)
	if err != nil {
		t.Fatal(err)
	}
	if result.Lost != 1 || result.Doubled != 1 || result.RefusedButCounted != 1 || result.NeverSent != 1 ||
		result.UnknownCounted != 1 || result.Topic.Wrong != 1 || result.Examples["lost"][0] != lost.ID {
		t.Fatalf("%+v", result)
	}
	if !strings.Contains(result.Topic.WrongExamples[0], "sum is not a + b") {
		t.Fatal(result.Topic.WrongExamples)
	}
}

// An open transaction holds the topic's end back: Finish says so when its time is over, and hangs no longer.
func TestOpenTransaction(t *testing.T) {
	s, tag := needStack(t), newTag()
	run, addition := s.open(t, tag), operands.NewDraw(tag, 3, 1).Next()
	settled(t, run, addition, "unknown")
	client, err := kgo.NewClient(kgo.SeedBrokers(s.kafka), kgo.TransactionalID("xk6-tally-open"),
		kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	id, _ := operands.ParseID(addition.ID)
	record := &kgo.Record{Topic: topic.Sums, Partition: id.Partition(partitions), Key: id[:], Value: s.value(t, addition)}
	if err := client.ProduceSync(t.Context(), record).FirstErr(); err != nil {
		t.Fatal(err)
	}
	_, err = run.Finish(t.Context(), 3*time.Second)
	if ending := client.EndTransaction(context.WithoutCancel(t.Context()), kgo.TryAbort); ending != nil {
		t.Fatal(ending)
	}
	if err == nil || !strings.Contains(err.Error(), "a transaction may be open") {
		t.Fatal(err)
	}
	left, _ := filepath.Glob(filepath.Join(filepath.Dir(run.settings.Outcomes), "topic-rows-*"))
	if len(left) > 0 {
		t.Fatalf("left behind: %v", left)
	}
	if text, err := os.ReadFile(strings.TrimSuffix(run.settings.Outcomes, ".bin") + ".json"); err != nil || !bytes.Contains(text, []byte(tag.String())) {
		t.Fatal("the digest is not there", err)
	}
}
