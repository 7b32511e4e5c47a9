package framework_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// grants holds one grant of every kind.
type grants struct {
	add      framework.HeaderInserter
	change   framework.HeaderChanger
	rename   framework.HeaderRenamer
	body     framework.BodyReplacer
	rcpt     framework.RecipientAdder
	rcptArgs framework.RecipientArgsAdder
	unrcpt   framework.RecipientDeleter
	sender   framework.SenderChanger
	hold     framework.Quarantiner
}

func allGrants(r *framework.Router) grants {
	return grants{
		r.GrantInsertHeader(), r.GrantChangeHeader(), r.GrantRenameHeader(), r.GrantReplaceBody(), r.GrantAddRecipient(),
		r.GrantAddRecipientWithArgs(), r.GrantDeleteRecipient(), r.GrantChangeSender(), r.GrantQuarantine(),
	}
}

// atEnd is a filter that uses its grants at the end of a message. If keep is
// true, it also requests the header.
func atEnd(keep bool, do func(s *framework.Session, g grants) error) framework.Filter {
	return miltertest.FilterFunc("f", func(r *framework.Router) error {
		g := allGrants(r)
		if keep {
			r.WantHeaders()
		}
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			return framework.Continue, do(s, g)
		})
		return nil
	})
}

const fourFields = "Received: r\nX-A: 1\nX-B: 2\nx-a: 3\n\nbody\n"

// Each call sends the modification of the libmilter function with the same
// purpose.
func TestModifications(t *testing.T) {
	t.Parallel()
	nth := framework.NthHeader
	tests := []struct {
		name string
		do   func(s *framework.Session, g grants) error
		want []string // the modifications sent
	}{
		{
			name: "Append", do: func(s *framework.Session, g grants) error { return g.add.Append(s, "X-C", "v\r\n\tw") },
			want: []string{`SMFIR_ADDHEADER "X-C" "v\n\tw"`},
		},
		{
			name: "Append without a value", do: func(s *framework.Session, g grants) error { return g.add.Append(s, "X-C", "") },
			want: []string{`SMFIR_ADDHEADER "X-C" ""`},
		},
		{
			name: "Insert at the top", do: func(s *framework.Session, g grants) error { return g.add.Insert(s, 0, "X-C", "v") },
			want: []string{`SMFIR_INSHEADER 1 "X-C" "v"`},
		},
		{
			name: "Insert below two", do: func(s *framework.Session, g grants) error { return g.add.Insert(s, 2, "X-C", "v") },
			want: []string{`SMFIR_INSHEADER 3 "X-C" "v"`},
		},
		{
			name: "Insert above Received", do: func(s *framework.Session, g grants) error {
				return g.add.Prepend(s, "X-C", "v")
			},
			want: []string{`SMFIR_INSHEADER 0 "X-C" "v"`},
		},
		{
			name: "Change the second of a name", do: func(s *framework.Session, g grants) error { return g.change.Change(s, nth("X-A", 2), "v") },
			want: []string{`SMFIR_CHGHEADER 2 "x-a" "v"`},
		},
		{
			name: "Delete from the last to the first", do: func(s *framework.Session, g grants) error {
				return errors.Join(g.change.Delete(s, nth("X-A", 1)), g.change.Delete(s, nth("X-A", 2)))
			},
			want: []string{`SMFIR_CHGHEADER 2 "x-a" ""`, `SMFIR_CHGHEADER 1 "X-A" ""`},
		},
		{
			name: "what is inserted does not move what a number means", do: func(s *framework.Session, g grants) error {
				return errors.Join(g.add.Insert(s, 0, "X-A", "v"), g.change.Change(s, nth("x-a", 1), "w"))
			},
			want: []string{`SMFIR_CHGHEADER 1 "X-A" "w"`, `SMFIR_INSHEADER 1 "X-A" "v"`},
		},
		{
			name: "recipients: deletions first", do: func(s *framework.Session, g grants) error {
				return errors.Join(
					g.rcpt.Add(s, "<a@x>"), g.rcpt.Add(s, "<b@x>"), g.rcptArgs.Add(s, "<c@x>", "NOTIFY=NEVER", "ORCPT=rfc822;c@x"),
					g.unrcpt.Delete(s, "<recipient@example.net>"), g.unrcpt.Delete(s, "a@x"))
			},
			want: []string{
				`SMFIR_DELRCPT "<recipient@example.net>"`, `SMFIR_DELRCPT "a@x"`,
				`SMFIR_ADDRCPT "<b@x>"`, `SMFIR_ADDRCPT_PAR "<c@x>" "NOTIFY=NEVER ORCPT=rfc822;c@x"`,
			},
		},
		{
			name: "a recipient deleted and added again", do: func(s *framework.Session, g grants) error {
				return errors.Join(g.unrcpt.Delete(s, "<recipient@example.net>"), g.rcpt.Add(s, "<recipient@example.net>"))
			},
			want: []string{`SMFIR_DELRCPT "<recipient@example.net>"`, `SMFIR_ADDRCPT "<recipient@example.net>"`},
		},
		{
			name: "the last sender counts", do: func(s *framework.Session, g grants) error {
				return errors.Join(g.sender.Change(s, "<a@x>"), g.sender.Change(s, "<b@x>", "RET=HDRS"))
			},
			want: []string{`SMFIR_CHGFROM "<b@x>" "RET=HDRS"`},
		},
		{
			name: "the sender of a bounce", do: func(s *framework.Session, g grants) error { return g.sender.Change(s, "") },
			want: []string{`SMFIR_CHGFROM "<>" ""`},
		},
		{
			name: "Quarantine", do: func(s *framework.Session, g grants) error { return g.hold.Quarantine(s, "suspicious") },
			want: []string{`SMFIR_QUARANTINE "suspicious"`},
		},
		{
			name: "the last body counts, and nothing comes after it", do: func(s *framework.Session, g grants) error {
				return errors.Join(g.body.ReplaceFrom(s, strings.NewReader("one")), g.body.Replace(s, []byte("three\n")), g.add.Append(s, "X", "y"), g.hold.Quarantine(s, "q"))
			},
			want: []string{`SMFIR_ADDHEADER "X" "y"`, `SMFIR_QUARANTINE "q"`, `SMFIR_REPLBODY 7 bytes`},
		},
		{
			name: "an empty body", do: func(s *framework.Session, g grants) error { return g.body.Replace(s, nil) },
			want: []string{`SMFIR_REPLBODY 0 bytes`},
		},
		{
			name: "an empty body of a reader", do: func(s *framework.Session, g grants) error { return g.body.ReplaceFrom(s, strings.NewReader("")) },
			want: []string{`SMFIR_REPLBODY 0 bytes`},
		},
	}
	for _, tt := range tests {
		for _, keep := range []bool{false, true} {
			t.Run(tt.name+map[bool]string{true: ", header wanted"}[keep], func(t *testing.T) {
				t.Parallel()
				res := miltertest.Run(t, atEnd(keep, tt.do), miltertest.Message(fourFields))
				assert.True(t, res.Delivered())
				var got []string
				for _, m := range res.Modifications {
					got = append(got, m.String())
				}
				assert.Equal(t, tt.want, got)
			})
		}
	}
}

