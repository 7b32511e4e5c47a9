package inspect

import (
	"math/bits"
	"time"
)

// histogram counts durations. A bucket ends at most a quarter above where it begins.
type histogram [numBuckets]uint32

// The buckets: four for each power of two, from 1 µs to an hour and more.
const (
	smallest   = 10 // 1,024 ns
	numBuckets = 4*32 + 1
)

// bucketOf returns the bucket of a duration in nanoseconds.
func bucketOf(ns uint64) int {
	n := bits.Len64(ns)
	if n <= smallest {
		return 0
	}
	quarter := ns >> (n - 3) & 3 // the two bits below the highest one
	return min(1+4*(n-smallest-1)+int(quarter), numBuckets-1)
}

// upTo returns the end of a bucket in nanoseconds.
func upTo(bucket int) uint64 {
	if bucket == 0 {
		return 1 << smallest
	}
	power, quarter := uint((bucket-1)/4+smallest), uint64((bucket-1)%4) //nolint:gosec // small
	return 1<<power + (quarter+1)<<(power-2)
}

func (h *histogram) add(ns uint64) { h[bucketOf(ns)]++ }

// quantile returns the time that percent of the count durations do not exceed. It is at most a quarter
// too long, and not longer than the longest.
func (h *histogram) quantile(count uint64, percent uint64, longest uint64) time.Duration {
	need := (count*percent + 99) / 100
	for bucket, n := range h {
		if need <= uint64(n) {
			return time.Duration(min(upTo(bucket), longest)) //nolint:gosec // at most some hours
		}
		need -= uint64(n)
	}
	return time.Duration(longest) //nolint:gosec // a time of this process
}
