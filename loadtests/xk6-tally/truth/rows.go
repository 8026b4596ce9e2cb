package truth

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"tally.internal/xk6-tally/operands"
)

const (
	// Buckets is how many parts a run is judged in: memory is that of one.
	Buckets = 64

	rowBytes         = 32
	bucketBufferSize = 16 << 10
)

// buckets are files that fixed records are scattered into by their id's last bits.
type buckets struct {
	files   [Buckets]*os.File
	buffers [Buckets]*bufio.Writer
}

func createBuckets(folder, name string) (*buckets, error) {
	made := &buckets{}
	for number := range Buckets {
		file, err := os.Create(bucketPath(folder, name, number))
		if err != nil {
			return nil, errors.Join(err, made.close())
		}
		made.files[number], made.buffers[number] = file, bufio.NewWriterSize(file, bucketBufferSize)
	}
	return made, nil
}

func (b *buckets) put(record []byte) error {
	_, err := b.buffers[record[15]%Buckets].Write(record) // byte 15 is the id's last
	return err
}

func (b *buckets) close() (err error) {
	for number, file := range b.files {
		if file != nil {
			err = errors.Join(err, b.buffers[number].Flush(), file.Close())
		}
	}
	return err
}

func bucketPath(folder, name string, number int) string {
	return filepath.Join(folder, fmt.Sprintf("%s-%d", name, number))
}

// Rows are what the topic has of a run, on the disk, for one goroutine at a time.
type Rows struct {
	folder string
	rows   *buckets
}

// CreateRows makes a folder for them in a given one. Remove takes it away.
func CreateRows(within string) (*Rows, error) {
	folder, err := os.MkdirTemp(within, "topic-rows-")
	if err != nil {
		return nil, fmt.Errorf("no folder for what the topic has: %w", err)
	}
	rows, err := createBuckets(folder, "rows")
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(folder))
	}
	return &Rows{folder: folder, rows: rows}, nil
}

// Put notes one record of the run.
func (r *Rows) Put(id operands.ID, sum operands.Int128) error {
	raw := sum.Bytes()
	var record [rowBytes]byte
	copy(record[:], id[:])
	copy(record[16:], raw[:])
	if err := r.rows.put(record[:]); err != nil {
		return fmt.Errorf("what the topic has cannot be written: %w", err)
	}
	return nil
}

// Close ends the files, so that they can be judged.
func (r *Rows) Close() error { return r.rows.close() }

// Remove deletes them.
func (r *Rows) Remove() error { return os.RemoveAll(r.folder) }
