package workload_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/benchmarks/internal/workload"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for _, name := range slices.Concat(workload.Names(), workload.Waiting()) {
		got, err := workload.Parse(string(name))
		require.NoError(t, err)
		assert.Equal(t, name, got)
	}
	_, err := workload.Parse("w5")
	assert.ErrorContains(t, err, `"w5"`)
}

func TestNewMessage(t *testing.T) {
	t.Parallel()
	m := workload.NewMessage(workload.Size{Rcpts: 3, Headers: 5, Body: 1000})
	assert.Len(t, m.Recipients, 3)
	assert.Len(t, m.Header, 5)
	assert.Len(t, m.Body, 1000)
	assert.Equal(t, workload.Watched, m.Header[2].Name)
}

func TestNewBodyIsLines(t *testing.T) {
	t.Parallel()
	body := workload.NewBody()
	assert.Len(t, body, workload.Mebibyte)
	assert.Equal(t, workload.Mebibyte/workload.LineLen, bytes.Count(body, []byte("\r\n")))
	assert.True(t, bytes.HasSuffix(body, []byte("\r\n")))
}

func TestAdded(t *testing.T) {
	t.Parallel()
	m := workload.NewMessage(workload.W1.DefaultSize())
	sum := sha256.Sum256(m.Body)
	want := map[workload.Name]workload.Field{
		workload.W1:   {Name: "X-Seen", Value: "Ann Example <ann@example.org>"},
		workload.W1MW: {Name: "X-Seen", Value: "Ann Example <ann@example.org>"},
		workload.W3:   {Name: "X-Digest", Value: hex.EncodeToString(sum[:])},
	}
	for _, name := range workload.Names() {
		got, ok := name.Added(&m)
		assert.Equal(t, want[name], got, name)
		assert.Equal(t, want[name] != workload.Field{}, ok, name)
	}
}

func TestAddedWithoutTheField(t *testing.T) {
	t.Parallel()
	got, ok := workload.W1.Added(&workload.Message{})
	assert.True(t, ok)
	assert.Equal(t, workload.Field{Name: workload.Copied}, got)
}

// TestLetter checks the properties of a letter that matter for signing.
func TestLetter(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1000, 8 << 10, workload.Mebibyte} {
		letter := workload.NewLetter(size)
		assert.Len(t, letter.Header, 20)
		assert.Len(t, letter.Body, size)
		assert.True(t, bytes.HasSuffix(letter.Body, []byte("\r\n")), "OpenDKIM signs no other")
		assert.NotContains(t, string(bytes.ReplaceAll(letter.Body, []byte("\r\n"), nil)), "\r", "a CR alone is none of mail")
	}
}
