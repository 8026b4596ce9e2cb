package truth

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/metrics"
	"strings"
	"sync"
	"testing"
	"time"

	"tally.internal/xk6-tally/operands"
)

const exchange = "TALLY_EXCHANGE" // a folder in which loadtests/judging/verdict.py judges the same files

var seedTag = operands.Tag{0xab, 1, 2, 3, 4, 5}

// An entry has 40 bytes, an addition still on its way ends as unknown, and the digest stands beside the file.
func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "outcomes.bin")
	log := create(t, path)
	draw := operands.NewDraw(seedTag, 1, 1)
	acked, refused, lost := draw.Next(), draw.Next(), draw.Next()
	for _, addition := range []*operands.Addition{acked, refused, lost} {
		begin(t, log, addition)
	}
	settle(t, log, acked, Acked)
	settle(t, log, refused, Refused)
	digest, err := log.Close()
	if err != nil {
		t.Fatal(err)
	}
	data, _ := os.ReadFile(path)
	for place, want := range []Outcome{Acked, Refused, Unknown} {
		entry := data[place*EntryBytes : (place+1)*EntryBytes]
		id, sum := raw(t, []*operands.Addition{acked, refused, lost}[place])
		if idOf(entry) != id || sumOf(entry) != sum || Outcome(entry[32]) != want || [7]byte(entry[33:]) != [7]byte{} {
			t.Fatalf("entry %d is %x", place, entry)
		}
	}
	id, _ := raw(t, acked)
	want := Digest{seedTag.String(), 1, 1, 1, acked.Sum, fmt.Sprintf("%016x", id.Fingerprint())}
	var told Digest
	text, _ := os.ReadFile(strings.TrimSuffix(path, ".bin") + ".json")
	if err := json.Unmarshal(text, &told); err != nil || told != want || digest != want || len(data) != 3*EntryBytes {
		t.Fatalf("%+v, %+v, %v: want %+v", told, digest, err, want)
	}
}

// Outcomes of many goroutines are all in the file, each once.
func TestGoroutines(t *testing.T) {
	const each, goroutines = 5_000, 16
	path := filepath.Join(t.TempDir(), "outcomes.bin")
	log := create(t, path)
	var all sync.WaitGroup
	for stream := range uint64(goroutines) {
		all.Go(func() {
			draw := operands.NewDraw(seedTag, 9, stream)
			for range each {
				addition := draw.Next()
				begin(t, log, addition)
				settle(t, log, addition, Acked)
			}
		})
	}
	all.Wait()
	digest, err := log.Close()
	if err != nil || digest.Acked != each*goroutines {
		t.Fatal(digest, err)
	}
	rows := createRows(t)
	for stream := range uint64(goroutines) {
		draw := operands.NewDraw(seedTag, 9, stream)
		for range each {
			put(t, rows, draw.Next())
		}
	}
	verdict := judge(t, path, digest, rows)
	if verdict.Counted != each*goroutines || faults(verdict) != [5]uint64{} || len(verdict.Problems) > 0 {
		t.Fatalf("%+v", verdict)
	}
}

