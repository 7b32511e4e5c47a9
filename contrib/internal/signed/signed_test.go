package signed_test

import (
	"bufio"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/internal/canon"
	"github.com/sluicemail/sluice/contrib/internal/signed"
)

func TestIs(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{"From": true, "FROM \t": true, "from": true, "Fro": false, "From:": false, "X-From": false} {
		assert.Equal(t, want, signed.Field{Name: name}.Is("From"), name)
	}
	assert.False(t, signed.Field{Name: "\u017fubject"}.Is("Subject"), "the long s is another letter")
}

func TestIndex(t *testing.T) {
	t.Parallel()
	x := signed.NewIndex([]signed.Field{{Name: "To"}, {Name: "From "}, {Name: "TO"}})
	assert.Equal(t, signed.Index{"to": {2, 0}, "from": {1}}, x, "from the bottom to the top")
}

func TestRestoreSpaces(t *testing.T) {
	t.Parallel()
	fields := []signed.Field{{Raw: "a"}, {Raw: "\tb"}, {Raw: ""}, {Raw: " c"}}
	signed.RestoreSpaces(fields)
	assert.Equal(t, []signed.Field{{Raw: " a"}, {Raw: "\tb"}, {Raw: " "}, {Raw: "  c"}}, fields)
}

// sum returns what a hash of the fields is expected to be.
func sum(text string) []byte {
	s := sha256.Sum256([]byte(text))
	return s[:]
}

func TestHeaderHash(t *testing.T) {
	t.Parallel()
	fields := []signed.Field{
		{Name: "Sig", Raw: " b="}, {Name: "To", Raw: " one"}, {Name: "From", Raw: "  ann"}, {Name: "To", Raw: " two"},
	}
	x := signed.NewIndex(fields)
	for name, c := range map[string]struct {
		method canon.Method
		names  []string
		itself int
		want   string
	}{
		"bottom to top": {canon.Relaxed, []string{"to", "From", "TO"}, 0, "to:two\r\nfrom:ann\r\nto:one\r\nsig:b="},
		"more than all": {canon.Relaxed, []string{"from", "from", "x"}, 0, "from:ann\r\nsig:b="},
		"not itself":    {canon.Relaxed, []string{"sig", "from"}, 0, "from:ann\r\nsig:b="},
		"another":       {canon.Relaxed, []string{"sig"}, signed.NoField, "sig:b=\r\nsig:b="},
		"simple":        {canon.Simple, []string{"from"}, 0, "From:  ann\r\nSig: b="},
	} {
		h := signed.NewHeaderHash(c.method)
		h.AddNamed(fields, x, c.names, c.itself)
		for range 2 { // it can be called again
			got, err := h.Sum("Sig", " b=")
			require.NoError(t, err)
			assert.Equal(t, sum(c.want), got, name)
		}
	}
	h := signed.NewHeaderHash(canon.Relaxed)
	assert.Zero(t, h.Size())
	h.Add(fields[1])
	assert.Equal(t, len("to:one\r\n"), h.Size())
	_, err := h.Sum("Sig", "")
	require.NoError(t, err)
	assert.Equal(t, len("to:one\r\n"), h.Size(), "without the signature")
	h.Add(fields[3])
	got, err := h.Sum("Sig", "")
	require.NoError(t, err)
	assert.Equal(t, sum("to:one\r\nto:two\r\nsig:"), got)
}

func TestBodies(t *testing.T) {
	t.Parallel()
	var b signed.Bodies
	for range 2 { // its memory is used again
		b.Reset()
		relaxed := b.Request(signed.BodyKind{Method: canon.Relaxed, Limit: signed.Whole})
		assert.Same(t, relaxed, b.Request(signed.BodyKind{Method: canon.Relaxed, Limit: signed.Whole}))
		cut := b.Request(signed.BodyKind{Method: canon.Relaxed, Limit: 3})
		longer := b.Request(signed.BodyKind{Method: canon.Relaxed, Limit: 99})
		simple := b.Request(signed.BodyKind{Method: canon.Simple, Limit: signed.Whole})
		for _, piece := range []string{"a  ", "b \r", "\nc", "\r\n\r\n"} {
			n, err := b.Write([]byte(piece))
			require.NoError(t, err)
			require.Equal(t, len(piece), n)
		}
		b.End()
		assert.Equal(t, sum("a b\r\nc\r\n"), relaxed.Sum[:])
		assert.Equal(t, sum("a b"), cut.Sum[:])
		assert.Equal(t, relaxed.Sum, longer.Sum)
		assert.Equal(t, sum("a  b \r\nc\r\n"), simple.Sum[:])
		assert.Equal(t, []int64{8, 8, 8, 10}, []int64{relaxed.Size, cut.Size, longer.Size, simple.Size})
	}
}