// The modifications have the same result on both MTAs, whether or not the MTA
// sends the space after the colon, and whether or not the framework knows the
// header.
func TestModifiedMessage(t *testing.T) {
	t.Parallel()
	const text = "X-A: 1\nX-B:2\nX-A:  3\n\t4\nX-C:\n\nbody\n"
	for _, flavor := range []mta.Flavor{mta.Postfix, mta.Sendmail} {
		for _, raw := range []bool{false, true} {
			for _, keep := range []bool{false, true} {
				t.Run(flavor.String()+map[bool]string{true: ", raw"}[raw]+map[bool]string{true: ", known"}[keep], func(t *testing.T) {
					t.Parallel()
					filter := miltertest.FilterFunc("f", func(r *framework.Router) error {
						g := allGrants(r)
						if keep {
							r.WantHeaders()
						}
						if raw {
							r.WantRawHeaders()
						}
						r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
							return framework.Continue, errors.Join(
								g.change.Change(s, framework.NthHeader("X-A", 1), "one"),
								g.add.Insert(s, 0, "X-A", "top"),
								g.add.Insert(s, 1, "X-D", "second"),
								g.add.Append(s, "X-B", "last"),
								g.add.Append(s, "X-B", "very last"))
						})
						return nil
					})
					res := miltertest.Run(t, filter, miltertest.Message(text), miltertest.MTA(mta.Config{Flavor: flavor}))
					var got []string
					for _, f := range res.Edited.Header {
						got = append(got, f.Name+":"+f.Value)
					}
					assert.Equal(t, []string{
						"X-A: top", "X-D: second", "X-A: one", "X-B:2", "X-A:  3\n\t4", "X-C:", "X-B: last", "X-B: very last",
					}, got)
				})
			}
		}
	}
}