// What is lost, doubled, wrong, refused but there, or never sent is found and counted, whatever it stands between.
func TestFaults(t *testing.T) {
	folder, seed := os.Getenv(exchange), uint64(time.Now().UnixNano())
	if folder == "" {
		folder = t.TempDir()
	}
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	path := filepath.Join(folder, "outcomes.bin")
	log, rows, draw := create(t, path), createRows(t), operands.NewDraw(seedTag, seed, 0)
	all, err := os.Create(filepath.Join(folder, "rows.bin"))
	if err != nil {
		t.Fatal(err)
	}
	defer all.Close()
	var want [5]uint64
	var unknownCounted uint64
	note := func(id operands.ID, sum operands.Int128) {
		bytes := sum.Bytes()
		if err := rows.Put(id, sum); err != nil {
			t.Error(err)
		}
		if _, err := all.Write(append(id[:], bytes[:]...)); err != nil {
			t.Error(err)
		}
	}
	for range 20_000 {
		addition := draw.Next()
		id, sum := raw(t, addition)
		outcome := []Outcome{Acked, Acked, Acked, Refused, Unknown}[rng.IntN(5)]
		begin(t, log, addition)
		settle(t, log, addition, outcome)
		fault := rng.IntN(20)
		switch {
		case fault == 0 && outcome == Acked:
			want[0]++
		case fault == 1 && outcome == Acked:
			want[1] += 2
			note(id, sum)
			note(id, sum)
			note(id, sum)
		case fault == 2 && outcome == Acked:
			want[2]++
			wrong, _ := sum.Plus(operands.FromInt64(1))
			note(id, wrong)
		case fault == 3 && outcome == Refused:
			want[3]++
			note(id, sum)
		case fault == 4:
			want[4]++
			never, sum := raw(t, draw.Next())
			note(never, sum)
			fallthrough
		default:
			if outcome == Acked {
				note(id, sum)
			}
			if outcome == Unknown && fault%2 == 0 {
				unknownCounted++
				note(id, sum)
			}
		}
	}
	digest, err := log.Close()
	if err != nil {
		t.Fatal(err)
	}
	verdict := judge(t, path, digest, rows)
	if faults(verdict) != want || verdict.UnknownCounted != unknownCounted || len(verdict.Problems) != 1 {
		t.Fatalf("%v and %d unknown: want %v and %d\n%+v", faults(verdict), verdict.UnknownCounted, want, unknownCounted, verdict)
	}
	for fault, examples := range verdict.Examples {
		if len(examples) != examplesMax {
			t.Fatalf("%d examples of %s", len(examples), fault)
		}
	}
	text, _ := json.Marshal(verdict)
	if err := os.WriteFile(filepath.Join(folder, "verdict.json"), text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// A file of outcomes that was cut is found out.
func TestCut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "outcomes.bin")
	log, rows, draw := create(t, path), createRows(t), operands.NewDraw(seedTag, 3, 0)
	for range 10 {
		addition := draw.Next()
		begin(t, log, addition)
		settle(t, log, addition, Acked)
		put(t, rows, addition)
	}
	digest, err := log.Close()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 10*EntryBytes-1); err != nil {
		t.Fatal(err)
	}
	verdict := judge(t, path, digest, rows)
	if len(verdict.Problems) != 2 || !strings.Contains(verdict.Problems[0], "not whole") || verdict.NeverSent != 1 {
		t.Fatalf("%+v", verdict)
	}
}

// Ten million outcomes, and as many rows of the topic, need no more memory than a bucket and the buffers.
func TestTenMillion(t *testing.T) {
	if testing.Short() {
		t.Skip("ten million take some seconds and 1.1 GB of disk: run without -short")
	}
	const count, limitBytes = 10_000_000, 96 << 20
	peak := watchHeap(t)
	path := filepath.Join(t.TempDir(), "outcomes.bin")
	log, rows, draw := create(t, path), createRows(t), operands.NewDraw(seedTag, 4, 0)
	for range count {
		addition := draw.Next()
		begin(t, log, addition)
		put(t, rows, addition)
		settle(t, log, addition, Acked)
	}
	digest, err := log.Close()
	if err != nil {
		t.Fatal(err)
	}
	verdict := judge(t, path, digest, rows)
	if verdict.Counted != count || faults(verdict) != [5]uint64{} || len(verdict.Problems) > 0 {
		t.Fatalf("%+v", verdict)
	}
	bytes := peak()
	t.Logf("peak of the heap: %d MiB", bytes>>20)
	if bytes > limitBytes {
		t.Fatalf("%d bytes of heap are more than %d", bytes, limitBytes)
	}
}

// Calls in the wrong order, and a bad name, are refused with the cause; nothing is written for them.
func TestMisuse(t *testing.T) {
	if _, err := Create("outcomes.json", seedTag); err == nil || !strings.Contains(err.Error(), "outcomes.bin") {
		t.Fatal(err)
	}
	if _, err := Create(filepath.Join(t.TempDir(), "none", "outcomes.bin"), seedTag); err == nil {
		t.Fatal("a file was made in a folder that is not there")
	}
	log := create(t, filepath.Join(t.TempDir(), "outcomes.bin"))
	addition := operands.NewDraw(seedTag, 1, 1).Next()
	id, sum := raw(t, addition)
	if err := log.Settle(id, Acked); err == nil || !strings.Contains(err.Error(), addition.ID) {
		t.Fatal(err)
	}
	begin(t, log, addition)
	if err := log.Begin(id, sum); err == nil || !strings.Contains(err.Error(), addition.ID) {
		t.Fatal(err)
	}
	if _, err := log.Close(); err != nil {
		t.Fatal(err)
	}
	if err := log.Begin(id, sum); err == nil {
		t.Fatal("begun after the end")
	}
	if _, err := log.Close(); err == nil {
		t.Fatal("closed twice")
	}
}