func TestReadHeader(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text string
		want []signed.Field
		err  string
	}{
		"empty":       {"", nil, ""},
		"no fields":   {"\r\nbody", nil, ""},
		"both ends":   {"A: 1\r\nB : 2\n\tmore\r\n\r\nbody", []signed.Field{{Name: "A", Raw: " 1"}, {Name: "B ", Raw: " 2\r\n\tmore"}}, ""},
		"no body":     {"A:1", []signed.Field{{Name: "A", Raw: "1"}}, ""},
		"white space": {" A: 1\n", nil, "the message begins with white space"},
		"no colon":    {"A: 1\nmoo\n", nil, "a line of the header has no colon"},
		"too large":   {"A: " + strings.Repeat("x", signed.MaxHeader), nil, "the header is too large"},
		"many fields": {strings.Repeat("A: "+strings.Repeat("x", 1<<20)+"\n", 9), nil, "the header is too large"},
	} {
		fields, err := signed.ReadHeader(bufio.NewReader(strings.NewReader(c.text)))
		if c.err != "" {
			assert.EqualError(t, err, c.err, name)
			continue
		}
		require.NoError(t, err, name)
		assert.Equal(t, c.want, fields, name)
	}
	wrong := errors.New("wrong")
	_, err := signed.ReadHeader(bufio.NewReader(iotest.ErrReader(wrong)))
	assert.ErrorIs(t, err, wrong)
}

// TestReadBody converts line ends, wherever a piece ends.
func TestReadBody(t *testing.T) {
	t.Parallel()
	const text = "a\nb\r\n\nc\rd\r\n"
	for name, wrap := range map[string]func(io.Reader) io.Reader{
		"whole": func(r io.Reader) io.Reader { return r }, "bytes": iotest.OneByteReader, "halves": iotest.HalfReader, "at the end": iotest.DataErrReader,
	} {
		var b signed.Bodies
		h := b.Request(signed.BodyKind{Method: canon.Simple, Limit: signed.Whole})
		require.NoError(t, b.ReadBody(wrap(strings.NewReader(text))))
		assert.Equal(t, sum("a\r\nb\r\n\r\nc\rd\r\n"), h.Sum[:], name)
	}
	wrong := errors.New("wrong")
	var b signed.Bodies
	assert.ErrorIs(t, b.ReadBody(iotest.ErrReader(wrong)), wrong)
}

func TestFolder(t *testing.T) {
	t.Parallel()
	f := signed.Folder{Indent: "\t", Max: 10, Width: 4}
	f.Add(" a=1;")
	f.Add(" b=2;")
	f.Add(" c=345678901234567890;")
	f.Break()
	f.Add("d=4")
	assert.Equal(t, " a=1;\n\tb=2;\n\tc=345678901234567890;\n\td=4", f.String())
}

func TestFoldBase64(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "AAAA", signed.FoldBase64(make([]byte, 3), 76, "\t"))
	assert.Equal(t, "AAAAAAA\n AAAAAAAAA\n AAAA", signed.FoldBase64(make([]byte, 15), 10, " "))
}

func TestKeys(t *testing.T) {
	t.Parallel()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	for _, key := range []crypto.Signer{rsaKey, edKey} {
		data, err := signed.Sign(key, sum("x"))
		require.NoError(t, err)
		assert.True(t, signed.Verifies(key.Public(), sum("x"), data))
		assert.False(t, signed.Verifies(key.Public(), sum("y"), data))
		assert.False(t, signed.Verifies(key.Public(), sum("x"), data[1:]))
	}
	assert.False(t, signed.Verifies("no key", sum("x"), nil))
}
