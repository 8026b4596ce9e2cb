package operands

import (
	"encoding/hex"
	"encoding/json"
	"math/big"
	"os"
	"regexp"
	"strings"
	"testing"
)

var (
	seedTag = Tag{1, 2, 3, 4, 5, 6}
	version = regexp.MustCompile(`^01020304-0506-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	// One digit more than the contract allows, for sums at the edge.
	grammar = regexp.MustCompile(`^-?[0-9]{1,30}(\.[0-9]{1,9})?$`)
)

// Ids are UUIDs of version 8 with the run's tag, and a hundred thousand of them are all different.
func TestIDs(t *testing.T) {
	draw, seen := NewDraw(seedTag, 1, 1), map[string]bool{}
	for range 100_000 {
		addition := draw.Next()
		if !version.MatchString(addition.ID) || seen[addition.ID] {
			t.Fatalf("not a new UUID of version 8 with the tag: %s", addition.ID)
		}
		raw, err := ParseID(addition.ID)
		if err != nil || addition.ID != raw.String() || !seedTag.Has(raw[:]) {
			t.Fatalf("text and bytes differ: %s, %v", addition.ID, err)
		}
		seen[addition.ID] = true
	}
}

// Operands and sums follow the contract's grammar, are canonical, and a + b is the sum exactly.
func TestExact(t *testing.T) {
	draw, long := NewDraw(seedTag, 7, 3), 0
	for range 100_000 {
		addition := draw.Next()
		a, b, sum := unscaled(t, addition.A), unscaled(t, addition.B), unscaled(t, addition.Sum)
		if new(big.Int).Add(a, b).Cmp(sum) != 0 {
			t.Fatalf("%s + %s is not %s", addition.A, addition.B, addition.Sum)
		}
		if read, err := Parse(addition.Sum); err != nil || read != fromBig(sum) {
			t.Fatalf("%s is read as %v, %v", addition.Sum, read, err)
		}
		if len(addition.A) > 20 {
			long++
		}
	}
	if long < 5_000 {
		t.Fatalf("only %d of 100,000 operands are long", long)
	}
}

// The same seed and stream repeat a draw; another stream of the same seed does not.
func TestSeed(t *testing.T) {
	one, again, other := NewDraw(seedTag, 5, 1), NewDraw(seedTag, 5, 1), NewDraw(seedTag, 5, 2)
	for range 1_000 {
		addition := *one.Next()
		if addition != *again.Next() || addition.ID == other.Next().ID {
			t.Fatal("the draw does not follow its seed and stream")
		}
	}
}

// Numbers at the edges of 64 and 128 bits are written and added as math/big does it.
func TestEdges(t *testing.T) {
	values := []string{"0", "1", "-1", "999999999", "1000000000", "-1000000000", "18446744073709551615",
		"18446744073709551616", "-18446744073709551616", "99999999999999999999999999999999999999",
		"-99999999999999999999999999999999999999", "123000000000000000000000000000"}
	for _, left := range values {
		for _, right := range values {
			a, b := number(t, left), number(t, right)
			sum, fits := fromBig(a).Plus(fromBig(b))
			want := new(big.Int).Add(a, b)
			limit := new(big.Int).Lsh(big.NewInt(1), 127)
			if fits != (want.CmpAbs(limit) < 0) {
				t.Fatalf("%s + %s: fits is %v", left, right, fits)
			}
			if fits && unscaled(t, sum.Text()).Cmp(want) != 0 {
				t.Fatalf("%s + %s is told as %s", left, right, sum.Text())
			}
		}
	}
	if _, fits := fromBig(number(t, "170141183460469231731687303715884105727")).Plus(FromInt64(1)); fits {
		t.Fatal("an overflow was not noticed")
	}
	if text := FromInt64(-40_250_000_000).Text(); text != "-40.25" {
		t.Fatalf("-40.25 is told as %s", text)
	}
}

// The partition of an id is the contract's, by its own test vectors.
func TestPartitions(t *testing.T) {
	text, err := os.ReadFile("../../../contracts/examples/partitions.json")
	if err != nil {
		t.Skipf("the contract's test vectors are not beside this module: %v", err)
	}
	var file struct {
		Partitions int `json:"partitions"`
		Vectors    []struct {
			RequestID string `json:"request_id"`
			Partition int32  `json:"partition"`
		} `json:"vectors"`
	}
	if err := json.Unmarshal(text, &file); err != nil || len(file.Vectors) == 0 {
		t.Fatalf("no test vectors: %v", err)
	}
	for _, vector := range file.Vectors {
		raw, err := hex.DecodeString(strings.ReplaceAll(vector.RequestID, "-", ""))
		if err != nil {
			t.Fatal(err)
		}
		if got := ID(raw).Partition(file.Partitions); got != vector.Partition {
			t.Fatalf("%s of %d: partition %d, not %d", vector.RequestID, file.Partitions, got, vector.Partition)
		}
	}
}

// A tag that is not 12 hexadecimal digits is refused with the value and what is allowed.
func TestTag(t *testing.T) {
	for _, text := range []string{"", "12", "zz3456789abc", "0123456789abcd"} {
		if _, err := ParseTag(text); err == nil || !strings.Contains(err.Error(), "12 hexadecimal digits") {
			t.Fatalf("%q: %v", text, err)
		}
	}
	if tag, err := ParseTag("0123456789ab"); err != nil || tag.String() != "0123456789ab" {
		t.Fatal(tag, err)
	}
}

// What is not an id or a number of the contract is refused with the value and what is allowed.
func TestRefused(t *testing.T) {
	for _, text := range []string{"", "-", "1e3", "1.", ".5", "+1", "1.0123456789", "--1", "1-", strings.Repeat("9", 30)} {
		if _, err := Parse(text); err == nil || !strings.Contains(err.Error(), "-40.25") {
			t.Fatalf("%q: %v", text, err)
		}
	}
	for _, text := range []string{"", "0123abcd", "0123abcd-0123-8123-8123-0123456789zz", "0123abcd001230812308123-0123456789ab"} {
		if _, err := ParseID(text); err == nil || !strings.Contains(err.Error(), "UUID") {
			t.Fatalf("%q: %v", text, err)
		}
	}
}

func BenchmarkNext(b *testing.B) {
	draw := NewDraw(seedTag, 1, 1)
	b.ReportAllocs()
	for b.Loop() {
		draw.Next()
	}
}

func unscaled(t *testing.T, text string) *big.Int {
	t.Helper()
	whole, fraction, _ := strings.Cut(text, ".")
	if !grammar.MatchString(text) || strings.HasSuffix(fraction, "0") || text == "-0" {
		t.Fatalf("not canonical: %s", text)
	}
	return number(t, whole+fraction+strings.Repeat("0", Scale-len(fraction)))
}

func number(t *testing.T, digits string) *big.Int {
	t.Helper()
	value, ok := new(big.Int).SetString(digits, 10)
	if !ok {
		t.Fatalf("not a number: %s", digits)
	}
	return value
}

func fromBig(value *big.Int) Int128 {
	wrapped := new(big.Int).And(value, new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 128), big.NewInt(1)))
	var raw [16]byte
	wrapped.FillBytes(raw[:])
	return FromBytes(raw)
}
