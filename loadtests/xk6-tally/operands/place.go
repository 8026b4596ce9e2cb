package operands

// Mix is the finalizer of splitmix64 (Stafford's variant 13): the contract's hash of 64 bits.
func Mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xBF58476D1CE4E5B9
	x = (x ^ x>>27) * 0x94D049BB133111EB
	return x ^ x>>31
}

// Partition is the partition of an id; contracts/examples/partitions.json has test vectors.
func (id ID) Partition(partitions int) int32 {
	hi, lo := id.Halves()
	return int32(Mix(hi^(lo<<32|lo>>32)) % uint64(partitions))
}

// Fingerprint is the hash of one id that a digest adds up.
func (id ID) Fingerprint() uint64 {
	hi, lo := id.Halves()
	return Mix(hi ^ Mix(lo))
}
