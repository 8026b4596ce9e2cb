package truth

import (
	"encoding/binary"
	"math/big"
	"math/bits"
	"strings"

	"tally.internal/xk6-tally/operands"
)

// Sum adds up numbers of 128 bits exactly: 192 bits hold 2^64 of them. The zero value is 0.
type Sum struct{ top, hi, lo uint64 }

// Add adds one number.
func (s *Sum) Add(n operands.Int128) {
	s.add(uint64(int64(n.Hi)>>63), n.Hi, n.Lo)
}

// Merge adds another sum.
func (s *Sum) Merge(other Sum) { s.add(other.top, other.hi, other.lo) }

func (s *Sum) add(top, hi, lo uint64) {
	var carry uint64
	s.lo, carry = bits.Add64(s.lo, lo, 0)
	s.hi, carry = bits.Add64(s.hi, hi, carry)
	s.top, _ = bits.Add64(s.top, top, carry)
}

// Text returns the canonical decimal text.
func (s Sum) Text() string {
	var raw [24]byte
	binary.BigEndian.PutUint64(raw[:], s.top)
	binary.BigEndian.PutUint64(raw[8:], s.hi)
	binary.BigEndian.PutUint64(raw[16:], s.lo)
	value := new(big.Int).SetBytes(raw[:])
	if s.top>>63 == 1 {
		value.Sub(value, new(big.Int).Lsh(big.NewInt(1), 192))
	}
	digits := new(big.Int).Abs(value).String()
	if missing := operands.Scale + 1 - len(digits); missing > 0 {
		digits = strings.Repeat("0", missing) + digits
	}
	point := len(digits) - operands.Scale
	text := strings.TrimSuffix(strings.TrimRight(digits[:point]+"."+digits[point:], "0"), ".")
	if value.Sign() < 0 {
		return "-" + text
	}
	return text
}