// A disk that is full is told by the outcomes that follow and at the end, and no caller waits for ever.
func TestFullDisk(t *testing.T) {
	const full = "/dev/full"
	if _, err := os.Stat(full); err != nil {
		t.Skipf("this system has no %s", full)
	}
	log, draw := create(t, full), operands.NewDraw(seedTag, 1, 1)
	var told error
	for range 20 * bufferBytes / EntryBytes {
		addition := draw.Next()
		id, _ := raw(t, addition)
		begin(t, log, addition)
		if err := log.Settle(id, Acked); err != nil {
			told = err
		}
	}
	_, err := log.Close()
	if told == nil || err == nil || !strings.Contains(err.Error(), "no space left") {
		t.Fatal(told, err)
	}
}

// An outcome is told by its name, and any other name is refused with those that are allowed.
func TestNames(t *testing.T) {
	for _, name := range []string{"acknowledged", "refused", "unknown"} {
		if outcome, err := ParseOutcome(name); err != nil || outcome.String() != name {
			t.Fatal(name, outcome, err)
		}
	}
	if _, err := ParseOutcome("ok"); err == nil || !strings.Contains(err.Error(), "acknowledged, refused or unknown") {
		t.Fatal(err)
	}
}

// Sums of any sign and size are exact, and written canonically.
func TestSum(t *testing.T) {
	largest := operands.Int128{Hi: 1<<63 - 1, Lo: 1<<64 - 1}
	var sum Sum
	for range 1_000 {
		sum.Add(largest)
	}
	if text := sum.Text(); text != "170141183460469231731687303715884.105727" {
		t.Fatal(text)
	}
	var small Sum
	for _, value := range []int64{-1, 1, -40_250_000_000, 5} {
		small.Add(operands.FromInt64(value))
	}
	if text := small.Text(); text != "-40.249999995" {
		t.Fatal(text)
	}
	if text := (Sum{}).Text(); text != "0" {
		t.Fatal(text)
	}
}

func faults(v Verdict) [5]uint64 {
	return [5]uint64{v.Lost, v.Doubled, v.WrongSum, v.RefusedButCounted, v.NeverSent}
}

func create(t *testing.T, path string) *Log {
	t.Helper()
	log, err := Create(path, seedTag)
	if err != nil {
		t.Fatal(err)
	}
	return log
}

func createRows(t *testing.T) *Rows {
	t.Helper()
	rows, err := CreateRows(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func raw(t *testing.T, addition *operands.Addition) (operands.ID, operands.Int128) {
	id, idErr := operands.ParseID(addition.ID)
	sum, sumErr := operands.Parse(addition.Sum)
	if idErr != nil || sumErr != nil {
		t.Error(idErr, sumErr)
	}
	return id, sum
}

func begin(t *testing.T, log *Log, addition *operands.Addition) {
	if err := log.Begin(raw(t, addition)); err != nil {
		t.Error(err)
	}
}

func settle(t *testing.T, log *Log, addition *operands.Addition, outcome Outcome) {
	id, _ := raw(t, addition)
	if err := log.Settle(id, outcome); err != nil {
		t.Error(err)
	}
}

func put(t *testing.T, rows *Rows, addition *operands.Addition) {
	if err := rows.Put(raw(t, addition)); err != nil {
		t.Error(err)
	}
}

func judge(t *testing.T, path string, digest Digest, rows *Rows) Verdict {
	t.Helper()
	if err := rows.Close(); err != nil {
		t.Fatal(err)
	}
	verdict, err := Judge(path, digest, rows)
	if err != nil {
		t.Fatal(err)
	}
	if err := rows.Remove(); err != nil {
		t.Fatal(err)
	}
	return verdict
}

// watchHeap looks at the heap now and then; the function it returns tells the most that it saw.
func watchHeap(t *testing.T) func() uint64 {
	t.Helper()
	end, peak := make(chan struct{}), make(chan uint64)
	go func() {
		most, sample := uint64(0), []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		for {
			metrics.Read(sample)
			most = max(most, sample[0].Value.Uint64())
			select {
			case <-end:
				peak <- most
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	}()
	return func() uint64 {
		close(end)
		return <-peak
	}
}