// A renamed field keeps its value byte for byte if the router requested that.
func TestRename(t *testing.T) {
	t.Parallel()
	for _, flavor := range []mta.Flavor{mta.Postfix, mta.Sendmail} {
		res := miltertest.Run(t, miltertest.FilterFunc("f", func(r *framework.Router) error {
			rename := r.GrantRenameHeader()
			r.WantRawHeaders()
			r.ObserveHeader(func(s *framework.Session, h *framework.Header) error {
				if h.Is("x-spam") {
					assert.Equal(t, " forged", h.Value())
					assert.Equal(t, "  forged", h.Raw())
					return rename.Rename(s, h.Handle(), "X-Old-Spam")
				}
				return nil
			})
			return nil
		}), miltertest.Message("A: 1\nX-Spam:  forged\nB: 2\nX-SPAM:  forged\n\nbody\n"), miltertest.MTA(mta.Config{Flavor: flavor}))
		assert.Equal(t, []mta.Field{
			{Name: "A", Value: " 1"}, {Name: "X-Old-Spam", Value: "  forged"}, {Name: "B", Value: " 2"}, {Name: "X-Old-Spam", Value: "  forged"},
		}, res.Edited.Header, "on %v", flavor)
	}
}

// Handlers get the same value with and without SMFIP_HDR_LEADSPC, except from
// Raw.
func TestHeaderValue(t *testing.T) {
	t.Parallel()
	for _, raw := range []bool{false, true} {
		var values []string
		miltertest.Run(t, miltertest.FilterFunc("f", func(r *framework.Router) error {
			if raw {
				r.WantRawHeaders()
			}
			headers := r.WantHeaders()
			r.ObserveHeader(func(_ *framework.Session, h *framework.Header) error { values = append(values, h.Value()); return nil })
			r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
				for f := range headers.All(s) {
					values = append(values, f.Value)
				}
				_, ok := headers.First(s, "Missing")
				assert.False(t, ok)
				return framework.Continue, nil
			})
			return nil
		}), miltertest.Message("A: 1\nB:2\nC:  3\nD: 4\r\n\t5\n\nbody\n")).AssertAccepted(t)
		want := []string{"1", "2", " 3", "4\n\t5"}
		assert.Equal(t, append(want, want...), values, "raw: %v", raw)
	}
}

