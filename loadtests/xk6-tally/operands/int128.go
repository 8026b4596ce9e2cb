// Package operands draws additions by seed: ids that bear the run's tag, exact decimal operands, exact sums.
package operands

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
)

// Scale is the number of digits after the point: an unscaled value is the number times 10^9.
const Scale = 9

const (
	unit  = 1_000_000_000
	chunk = 1_000_000_000_000_000_000 // 10^18: what strconv writes at once
)

// Int128 is a signed number of 128 bits in two's complement: an unscaled decimal(38, 9).
type Int128 struct{ Hi, Lo uint64 }

// FromInt64 returns a number of 64 bits as one of 128.
func FromInt64(value int64) Int128 {
	return Int128{Hi: uint64(value >> 63), Lo: uint64(value)}
}

// FromBytes reads 16 bytes, big-endian.
func FromBytes(raw [16]byte) Int128 {
	return Int128{Hi: binary.BigEndian.Uint64(raw[:8]), Lo: binary.BigEndian.Uint64(raw[8:])}
}

// Bytes returns 16 bytes, big-endian.
func (n Int128) Bytes() (raw [16]byte) {
	binary.BigEndian.PutUint64(raw[:8], n.Hi)
	binary.BigEndian.PutUint64(raw[8:], n.Lo)
	return raw
}

// Negative tells whether it is below zero.
func (n Int128) Negative() bool { return n.Hi>>63 == 1 }

// Plus adds; fits is false when the sum has more than 128 bits.
func (n Int128) Plus(other Int128) (sum Int128, fits bool) {
	lo, carry := bits.Add64(n.Lo, other.Lo, 0)
	hi, _ := bits.Add64(n.Hi, other.Hi, carry)
	sum = Int128{Hi: hi, Lo: lo}
	return sum, n.Negative() != other.Negative() || sum.Negative() == n.Negative()
}

// Times multiplies by a positive number; the caller knows that the product fits.
func (n Int128) Times(factor uint64) Int128 {
	magnitude := n.magnitude()
	hi, lo := bits.Mul64(magnitude.Lo, factor)
	product := Int128{Hi: hi + magnitude.Hi*factor, Lo: lo}
	if n.Negative() {
		return product.negated()
	}
	return product
}

// Parse reads a decimal text of the contract: an optional minus sign, 1 to 29 digits, a point with 1 to 9 digits.
func Parse(text string) (n Int128, err error) {
	digits, negative := strings.CutPrefix(text, "-")
	whole, fraction, point := strings.Cut(digits, ".")
	if len(whole) < 1 || len(whole) > 29 || len(fraction) > Scale || point != (fraction != "") {
		return n, textError(text)
	}
	for _, part := range [2]string{whole, fraction} {
		for _, digit := range []byte(part) {
			if digit < '0' || digit > '9' {
				return n, textError(text)
			}
			n = n.timesTenPlus(digit - '0')
		}
	}
	for range Scale - len(fraction) {
		n = n.timesTenPlus(0)
	}
	if negative {
		n = n.negated()
	}
	return n, nil
}

func textError(text string) error {
	return fmt.Errorf("%q is not a number of the contract: an optional minus sign, 1 to 29 digits, and optionally "+
		"a point with 1 to 9 digits, for example 2 or -40.25", text)
}

// Text returns the canonical text: no leading or trailing zeros, no minus zero.
func (n Int128) Text() string {
	magnitude := n.magnitude()
	whole, fraction := magnitude.dividedBy(unit)
	high, low := whole.dividedBy(chunk)
	text := make([]byte, 0, 48)
	if n.Negative() {
		text = append(text, '-')
	}
	if high.Lo > 0 { // a whole part has at most 30 digits, so that two chunks are enough
		text = strconv.AppendUint(text, high.Lo, 10)
		text = appendPadded(text, low, 18)
	} else {
		text = strconv.AppendUint(text, low, 10)
	}
	if fraction == 0 {
		return string(text)
	}
	text = append(text, '.')
	return strings.TrimRight(string(appendPadded(text, fraction, Scale)), "0")
}

func (n Int128) magnitude() Int128 {
	if n.Negative() {
		return n.negated()
	}
	return n
}

func (n Int128) negated() Int128 {
	lo, borrow := bits.Sub64(0, n.Lo, 0)
	hi, _ := bits.Sub64(0, n.Hi, borrow)
	return Int128{Hi: hi, Lo: lo}
}

func (n Int128) timesTenPlus(digit byte) Int128 {
	hi, lo := bits.Mul64(n.Lo, 10)
	lo, carry := bits.Add64(lo, uint64(digit), 0)
	return Int128{Hi: n.Hi*10 + hi + carry, Lo: lo}
}

func (n Int128) dividedBy(divisor uint64) (quotient Int128, rest uint64) {
	quotient.Hi = n.Hi / divisor
	quotient.Lo, rest = bits.Div64(n.Hi%divisor, n.Lo, divisor)
	return quotient, rest
}

func appendPadded(text []byte, value uint64, width int) []byte {
	digits := strconv.FormatUint(value, 10)
	for range width - len(digits) {
		text = append(text, '0')
	}
	return append(text, digits...)
}
