package framework_test

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// uppercase is a filter's own reader: it writes what it reads in upper case.
type uppercase struct{ io.Reader }

func (u uppercase) Read(p []byte) (int, error) {
	n, err := u.Reader.Read(p)
	copy(p, bytes.ToUpper(p[:n]))
	return n, err
}

// afterHeader reads what follows the first empty line.
func afterHeader(r io.Reader) io.Reader {
	all, err := io.ReadAll(r)
	if err != nil {
		return failing{err}
	}
	_, body, _ := bytes.Cut(all, []byte("\r\n\r\n"))
	return bytes.NewReader(body)
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// late is a reader that the filter opens when the framework first reads it.
type late struct {
	open func() io.Reader
	r    io.Reader
}

func (l *late) Read(p []byte) (int, error) {
	if l.r == nil {
		l.r = l.open()
	}
	return l.r.Read(p)
}

// replacer replaces the body by the text, through a reader or from memory.
func replacer(text string, fromReader bool) func(r *framework.Router) error {
	return func(r *framework.Router) error {
		replace := r.GrantReplaceBody()
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			if fromReader {
				return framework.Continue, replace.ReplaceFrom(s, strings.NewReader(text))
			}
			return framework.Continue, replace.Replace(s, []byte(text))
		})
		return nil
	}
}

// A filter may pass a reader of the old body or message to ReplaceFrom. It is valid until
// the framework has read the new body, whichever filters replace the body before and after.
func TestReplaceFromOldBody(t *testing.T) {
	t.Parallel()
	type kept struct {
		body    framework.KeptBody
		message framework.KeptMessage
	}
	text := strings.Repeat("how are you?\r\n", 10_000)
	readers := map[string]func(k kept, s *framework.Session) io.Reader{
		"body":    func(k kept, s *framework.Session) io.Reader { return k.body.Reader(s) },
		"wrapped": func(k kept, s *framework.Session) io.Reader { return uppercase{k.body.Reader(s)} },
		"message": func(k kept, s *framework.Session) io.Reader { return afterHeader(k.message.Reader(s)) },
		"wrapped message": func(k kept, s *framework.Session) io.Reader {
			r := k.message.Reader(s)
			return &late{open: func() io.Reader { return uppercase{afterHeader(r)} }}
		},
		"opened late": func(k kept, s *framework.Session) io.Reader {
			return &late{open: func() io.Reader { return k.body.Reader(s) }}
		},
		"twice": func(k kept, s *framework.Session) io.Reader {
			return io.MultiReader(k.body.Reader(s), uppercase{k.body.Reader(s)})
		},
	}
	before := map[string][]func(*framework.Router) error{
		"alone": nil, "behind memory": {replacer(text, false)}, "behind a reader": {replacer(text, true)},
	}
	behind := map[string][]func(*framework.Router) error{
		"last": nil, "before memory": {replacer("new", false)}, "before a reader": {replacer("new", true)},
	}
	want := map[string]string{"wrapped": strings.ToUpper(text), "wrapped message": strings.ToUpper(text), "twice": text + strings.ToUpper(text)}
	for name, open := range readers {
		for nameBefore, filtersBefore := range before {
			for nameBehind, filtersBehind := range behind {
				t.Run(name+" "+nameBefore+" "+nameBehind, func(t *testing.T) {
					t.Parallel()
					for _, memory := range []int64{0, 1} { // in memory, and in a file
						sent := text
						if filtersBefore != nil {
							sent = "old\r\n"
						}
						var left []byte
						rewriter := func(r *framework.Router) error {
							k := kept{r.WantBody(), r.WantMessage()}
							replace := r.GrantReplaceBody()
							r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
								return framework.Continue, replace.ReplaceFrom(s, open(k, s))
							})
							return nil
						}
						look := func(r *framework.Router) error {
							body := r.WantBody()
							r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (_ framework.Verdict, err error) {
								left, err = io.ReadAll(body.Reader(s))
								return framework.Continue, err
							})
							return nil
						}
						filters := slices.Concat(filtersBefore, []func(*framework.Router) error{rewriter, look}, filtersBehind)
						res := miltertest.RunRouter(t, chain(filters...), miltertest.Message("A: b\n\n"+sent), miltertest.Configure(func(cfg *framework.Config) {
							cfg.SpoolMemory = memory
						}))
						res.AssertAccepted(t)
						expected := want[name]
						if expected == "" {
							expected = text
						}
						assert.True(t, bytes.Equal([]byte(expected), left), "%.100q", left)
						if filtersBehind == nil {
							assert.True(t, bytes.Equal([]byte(expected), res.Edited.Body))
						} else {
							assert.Equal(t, "new", strings.TrimSpace(string(res.Edited.Body)))
						}
					}
				})
			}
		}
	}
}