// A call with a value that cannot be sent to an MTA returns an error. The
// message continues.
func TestBadValues(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 901)
	nth := framework.NthHeader
	tests := map[string]func(s *framework.Session, g grants) error{
		"header: NUL":                       func(s *framework.Session, g grants) error { return g.add.Append(s, "X", "a\x00b") },
		"header: bare CR":                   func(s *framework.Session, g grants) error { return g.add.Append(s, "X", "a\rb") },
		"header: CR CR LF":                  func(s *framework.Session, g grants) error { return g.add.Append(s, "X", "a\r\r\n b") },
		"header: LF without a space":        func(s *framework.Session, g grants) error { return g.add.Append(s, "X", "a\nBcc: b") },
		"header: CRLF without a space":      func(s *framework.Session, g grants) error { return g.add.Insert(s, 0, "X", "a\r\nBcc: b") },
		"header: LF at the end":             func(s *framework.Session, g grants) error { return g.add.Append(s, "X", "a\n") },
		"header: an empty line":             func(s *framework.Session, g grants) error { return g.add.Append(s, "X", "a\n\n b") },
		"header: a line of white space":     func(s *framework.Session, g grants) error { return g.add.Append(s, "X", "a\n \t\n b") },
		"header: white space at the end":    func(s *framework.Session, g grants) error { return g.change.Change(s, nth("X-A", 1), "a\r\n ") },
		"header: too long":                  func(s *framework.Session, g grants) error { return g.add.Append(s, "X", strings.Repeat("x", 64_101)) },
		"name: empty":                       func(s *framework.Session, g grants) error { return g.add.Append(s, "", "a") },
		"name: with a space":                func(s *framework.Session, g grants) error { return g.add.Append(s, "X Y", "a") },
		"name: with a colon":                func(s *framework.Session, g grants) error { return g.add.Insert(s, 0, "X:", "a") },
		"name: with LF":                     func(s *framework.Session, g grants) error { return g.add.Append(s, "X\nY", "a") },
		"name: 8-bit":                       func(s *framework.Session, g grants) error { return g.add.Append(s, "X\xc3\xa4", "a") },
		"name: too long":                    func(s *framework.Session, g grants) error { return g.add.Append(s, long, "a") },
		"position: negative":                func(s *framework.Session, g grants) error { return g.add.Insert(s, -2, "X", "a") },
		"change: empty":                     func(s *framework.Session, g grants) error { return g.change.Change(s, nth("X-A", 1), "") },
		"change: bare CR":                   func(s *framework.Session, g grants) error { return g.change.Change(s, nth("X-A", 1), "a\rb") },
		"change: a bad name":                func(s *framework.Session, g grants) error { return g.change.Delete(s, nth("X A", 1)) },
		"rename: a bad name":                func(s *framework.Session, g grants) error { return g.rename.Rename(s, nth("X-A", 1), "X:") },
		"body: bare CR":                     func(s *framework.Session, g grants) error { return g.body.Replace(s, []byte("a\rb")) },
		"body: CR at the end":               func(s *framework.Session, g grants) error { return g.body.Replace(s, []byte("a\r")) },
		"body: a nil reader":                func(s *framework.Session, g grants) error { return g.body.ReplaceFrom(s, nil) },
		"recipient: not an address":         func(s *framework.Session, g grants) error { return g.rcpt.Add(s, "not an address") },
		"recipient: a list":                 func(s *framework.Session, g grants) error { return g.rcptArgs.Add(s, "a@x, b@x") },
		"recipient: the sender of a bounce": func(s *framework.Session, g grants) error { return g.rcpt.Add(s, "<>") },
		"sender: not an address":            func(s *framework.Session, g grants) error { return g.sender.Change(s, "Ann <ann@example.org>") },
		"recipient: empty":                  func(s *framework.Session, g grants) error { return g.rcpt.Add(s, "") },
		"recipient: NUL":                    func(s *framework.Session, g grants) error { return g.rcpt.Add(s, "a\x00") },
		"recipient: LF":                     func(s *framework.Session, g grants) error { return g.unrcpt.Delete(s, "a\nb") },
		"recipient: too long":               func(s *framework.Session, g grants) error { return g.rcpt.Add(s, strings.Repeat("x", 5000)) },
		"argument: empty":                   func(s *framework.Session, g grants) error { return g.rcptArgs.Add(s, "a", "") },
		"argument: two in one":              func(s *framework.Session, g grants) error { return g.rcptArgs.Add(s, "a", "NOTIFY=NEVER ORCPT=x") },
		"argument: CR":                      func(s *framework.Session, g grants) error { return g.sender.Change(s, "a", "RET=\r") },
		"sender: CRLF":                      func(s *framework.Session, g grants) error { return g.sender.Change(s, "a\r\nDATA") },
	}
	for name, do := range tests {
		for _, keep := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				var err error
				res := miltertest.Run(t, atEnd(keep, func(s *framework.Session, g grants) error {
					err = do(s, g)
					return g.add.Append(s, "X-Next", "yes")
				}), miltertest.Message(fourFields))
				res.AssertAccepted(t)
				assert.Len(t, res.Modifications, 1)
				assert.Equal(t, "yes", res.Header("X-Next"))
				var bad *framework.ValueError
				require.ErrorAs(t, err, &bad)
				assert.NotEmpty(t, bad.What)
				assert.NotEmpty(t, bad.Reason)
			})
		}
	}
}

// The longest accepted name and value can be sent.
func TestLongestHeader(t *testing.T) {
	t.Parallel()
	name, value := strings.Repeat("n", 900), strings.Repeat("v", 64_100)
	res := miltertest.Run(t, atEnd(false, func(s *framework.Session, g grants) error { return g.add.Append(s, name, value) }), miltertest.Message(fourFields))
	assert.Equal(t, value, res.Header(name))
}

