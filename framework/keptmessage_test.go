package framework_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// archive reads the whole message in several ways, which must agree.
type archive struct {
	message   framework.KeptMessage
	headers   framework.KeptHeader
	body      framework.KeptBody
	got       string
	raw       bool
	byHandler []byte // the fields that the handler of Header was shown
}

func (a *archive) register(t *testing.T, r *framework.Router) {
	t.Helper()
	a.message, a.headers, a.body = r.WantMessage(), r.WantHeaders(), r.WantBody()
	r.ObserveHeader(func(_ *framework.Session, h *framework.Header) error {
		assert.Equal(t, string(h.Field().AppendWire(nil)), string(h.AppendWire(nil)))
		a.byHandler = h.AppendWire(a.byHandler)
		return nil
	})
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		a.raw = s.RawHeaders()
		whole, err := io.ReadAll(a.message.Reader(s))
		require.NoError(t, err)
		a.got = string(whole)
		assert.Equal(t, a.message.Size(s), int64(len(whole)))
		assert.NoError(t, iotest.TestReader(a.message.Reader(s), whole))

		var copied, fields strings.Builder
		_, err = io.Copy(&copied, a.message.Reader(s)) // uses WriteTo
		assert.NoError(t, err)
		assert.Equal(t, a.got, copied.String())
		for f := range a.headers.All(s) {
			fields.Write(f.AppendWire(nil))
		}
		assert.Equal(t, string(a.byHandler), fields.String())
		fields.WriteString("\r\n")
		_, err = io.Copy(&fields, a.body.Reader(s))
		assert.NoError(t, err)
		assert.Equal(t, a.got, fields.String())
		return framework.Continue, nil
	})
}

// odd is a message with every form of a field.
const odd = "Subject: hello\r\nNoSpace:x\r\nTwo:  x\r\nTab:\tx\r\nEmpty:\r\nSpace: \r\n" +
	"Folded: a\r\n\tb\r\n c\r\nodd name: x\r\nEightBit: \xe9\xff\r\nsubject: again\r\n"

func TestWantMessage(t *testing.T) {
	t.Parallel()
	big := strings.Repeat("0123456789abcde\r\n", 10_000)
	for name, c := range map[string]struct{ header, body string }{
		"usual":       {"Subject: hello\r\nFrom: a@example.org\r\n", "How are you?\r\n"},
		"odd fields":  {odd, "x\r\n"},
		"no header":   {"", "x\r\n"},
		"no body":     {"Subject: x\r\n", ""},
		"nothing":     {"", ""},
		"large":       {strings.Repeat("X-Long: "+strings.Repeat("x", 3000)+"\r\n\tmore\r\n", 30), big},
		"empty lines": {"A: b\r\n", "\r\n\r\n.\r\n..\r\n\r\n"},
		"no line end": {"A: b\r\n", "x"},
	} {
		for _, flavor := range []miltertest.Personality{miltertest.Postfix(), miltertest.Sendmail(), miltertest.Plain()} {
			t.Run(name+" on "+flavor.Name, func(t *testing.T) {
				t.Parallel()
				for _, memory := range []int64{0, 1} { // in memory, and in a file
					msg := letterOf(c.header, c.body)
					var a archive
					res := miltertest.Run(t, miltertest.FilterFunc("archive", func(r *framework.Router) error {
						a.register(t, r)
						return nil
					}), msg, miltertest.As(flavor), miltertest.Configure(func(cfg *framework.Config) { cfg.SpoolMemory = memory }))
					res.AssertUnmodified(t)
					assert.True(t, a.raw)
					assert.Equal(t, c.header+"\r\n"+c.body, a.got)
				}
			})
		}
	}
}

// letterOf returns a message of exactly these bytes.
func letterOf(header, body string) *mta.Message {
	msg := miltertest.Message("\n")
	msg.Header, msg.Body = wireFields(header), []byte(body)
	return msg
}

// wireFields returns the fields of a header.
func wireFields(header string) (fields []mta.Field) {
	for header != "" {
		end := 0
		for {
			end += strings.Index(header[end:], "\r\n") + 2
			if end == len(header) || header[end] != ' ' && header[end] != '\t' {
				break
			}
		}
		name, value, _ := strings.Cut(header[:end-2], ":")
		fields = append(fields, mta.Field{Name: name, Value: value})
		header = header[end:]
	}
	return fields
}

