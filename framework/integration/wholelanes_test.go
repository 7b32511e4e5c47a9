//go:build integration

package integration_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest/realmta"
)

// shouter is a filter that edits the header in every way, and writes the body in upper
// case while the framework reads it.
type shouter struct{}

func (shouter) Name() string { return "shouter" }

func (shouter) Register(r *framework.Router) error {
	body, headers := r.WantBody(), r.WantHeaders()
	add, change, rename, replace := r.GrantInsertHeader(), r.GrantChangeHeader(), r.GrantRenameHeader(), r.GrantReplaceBody()
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		errs := []error{
			add.Append(s, "X-Last", "a\n\tfolded\n value"), add.InsertTop(s, "X-Top", "\xe9"), add.Insert(s, 1, "X-Second", ""),
			replace.ReplaceFrom(s, upperCase{body.Reader(s)}),
		}
		for f := range headers.All(s) {
			switch f.Name {
			case "X-Change":
				errs = append(errs, change.Change(s, f.Handle, f.Value+" changed"))
			case "X-Raw":
				errs = append(errs, change.ChangeRaw(s, f.Handle, "no space"))
			case "X-Delete":
				errs = append(errs, change.Delete(s, f.Handle))
			case "X-Rename":
				errs = append(errs, rename.Rename(s, f.Handle, "X-Renamed"), add.InsertBelow(s, f.Handle, "X-Below", "\tx"))
			}
		}
		return framework.Continue, errors.Join(errs...)
	})
	return nil
}

// upperCase is a reader that writes what it reads in upper case.
type upperCase struct{ io.Reader }

func (u upperCase) Read(p []byte) (int, error) {
	n, err := u.Reader.Read(p)
	copy(p, bytes.ToUpper(p[:n]))
	return n, err
}

// TestWholeMessageBehindAnEditor mounts a filter behind one that edits the header and the
// body. What it reads is what the server delivers, but for the Received field.
func TestWholeMessageBehindAnEditor(t *testing.T) {
	t.Parallel()
	const edited = "X-Change: a\r\n\tb\r\nX-Raw: x\r\nX-Delete: x\r\nX-Rename:  x\r\nX-Change:b\r\n"
	messages := map[string]string{
		"edited":        edited + "\r\nhow are you?\r\n",
		"large":         edited + "\r\n" + strings.Repeat("how are you?\r\n", 100_000),
		"no body":       edited + "\r\n",
		"dots":          edited + "\r\n.\r\n..a\r\n",
		"nothing to do": "A: b\r\nB:\r\nC:\td\r\n\r\nx\r\n",
		"no header":     "\r\nx\r\n",
	}
	for name, start := range realmta.Each(realmta.Config{}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mta, g := behind(t, start, "unix")
			var last archivist
			r := framework.NewRouter()
			r.Mount(shouter{})
			r.Mount(&last)
			g.serve(t, r)
			for letter, to := range sendAll(t, mta, messages) {
				delivered := string(mta.Sink().Await(t, realmta.ToRecipient(to)).WithoutTrace())
				assert.Empty(t, firstDifference(delivered, last.read(t, to)), letter)
				assert.Contains(t, delivered, "X-Last: a\r\n\tfolded\r\n value\r\n", letter)
				_, body, _ := strings.Cut(messages[letter], "\r\n\r\n")
				assert.True(t, strings.HasSuffix(delivered, "\r\n"+strings.ToUpper(body)), letter)
			}
		})
	}
}