// A call with a handle that refers to no field returns an error, if the
// framework can know.
func TestHandlesOfNothing(t *testing.T) {
	t.Parallel()
	var kept, doomed framework.HeaderHandle
	tests := map[string]func(s *framework.Session, g grants, h framework.HeaderHandle) error{
		"zero": func(s *framework.Session, g grants, _ framework.HeaderHandle) error {
			return g.change.Delete(s, framework.HeaderHandle{})
		},
		"number 0": func(s *framework.Session, g grants, _ framework.HeaderHandle) error {
			return g.change.Delete(s, framework.NthHeader("X-A", 0))
		},
		"past the last": func(s *framework.Session, g grants, _ framework.HeaderHandle) error {
			return g.change.Change(s, framework.NthHeader("X-A", 3), "v")
		},
		"no such name": func(s *framework.Session, g grants, _ framework.HeaderHandle) error {
			return g.change.Change(s, framework.NthHeader("X-Z", 1), "v")
		},
		"no such name, renamed": func(s *framework.Session, g grants, _ framework.HeaderHandle) error {
			return g.rename.Rename(s, framework.NthHeader("X-Z", 1), "X-Y")
		},
		"no such name, inserted above": func(s *framework.Session, g grants, _ framework.HeaderHandle) error {
			return g.add.InsertAbove(s, framework.NthHeader("X-Z", 1), "X-Y", "v")
		},
		"number 0, inserted below": func(s *framework.Session, g grants, _ framework.HeaderHandle) error {
			return g.add.InsertBelow(s, framework.NthHeader("X-A", 0), "X-Y", "v")
		},
		"deleted": func(s *framework.Session, g grants, h framework.HeaderHandle) error {
			return errors.Join(g.change.Delete(s, h), unless(g.change.Change(s, h, "v")))
		},
		"deleted, renamed": func(s *framework.Session, g grants, h framework.HeaderHandle) error {
			return errors.Join(g.change.Delete(s, h), unless(g.rename.Rename(s, h, "X-Y")))
		},
		"deleted, by number": func(s *framework.Session, g grants, h framework.HeaderHandle) error {
			return errors.Join(g.change.Delete(s, framework.NthHeader("X-A", 2)), unless(g.change.Change(s, h, "v")))
		},
		"of the last message, deleted": func(s *framework.Session, g grants, h framework.HeaderHandle) error {
			old := doomed
			doomed = h
			return g.change.Delete(s, old)
		},
		"of the last message": func(s *framework.Session, g grants, h framework.HeaderHandle) error {
			old := kept
			kept = h
			return g.rename.Rename(s, old, "X-Old")
		},
	}
	for name, use := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var err error
			srv := miltertest.NewServer(t, miltertest.FilterFunc("f", func(r *framework.Router) error {
				g, headers := allGrants(r), r.WantHeaders()
				r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
					var last framework.Field
					for f := range headers.All(s) {
						last = f
					}
					err = use(s, g, last.Handle)
					return framework.Continue, nil
				})
				return nil
			}))
			conn := srv.Dial(t)
			conn.Run(t, miltertest.Message(fourFields)).AssertAccepted(t)
			conn.Run(t, miltertest.Message(fourFields)).AssertAccepted(t)
			assert.ErrorIs(t, err, framework.ErrNoHeader)
		})
	}
}

// unless returns err, or an error if err is nil.
func unless(err error) error {
	if err == nil {
		return errors.New("no error")
	}
	return err
}

// A handle must not affect another session, although its messages have the same
// numbers.
func TestHandleOfAnotherSession(t *testing.T) {
	t.Parallel()
	var kept framework.HeaderHandle
	var err error
	srv := miltertest.NewServer(t, miltertest.FilterFunc("f", func(r *framework.Router) error {
		change := r.GrantChangeHeader()
		r.ObserveHeader(func(s *framework.Session, h *framework.Header) error {
			if kept == (framework.HeaderHandle{}) {
				kept = h.Handle()
				return nil
			}
			err = change.Delete(s, kept)
			return nil
		})
		return nil
	}))
	srv.Dial(t).Run(t, miltertest.Message("A: 1\n\nbody\n")).AssertAccepted(t)
	srv.Dial(t).Run(t, miltertest.Message("B: 1\n\nbody\n")).AssertUnmodified(t)
	assert.ErrorIs(t, err, framework.ErrNoHeader)
}

