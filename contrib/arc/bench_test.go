package arc_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/arc"
)

// BenchmarkVerify verifies chains of some lengths, with keys of 1024 bits. A message without a
// chain costs its header and body only.
func BenchmarkVerify(b *testing.B) {
	z := published(b, domains...)
	for _, n := range []int{0, 1, 5} {
		b.Run(fmt.Sprintf("%d sets", n), func(b *testing.B) {
			message := sealed(b, n, letter+strings.Repeat("How are you?\r\n", 500))
			b.SetBytes(int64(len(message)))
			b.ReportAllocs()
			for b.Loop() {
				_ = verify(b, z, message)
			}
		})
	}
}

func BenchmarkSeal(b *testing.B) {
	for _, n := range []int{0, 4} {
		b.Run(fmt.Sprintf("%d sets before", n), func(b *testing.B) {
			message := sealed(b, n, letter+strings.Repeat("How are you?\r\n", 500))
			r, cfg := verify(b, published(b, domains...), message), hop(b, domains[n])
			b.ReportAllocs()
			for b.Loop() {
				_, err := arc.Seal(cfg, r, strings.NewReader(message))
				require.NoError(b, err)
			}
		})
	}
}

// TestAllocations holds the line for a message without a chain, which most are.
func TestAllocations(t *testing.T) { //nolint:paralleltest // it counts the allocations of the process
	z := published(t, domains...)
	message := sealed(t, 1, letter)
	none := testing.AllocsPerRun(20, func() { _ = verify(t, z, letter) })
	one := testing.AllocsPerRun(20, func() { _ = verify(t, z, message) })
	require.Less(t, none, 40.0)
	require.Less(t, one, 400.0)
}