// An MTA that cannot send the space after the colon removes one. What is read then has one
// space, whether or not there was one.
func TestWantMessageWithoutTheSpace(t *testing.T) {
	t.Parallel()
	var a archive
	msg := letterOf("A: one\r\nB:none\r\nC:  two\r\nD: a\r\n\tb\r\nE:\r\n", "x\r\n")
	miltertest.Run(t, miltertest.FilterFunc("archive", func(r *framework.Router) error {
		a.register(t, r)
		return nil
	}), msg, miltertest.As(miltertest.Postfix().Without(wire.ProtoHdrLeadSpc))).AssertAccepted(t)
	assert.False(t, a.raw)
	assert.Equal(t, "A: one\r\nB: none\r\nC:  two\r\nD: a\r\n\tb\r\nE: \r\n\r\nx\r\n", a.got)
}

// The line ends of a value become CRLF, whichever the MTA sends.
func TestAppendWireLineEnds(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"":              "A:\r\n",
		" b":            "A: b\r\n",
		" b\n\tc":       "A: b\r\n\tc\r\n",
		" b\r\n\tc\n d": "A: b\r\n\tc\r\n d\r\n",
		" b\r":          "A: b\r\r\n",
		" b\r\r\n c":    "A: b\r\r\n c\r\n",
		" b\rc":         "A: b\rc\r\n",
		"\n":            "A:\r\n\r\n",
	} {
		assert.Equal(t, "before "+want, string(framework.Field{Name: "A", Raw: raw}.AppendWire([]byte("before "))), "%q", raw)
	}
}

// A view changes what a handler sees of a field, but not the message.
func TestAppendWireWithAView(t *testing.T) {
	t.Parallel()
	var got []byte
	r := framework.NewRouter()
	r.ObserveHeader(func(_ *framework.Session, h *framework.Header) error {
		h.SetView(shouting{})
		got = h.Field().AppendWire(h.AppendWire(got))
		assert.Equal(t, "SUBJECT", h.Field().Name)
		return nil
	})
	miltertest.RunRouter(t, r, letterOf("Subject: hello\r\n", "")).AssertAccepted(t)
	assert.Equal(t, "Subject: hello\r\nSubject: hello\r\n", string(got))
}

// shouting is a view in upper case.
type shouting struct{}

func (shouting) Name(raw string) string           { return strings.ToUpper(raw) }
func (shouting) Value(raw string) (string, error) { return strings.ToUpper(raw), nil }

// The filter mounted behind another one reads the message as that one left it, which is what
// is delivered.
func TestWantMessageBehindAnEditor(t *testing.T) {
	t.Parallel()
	for _, p := range miltertest.Personalities() {
		t.Run(p.Name, func(t *testing.T) {
			t.Parallel()
			var before, behind string
			read := func(got *string) func(r *framework.Router) error {
				return func(r *framework.Router) error {
					message := r.WantMessage()
					r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
						whole, err := io.ReadAll(message.Reader(s))
						*got = string(whole)
						return framework.Continue, err
					})
					return nil
				}
			}
			edit := func(r *framework.Router) error {
				add, change, rename, body := r.GrantInsertHeader(), r.GrantChangeHeader(), r.GrantRenameHeader(), r.GrantReplaceBody()
				r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
					return framework.Continue, errors.Join(
						add.Append(s, "X-Last", "a\n\tb"), add.Insert(s, 0, "X-First", "1"),
						change.Change(s, framework.NthHeader("B", 1), "changed"), change.Delete(s, framework.NthHeader("C", 1)),
						rename.Rename(s, framework.NthHeader("D", 1), "D-Old"), body.Replace(s, []byte("new\nbody\n")),
					)
				})
				return nil
			}
			const sent = "A: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\n"
			msg := letterOf(sent, "old\r\n")
			res := miltertest.RunRouter(t, chain(read(&before), edit, read(&behind)), msg, miltertest.As(p))
			res.AssertAccepted(t)
			assert.Equal(t, sent+"\r\nold\r\n", before)
			const want = "X-First: 1\r\nA: 1\r\nB: changed\r\nD-Old: 4\r\nX-Last: a\r\n\tb\r\n"
			assert.Equal(t, want+"\r\nnew\r\nbody\r\n", behind)
			var delivered strings.Builder
			for _, f := range res.Edited.Header {
				delivered.Write(framework.Field{Name: f.Name, Raw: f.Value}.AppendWire(nil))
			}
			assert.Equal(t, want, delivered.String())
		})
	}
}
