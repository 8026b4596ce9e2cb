package truth

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"tally.internal/xk6-tally/operands"
)

const examplesMax = 5

// Verdict is what the comparison found. All counts but Counted and UnknownCounted must be 0, and Problems empty.
type Verdict struct {
	Digest            Digest              `json:"digest"`
	Counted           uint64              `json:"counted"`
	CountedSum        string              `json:"counted_sum"`
	UnknownCounted    uint64              `json:"unknown_counted"`
	Lost              uint64              `json:"lost"`
	Doubled           uint64              `json:"doubled"`
	WrongSum          uint64              `json:"wrong_sum"`
	RefusedButCounted uint64              `json:"refused_but_counted"`
	NeverSent         uint64              `json:"never_sent"`
	Problems          []string            `json:"problems"`
	Examples          map[string][]string `json:"examples"`
}

// Judge joins a run's outcomes with the topic's rows.
//
// Theory of operation, the same as that of loadtests/judging/verdict.py. Outcomes are scattered into buckets by the id's last
// bits, as the rows were; then each pair of buckets is joined in memory. So memory is that of one bucket, a 64th of the
// run. An Unknown outcome may or may not be in the topic; it must not be there twice, and not with another sum.
func Judge(outcomes string, digest Digest, rows *Rows) (Verdict, error) {
	// 1. scatter the outcomes; the rows are scattered already
	if err := scatter(outcomes, rows.folder); err != nil {
		return Verdict{}, err
	}
	// 2. join bucket by bucket
	join := joining{verdict: Verdict{Digest: digest, Problems: []string{}, Examples: map[string][]string{}}}
	for number := range Buckets {
		sent, err := readSorted(bucketPath(rows.folder, "sent", number), EntryBytes)
		if err != nil {
			return Verdict{}, err
		}
		found, err := readSorted(bucketPath(rows.folder, "rows", number), rowBytes)
		if err != nil {
			return Verdict{}, err
		}
		join.bucket(sent, found)
	}
	// 3. what the whole must say
	join.whole()
	return join.verdict, nil
}

// joining is the state of one comparison: exact sums and counts over the buckets.
type joining struct {
	verdict        Verdict
	acked          uint64
	ackedSum       Sum
	unknownCounted Sum
	counted        Sum
	fingerprint    uint64
}

// bucket walks along both sides, each sorted by id.
func (j *joining) bucket(sent, rows [][]byte) {
	for _, entry := range sent {
		if Outcome(entry[outcomeAt]) == Acked {
			j.acked++
			j.ackedSum.Add(sumOf(entry))
			j.fingerprint += idOf(entry).Fingerprint()
		}
	}
	for len(sent) > 0 || len(rows) > 0 {
		order := -1
		switch {
		case len(sent) == 0:
			order = 1
		case len(rows) > 0:
			order = bytes.Compare(sent[0][:16], rows[0][:16])
		}
		if order < 0 {
			j.absent(sent[0])
			sent = sent[1:]
			continue
		}
		again := 1
		for again < len(rows) && idOf(rows[again]) == idOf(rows[0]) {
			again++
		}
		for _, row := range rows[:again] {
			j.counted.Add(sumOf(row))
		}
		j.verdict.Counted += uint64(again)
		for range again - 1 {
			j.note("doubled", &j.verdict.Doubled, rows[0])
		}
		if order > 0 {
			j.note("never_sent", &j.verdict.NeverSent, rows[0])
		} else {
			j.present(sent[0], rows[0])
			sent = sent[1:]
		}
		rows = rows[again:]
	}
}

func (j *joining) absent(entry []byte) {
	if Outcome(entry[outcomeAt]) == Acked {
		j.note("lost", &j.verdict.Lost, entry)
	}
}

func (j *joining) present(entry, row []byte) {
	if sumOf(entry) != sumOf(row) {
		j.note("wrong_sum", &j.verdict.WrongSum, row)
	}
	switch Outcome(entry[outcomeAt]) {
	case Refused:
		j.note("refused_but_counted", &j.verdict.RefusedButCounted, row)
	case Unknown:
		j.verdict.UnknownCounted++
		j.unknownCounted.Add(sumOf(entry))
	}
}

func (j *joining) note(fault string, count *uint64, record []byte) {
	*count++
	if examples := j.verdict.Examples[fault]; len(examples) < examplesMax {
		j.verdict.Examples[fault] = append(examples, idOf(record).String())
	}
}

func (j *joining) whole() {
	v := &j.verdict
	v.CountedSum = j.counted.Text()
	told := [3]string{fmt.Sprint(v.Digest.Acked), v.Digest.AckedSum, v.Digest.Fingerprint}
	seen := [3]string{fmt.Sprint(j.acked), j.ackedSum.Text(), fmt.Sprintf("%016x", j.fingerprint)}
	if told != seen {
		v.Problems = append(v.Problems, fmt.Sprintf("the file of outcomes is not whole: acknowledged %v sent, %v in the file", told, seen))
	}
	expected := j.ackedSum
	expected.Merge(j.unknownCounted)
	if expected != j.counted {
		v.Problems = append(v.Problems, fmt.Sprintf(
			"the topic's total of this run is %s; acknowledged and found unknown sums make %s", v.CountedSum, expected.Text()))
	}
}

func scatter(outcomes, folder string) (err error) {
	file, err := os.Open(outcomes)
	if err != nil {
		return err
	}
	defer file.Close()
	sent, err := createBuckets(folder, "sent")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sent.close()) }()
	reader := bufio.NewReaderSize(file, bufferBytes)
	var entry [EntryBytes]byte
	for {
		_, err := io.ReadFull(reader, entry[:])
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil // a part of an entry is not one: the digest then tells that the file is not whole
		}
		if err != nil {
			return err
		}
		if err := sent.put(entry[:]); err != nil {
			return err
		}
	}
}

// readSorted returns a bucket's records by id; those of one id keep their order.
func readSorted(path string, size int) ([][]byte, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	records := slices.Collect(slices.Chunk(data, size))
	slices.SortStableFunc(records, func(a, b []byte) int { return bytes.Compare(a[:16], b[:16]) })
	return records, nil
}

func idOf(record []byte) operands.ID { return operands.ID(record[:16]) }

func sumOf(record []byte) operands.Int128 { return operands.FromBytes([16]byte(record[16:32])) }
