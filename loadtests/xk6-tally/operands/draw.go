package operands

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
)

const (
	// TagBytes is the length of a run's tag.
	TagBytes = 6

	operandLimit  = 1_000_000 * unit // an ordinary operand is in [-1e6, 1e6)
	longShare     = 0.1
	longFactorMax = 1_000_000_000_000_000_000 // 1e6 * 1e18 has 25 digits before the point: the sum of two fits as well
)

// ID is a request id: a UUID as 16 bytes.
type ID [16]byte

// Tag is the first bytes of all ids of one run.
type Tag [TagBytes]byte

// ParseTag reads 12 hexadecimal digits.
func ParseTag(text string) (tag Tag, err error) {
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != TagBytes {
		return tag, fmt.Errorf("tag %q: it must have %d hexadecimal digits, for example 0123456789ab", text, 2*TagBytes)
	}
	return Tag(raw), nil
}

// ParseID reads a UUID in canonical text.
func ParseID(text string) (id ID, err error) {
	if len(text) == 36 && text[8] == '-' && text[13] == '-' && text[18] == '-' && text[23] == '-' {
		var digits [32]byte
		copy(digits[:], text[:8])
		copy(digits[8:], text[9:13])
		copy(digits[12:], text[14:18])
		copy(digits[16:], text[19:23])
		copy(digits[20:], text[24:])
		if _, err := hex.Decode(id[:], digits[:]); err == nil {
			return id, nil
		}
	}
	return id, fmt.Errorf("id %q: it must be a UUID, for example 0123abcd-0123-8123-8123-0123456789ab", text)
}

// Halves returns the id's big-endian halves.
func (id ID) Halves() (hi, lo uint64) {
	return binary.BigEndian.Uint64(id[:8]), binary.BigEndian.Uint64(id[8:])
}

// Has tells whether the id is one of the run's.
func (t Tag) Has(id []byte) bool { return len(id) >= TagBytes && Tag(id[:TagBytes]) == t }

func (t Tag) String() string { return hex.EncodeToString(t[:]) }

func (id ID) String() string {
	text := make([]byte, 36)
	hex.Encode(text, id[:4])
	hex.Encode(text[9:], id[4:6])
	hex.Encode(text[14:], id[6:8])
	hex.Encode(text[19:], id[8:10])
	hex.Encode(text[24:], id[10:])
	text[8], text[13], text[18], text[23] = '-', '-', '-', '-'
	return string(text)
}

// Addition is one addition in text: what is sent, and the sum that its answer, the topic and the ledger must have.
type Addition struct {
	ID  string `js:"id"`
	A   string `js:"a"`
	B   string `js:"b"`
	Sum string `js:"sum"`
}

// Draw draws additions, for one goroutine. The same seed and stream give the same operands and ids.
type Draw struct {
	tag Tag
	rng *rand.Rand
}

// NewDraw returns a draw. Each VU has its own stream: the seed is the run's, the stream the VU's number.
func NewDraw(tag Tag, seed, stream uint64) *Draw {
	return &Draw{tag: tag, rng: rand.New(rand.NewPCG(seed, stream))}
}

// Next returns a new addition. Its id is a UUID of version 8 (RFC 9562): the run's tag, then 74 random bits.
func (d *Draw) Next() *Addition {
	id := d.NextID()
	a, b := d.operand(), d.operand()
	sum, fits := a.Plus(b)
	if !fits {
		panic("two operands of a draw cannot exceed 128 bits")
	}
	return &Addition{ID: id.String(), A: a.Text(), B: b.Text(), Sum: sum.Text()}
}

// NextID returns a new id of the run.
func (d *Draw) NextID() (id ID) {
	binary.BigEndian.PutUint64(id[:8], d.rng.Uint64())
	binary.BigEndian.PutUint64(id[8:], d.rng.Uint64())
	copy(id[:], d.tag[:])
	id[6] = id[6]&0x0F | 0x80
	id[8] = id[8]&0x3F | 0x80
	return id
}

func (d *Draw) operand() Int128 {
	value := FromInt64(d.rng.Int64N(2*operandLimit) - operandLimit)
	if d.rng.Float64() >= longShare {
		return value
	}
	return value.Times(1 + uint64(d.rng.Int64N(longFactorMax-1)))
}
