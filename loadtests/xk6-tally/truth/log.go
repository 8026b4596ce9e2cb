package truth

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"tally.internal/xk6-tally/operands"
)

const (
	// EntryBytes is the length of one entry: id 16, sum 16, outcome 1, zeros 7. All numbers are big-endian.
	EntryBytes = 40

	bufferBytes  = 1 << 20 / EntryBytes * EntryBytes
	buffersKept  = 4
	outcomeAt    = 32
	digestSuffix = ".json"
)

// Digest is a run's outcomes in constant size, as it stands in the JSON file beside them. AckedSum is exact, in text.
type Digest struct {
	Tag         string `json:"tag"`
	Acked       uint64 `json:"acked"`
	Refused     uint64 `json:"refused"`
	Unknown     uint64 `json:"unknown"`
	AckedSum    string `json:"acked_sum"`
	Fingerprint string `json:"fingerprint"`
}

// Log is the outcomes of a run, safe for goroutines.
//
// Theory of operation. An addition is in flight from Begin to Settle and in memory only then, so memory is bounded by
// what is in flight and not by what was sent. Close settles the rest as Unknown. A goroutine of the log's own writes to
// the disk: a VU only copies 40 bytes, and waits when the disk is several buffers behind. The first error of the disk
// is told by each later Settle and by Close.
type Log struct {
	path string
	tag  operands.Tag

	mutex       sync.Mutex
	inFlight    map[operands.ID]operands.Int128
	counts      [Unknown + 1]uint64
	ackedSum    Sum
	fingerprint uint64
	buffer      []byte
	closed      bool

	full    chan []byte
	free    chan []byte
	written chan struct{}
	failed  struct {
		sync.Mutex
		err error
	}
}

// Create begins an outcomes file. Its digest goes beside it, under the same name with .json.
func Create(path string, tag operands.Tag) (*Log, error) {
	if filepath.Ext(path) == digestSuffix {
		return nil, fmt.Errorf("outcomes %q: the digest beside it has that name; take another, for example outcomes.bin", path)
	}
	file, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("the file of outcomes cannot be made: %w", err)
	}
	log := &Log{
		path: path, tag: tag,
		inFlight: map[operands.ID]operands.Int128{},
		buffer:   make([]byte, 0, bufferBytes),
		full:     make(chan []byte, buffersKept),
		free:     make(chan []byte, buffersKept),
		written:  make(chan struct{}),
	}
	go log.write(file)
	return log, nil
}

// Begin notes that an addition is about to be sent.
func (l *Log) Begin(id operands.ID, sum operands.Int128) error {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.closed {
		return errors.New("the run is over: its outcomes are closed")
	}
	if _, there := l.inFlight[id]; there {
		return fmt.Errorf("addition %s is on its way already: settle it before it is begun again", id)
	}
	l.inFlight[id] = sum
	return nil
}

// Settle notes what became of an addition.
func (l *Log) Settle(id operands.ID, outcome Outcome) error {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	sum, there := l.inFlight[id]
	if !there {
		return fmt.Errorf("addition %s is not on its way: begin it once and settle it once", id)
	}
	l.settle(id, sum, outcome)
	return l.failure()
}

// Digest returns the digest of what was settled until now.
func (l *Log) Digest() Digest {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.digest()
}

// Close settles the rest as Unknown, ends the file, writes the digest beside it, and returns it.
func (l *Log) Close() (Digest, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.closed {
		return l.digest(), errors.New("the outcomes are closed already")
	}
	for id, sum := range l.inFlight {
		l.settle(id, sum, Unknown)
	}
	l.closed = true
	l.full <- l.buffer
	close(l.full)
	<-l.written
	if err := l.failure(); err != nil {
		return l.digest(), err
	}
	text, err := json.MarshalIndent(l.digest(), "", "  ")
	if err != nil {
		return l.digest(), err
	}
	return l.digest(), os.WriteFile(l.digestPath(), append(text, '\n'), 0o644)
}

func (l *Log) settle(id operands.ID, sum operands.Int128, outcome Outcome) {
	delete(l.inFlight, id)
	l.counts[outcome]++
	if outcome == Acked {
		l.ackedSum.Add(sum)
		l.fingerprint += id.Fingerprint()
	}
	raw := sum.Bytes()
	l.buffer = append(l.buffer, id[:]...)
	l.buffer = append(l.buffer, raw[:]...)
	l.buffer = append(l.buffer, byte(outcome), 0, 0, 0, 0, 0, 0, 0)
	if len(l.buffer) == bufferBytes {
		l.full <- l.buffer
		l.buffer = l.emptyBuffer()
	}
}

func (l *Log) emptyBuffer() []byte {
	select {
	case buffer := <-l.free:
		return buffer[:0]
	default:
		return make([]byte, 0, bufferBytes)
	}
}

func (l *Log) digest() Digest {
	return Digest{
		Tag: l.tag.String(), Acked: l.counts[Acked], Refused: l.counts[Refused], Unknown: l.counts[Unknown],
		AckedSum: l.ackedSum.Text(), Fingerprint: fmt.Sprintf("%016x", l.fingerprint),
	}
}

func (l *Log) digestPath() string {
	return strings.TrimSuffix(l.path, filepath.Ext(l.path)) + digestSuffix
}

// write takes full buffers to the disk until there are no more; after an error it only takes them away.
func (l *Log) write(file *os.File) {
	defer close(l.written)
	for buffer := range l.full {
		if l.failure() == nil {
			_, err := file.Write(buffer)
			l.fail(err)
		}
		select {
		case l.free <- buffer:
		default:
		}
	}
	l.fail(file.Close())
}

func (l *Log) fail(err error) {
	l.failed.Lock()
	defer l.failed.Unlock()
	if err != nil && l.failed.err == nil {
		l.failed.err = fmt.Errorf("the file of outcomes cannot be written: %w", err)
	}
}

func (l *Log) failure() error {
	l.failed.Lock()
	defer l.failed.Unlock()
	return l.failed.err
}