// If a handle is used before the header is known and the field does not exist,
// a change makes the lane fail and a deletion does nothing.
func TestHandleNamedEarly(t *testing.T) {
	t.Parallel()
	early := func(do func(s *framework.Session, g framework.HeaderChanger) error) framework.Filter {
		return miltertest.FilterFunc("f", func(r *framework.Router) error {
			change := r.GrantChangeHeader()
			r.WantHeaders()
			r.ObserveMail(func(s *framework.Session, _ *framework.Mail) error { return do(s, change) })
			return nil
		})
	}
	res := miltertest.Run(t, early(func(s *framework.Session, g framework.HeaderChanger) error {
		return errors.Join(g.Change(s, framework.NthHeader("x-a", 2), "new"), g.Delete(s, framework.NthHeader("X-Z", 1)))
	}), miltertest.Message(fourFields))
	assert.Equal(t, []string{"1", "new"}, res.HeaderValues("X-A"))
	assert.Len(t, res.Modifications, 1)
	res = miltertest.Run(t, early(func(s *framework.Session, g framework.HeaderChanger) error {
		return g.Change(s, framework.NthHeader("X-Z", 1), "new")
	}), miltertest.Message(fourFields))
	assert.Equal(t, lacksField, res.Reply())
	assert.Contains(t, res.Logs.String(), "no such header field: number 1 of X-Z")
}

// Modifications are only possible within a message, from a handler.
func TestModificationsOutsideOfAMessage(t *testing.T) {
	t.Parallel()
	errs := map[string]error{}
	var session *framework.Session
	var add framework.HeaderAdder
	srv := miltertest.NewServer(t, miltertest.FilterFunc("f", func(r *framework.Router) error {
		add = r.GrantAddHeader()
		try := func(s *framework.Session, when string) { session, errs[when] = s, add.Append(s, "X", when) }
		r.ObserveConnect(func(s *framework.Session, _ *framework.Connect) error { try(s, "connect"); return nil })
		r.ObserveHelo(func(s *framework.Session, _ *framework.Helo) error { try(s, "helo"); return nil })
		r.ObserveMail(func(s *framework.Session, _ *framework.Mail) error { try(s, "mail"); return nil })
		r.ObserveAbort(func(s *framework.Session, _ *framework.Abort) error { try(s, "abort"); return nil })
		r.ObserveClose(func(s *framework.Session, _ *framework.Close) error { try(s, "close"); return nil })
		return nil
	}))
	conn := srv.Dial(t)
	_, err := conn.Connect(t.Context(), &wire.Connect{Host: []byte("h"), Family: wire.FamilyUnknown})
	require.NoError(t, err)
	_, err = conn.Helo(t.Context(), "client")
	require.NoError(t, err)
	_, err = conn.Mail(t.Context(), "<a@x>")
	require.NoError(t, err)
	require.NoError(t, conn.Abort())
	require.NoError(t, conn.Quit(t.Context()))
	srv.Close(t)
	require.Len(t, errs, 5)
	for when, err := range errs {
		if when == "mail" {
			require.NoError(t, err)
			continue
		}
		require.ErrorIs(t, err, framework.ErrNoMessage, when)
	}
	require.ErrorIs(t, add.Append(session, "X", "y"), framework.ErrNoMessage, "outside of a handler")
}

// A new body of any size and kind arrives complete.
func TestReplaceBody(t *testing.T) {
	t.Parallel()
	large := strings.Repeat("0123456789abcdef0123456789abcdef\n", 5<<20/33)
	for name, text := range map[string]string{
		"small": "a\nb\r\n", "one chunk": strings.Repeat("x", wire.MaxBodyChunk), "a byte more": strings.Repeat("x", wire.MaxBodyChunk+1),
		"CRLF across chunks": strings.Repeat("x", wire.MaxBodyChunk-1) + "\r\nend\n", "5 MiB": large,
	} {
		for _, reader := range []bool{false, true} {
			t.Run(name+map[bool]string{true: " of a reader"}[reader], func(t *testing.T) {
				t.Parallel()
				want := strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\n", "\r\n")
				if !strings.HasSuffix(want, "\r\n") {
					want += "\r\n" // the MTA adds this before the final dot
				}
				body := &closing{Reader: strings.NewReader(text)}
				dir := t.TempDir()
				res := miltertest.Run(t, atEnd(false, func(s *framework.Session, g grants) error {
					if reader {
						return g.body.ReplaceFrom(s, body)
					}
					return g.body.Replace(s, []byte(text))
				}), miltertest.Message(fourFields), miltertest.Configure(func(cfg *framework.Config) { cfg.SpoolDir = dir }))
				res.AssertAccepted(t)
				require.Len(t, res.Body(), len(want))
				same := want == res.Body() // assert.Equal would print megabytes
				assert.True(t, same)
				assert.Equal(t, map[bool]int{true: 1}[reader], body.closed)
			})
		}
	}
}

