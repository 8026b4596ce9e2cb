package topic

import (
	"time"

	"tally.internal/xk6-tally/operands"
)

// sumAdded is a record of the sums topic (contracts/avro/sum_added.avsc); numbers are unscaled, big-endian.
type sumAdded struct {
	RequestID [16]byte  `avro:"request_id"`
	A         [16]byte  `avro:"a"`
	B         [16]byte  `avro:"b"`
	Sum       [16]byte  `avro:"sum"`
	AddedAt   time.Time `avro:"added_at"`
}

// deadLetter is what is read of a dead letter (contracts/avro/dead_letter.avsc).
type deadLetter struct {
	Partition int32  `avro:"source_partition"`
	Offset    int64  `avro:"source_offset"`
	Reason    string `avro:"reason"`
}

// fault tells what is wrong with a record of the run in its place, "" when nothing is.
func (s *sumAdded) fault(key []byte, partition int32, partitions int) string {
	sum, fits := operands.FromBytes(s.A).Plus(operands.FromBytes(s.B))
	switch {
	case !fits || sum != operands.FromBytes(s.Sum):
		return "sum is not a + b"
	case string(key) != string(s.RequestID[:]):
		return "the key is not the request id"
	case operands.ID(s.RequestID).Partition(partitions) != partition:
		return "the partition is not the request id's"
	}
	return ""
}