type closing struct {
	io.Reader
	closed int
}

func (c *closing) Close() error { c.closed++; return nil }

// If reading a new body fails, the framework sends no part of it.
func TestReplaceBodyFails(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		reader io.Reader
		want   string
	}{
		"at once":             {brokenReader{}, policyReply},
		"after a lot":         {io.MultiReader(strings.NewReader(strings.Repeat("x\n", 1<<20)), brokenReader{}), policyReply},
		"truncated":           {io.MultiReader(strings.NewReader("half"), truncated{}), policyReply},
		"a bare CR":           {strings.NewReader("a\rb"), unprocessable},
		"panic":               {panicking{}, policyReply},
		"larger than is kept": {strings.NewReader(strings.Repeat("x\n", 3<<20)), bodyTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body := &closing{Reader: c.reader}
			srv := miltertest.NewServer(t, atEnd(false, func(s *framework.Session, g grants) error {
				return errors.Join(g.add.Append(s, "X", "y"), g.body.ReplaceFrom(s, body))
			}), miltertest.Configure(func(cfg *framework.Config) { cfg.MaxSpool = 5 << 20 }))
			conn := srv.Dial(t)
			res := conn.Run(t, miltertest.Message(fourFields))
			assert.Equal(t, c.want, res.Reply())
			assert.Empty(t, res.Modifications)
			assert.Contains(t, res.Logs.String(), `filter "f" failed at end of message: replacebody: `)
			conn.Run(t, miltertest.Message(fourFields))
			srv.Close(t) // the MTA has its answer before the filter's reader is closed
			assert.Equal(t, 2, body.closed, "once a message")
		})
	}
}

type truncated struct{}

func (truncated) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

type panicking struct{}

func (panicking) Read([]byte) (int, error) { panic("no") }

// If several messages arrive in one read, each has its own new body, although
// nothing is written in between and the filter reuses its memory.
func TestBodiesOfMessagesAtOnce(t *testing.T) {
	t.Parallel()
	srv := miltertest.NewServer(t, miltertest.FilterFunc("f", func(r *framework.Router) error {
		body := r.GrantReplaceBody()
		buf := framework.PerMessage[reused](r)
		n := byte('0')
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			n++
			b := buf.Get(s)
			b.text = append(b.text[:0], 'm', n, '\r', '\n')
			return framework.Continue, body.Replace(s, b.text)
		})
		return nil
	}))
	conn := srv.Dial(t)
	for range 3 {
		conn.Frame(byte(wire.CmdBodyEOB), nil)
	}
	var got []string
	for range 6 {
		r, err := conn.ReadReply(t.Context())
		require.NoError(t, err)
		if b, ok := r.(*wire.ReplaceBody); ok {
			got = append(got, string(b.Chunk))
			continue
		}
		got = append(got, r.String())
	}
	assert.Equal(t, []string{"m1\r\n", "SMFIR_CONTINUE", "m2\r\n", "SMFIR_CONTINUE", "m3\r\n", "SMFIR_CONTINUE"}, got)
}

// reused is memory that a filter uses for each message in turn.
type reused struct{ text []byte }

func (r *reused) ResetSlot() {
	for i := range r.text {
		r.text[i] = '#'
	}
}

// The modifications of one message do not affect the next.
func TestEditsEndWithTheMessage(t *testing.T) {
	t.Parallel()
	var n int
	srv := miltertest.NewServer(t, miltertest.FilterFunc("f", func(r *framework.Router) error {
		g := allGrants(r)
		r.OnMail(func(s *framework.Session, _ *framework.Mail) (framework.Verdict, error) {
			if n++; n > 1 {
				return framework.Continue, nil
			}
			return framework.Continue, errors.Join(g.add.Append(s, "X", "y"), g.sender.Change(s, "<z@x>"), g.rcpt.Add(s, "<z@x>"),
				g.body.Replace(s, []byte("z")), g.hold.Quarantine(s, "z"), g.change.Delete(s, framework.NthHeader("X-A", 1)))
		})
		return nil
	}))
	conn := srv.Dial(t)
	_, err := conn.Mail(t.Context(), "<a@x>")
	require.NoError(t, err)
	require.NoError(t, conn.Abort())
	conn.Run(t, miltertest.Message(fourFields)).AssertUnmodified(t)
}
