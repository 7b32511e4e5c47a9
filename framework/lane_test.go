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

// chain returns a router with the given functions mounted as filters a, b, c,
// and so on.
func chain(registers ...func(*framework.Router) error) *framework.Router {
	r := framework.NewRouter()
	for i, register := range registers {
		r.Mount(miltertest.FilterFunc(string(rune('a'+i)), register))
	}
	return r
}

// witness registers a handler for everything that records its events in the
// diary.
func (d *diary) witness(name string) func(*framework.Router) error {
	return func(r *framework.Router) error {
		note := func(what string) { d.add(name + " " + what) }
		r.ObserveMail(func(_ *framework.Session, m *framework.Mail) error { note("mail " + m.Sender()); return nil })
		r.ObserveRcpt(func(_ *framework.Session, m *framework.Rcpt) error { note("rcpt " + m.Recipient()); return nil })
		r.ObserveHeader(func(_ *framework.Session, h *framework.Header) error { note(h.Name() + ":" + h.Value()); return nil })
		r.ObserveEndOfHeaders(func(*framework.Session, *framework.EndOfHeaders) error { note("eoh"); return nil })
		r.ObserveBody(func(_ *framework.Session, b *framework.Body) error { note("body " + string(b.Chunk())); return nil })
		r.OnEndOfMessage(func(*framework.Session, *framework.EndOfMessage) (framework.Verdict, error) {
			note("eom")
			return framework.Continue, nil
		})
		r.ObserveAbort(func(*framework.Session, *framework.Abort) error { note("abort"); return nil })
		return nil
	}
}

// of returns what one filter recorded.
func (d *diary) of(name string) []string {
	var lines []string
	for _, l := range d.lines {
		if text, ok := strings.CutPrefix(l, name+" "); ok {
			lines = append(lines, text)
		}
	}
	return lines
}

var wholeMessage = []string{
	"mail sender@example.org", "rcpt recipient@example.net",
	"From:a@example.org", "Subject:hello", "eoh", "body How are you?\r\n", "eom",
}

// Accept at any stage ends only the lane that returned it.
func TestAcceptEndsOneLane(t *testing.T) {
	t.Parallel()
	for stage, accept := range map[string]func(*framework.Router){
		"mail":   func(r *framework.Router) { r.OnMail(says[*framework.Mail](framework.Accept)) },
		"rcpt":   func(r *framework.Router) { r.OnRcpt(says[*framework.Rcpt](framework.Accept)) },
		"data":   func(r *framework.Router) { r.OnData(says[*framework.Data](framework.Accept)) },
		"header": func(r *framework.Router) { r.OnHeader(says[*framework.Header](framework.Accept)) },
		"eoh":    func(r *framework.Router) { r.OnEndOfHeaders(says[*framework.EndOfHeaders](framework.Accept)) },
		"body":   func(r *framework.Router) { r.OnBody(says[*framework.Body](framework.Accept)) },
		"eom":    func(r *framework.Router) { r.OnEndOfMessage(says[*framework.EndOfMessage](framework.Accept)) },
	} {
		t.Run(stage, func(t *testing.T) {
			t.Parallel()
			var d diary
			r := chain(func(r *framework.Router) error {
				accept(r)
				return d.witness("a")(r)
			}, d.witness("b"))
			miltertest.RunRouter(t, r, miltertest.Message(hello)).AssertAccepted(t)
			assert.Equal(t, wholeMessage, d.of("b"))
			assert.NotContains(t, d.of("a"), "eom")
			assert.NotContains(t, d.of("a"), "abort", "its own verdict was its last word")
		})
	}
}

// When the last lane has accepted, the framework accepts, and the MTA sends
// nothing more.
func TestAllAccept(t *testing.T) {
	t.Parallel()
	var d diary
	r := chain(func(r *framework.Router) error {
		r.OnMail(says[*framework.Mail](framework.Accept))
		return nil
	}, func(r *framework.Router) error {
		r.OnData(says[*framework.Data](framework.Accept))
		return d.witness("b")(r)
	})
	res := miltertest.RunRouter(t, r, miltertest.Message(hello))
	res.AssertAccepted(t)
	assert.Equal(t, wire.RepAccept, res.Verdict.Code)
	assert.Equal(t, mta.StageData, res.Steps[len(res.Steps)-1].Stage)
}

// The first refusal, or Discard, is final for all lanes. Later lanes do not see
// the event, and are notified once that the message has ended.
func TestFirstRefusalEndsAll(t *testing.T) {
	t.Parallel()
	reply := framework.MustReply(554, "5.7.1", "no")
	for _, v := range []framework.Verdict{framework.Reject, framework.TempFail, framework.Discard, reply} {
		for stage, refuse := range map[string]func(*framework.Router){
			"mail":           func(r *framework.Router) { r.OnMail(says[*framework.Mail](v)) },
			"data":           func(r *framework.Router) { r.OnData(says[*framework.Data](v)) },
			"Subject:hello":  func(r *framework.Router) { r.OnHeader(atSubject(v)) },
			"eoh":            func(r *framework.Router) { r.OnEndOfHeaders(says[*framework.EndOfHeaders](v)) },
			"body":           func(r *framework.Router) { r.OnBody(says[*framework.Body](v)) },
			"eom":            func(r *framework.Router) { r.OnEndOfMessage(says[*framework.EndOfMessage](v)) },
			"eom, unchanged": func(r *framework.Router) { refuseAfterEdits(r, v) },
		} {
			t.Run(v.String()+" at "+stage, func(t *testing.T) {
				t.Parallel()
				var d diary
				r := chain(d.witness("a"), func(r *framework.Router) error { refuse(r); return nil }, d.witness("c"))
				res := miltertest.RunRouter(t, r, miltertest.Message(hello))
				assert.False(t, res.Delivered())
				assert.Equal(t, v == framework.Discard, res.Verdict.Code == wire.RepDiscard)
				assert.Empty(t, res.Modifications)
				a, c := d.of("a"), d.of("c")
				assert.NotContains(t, c, "eom")
				assert.NotContains(t, c, stage)
				if len(c) > 0 {
					assert.Equal(t, "abort", c[len(c)-1])
				}
				assert.Equal(t, 1, strings.Count(strings.Join(c, "\n"), "abort"))
				assert.Equal(t, 1, strings.Count(strings.Join(a, "\n"), "abort")+strings.Count(strings.Join(a, "\n"), "eom"),
					"one end of the message: %v", a)
			})
		}
	}
}

func atSubject(v framework.Verdict) func(*framework.Session, *framework.Header) (framework.Verdict, error) {
	return func(_ *framework.Session, h *framework.Header) (framework.Verdict, error) {
		if h.Is("subject") {
			return v, nil
		}
		return framework.Continue, nil
	}
}

// refuseAfterEdits modifies a message and then refuses it.
func refuseAfterEdits(r *framework.Router, v framework.Verdict) {
	add, body := r.GrantAddHeader(), r.GrantReplaceBody()
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		return v, errors.Join(add.Append(s, "X", "y"), body.Replace(s, nil))
	})
}

// A recipient that one lane refuses is hidden from the next lane, and is not
// counted.
func TestRefusedRecipient(t *testing.T) {
	t.Parallel()
	var d diary
	var left []string
	r := chain(d.witness("a"), func(r *framework.Router) error {
		r.OnRcpt(func(_ *framework.Session, m *framework.Rcpt) (framework.Verdict, error) {
			if strings.HasPrefix(m.Recipient(), "bad") {
				return framework.Reject, nil
			}
			return framework.Continue, nil
		})
		return nil
	}, func(r *framework.Router) error {
		envelope := r.WantEnvelope()
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			left = envelope.Recipients(s)
			return framework.Continue, nil
		})
		return nil
	}, d.witness("d"))
	res := miltertest.RunRouter(t, r, miltertest.Message(hello, miltertest.To("bad1@x", "good@x", "bad2@x")))
	res.AssertAccepted(t)
	assert.Len(t, res.Refused, 2)
	assert.Equal(t, []string{"good@x"}, res.Recipients())
	assert.Equal(t, []string{"good@x"}, left)
	assert.Contains(t, d.of("a"), "rcpt bad1@x")
	assert.Contains(t, d.of("d"), "rcpt good@x")
	assert.NotContains(t, strings.Join(d.of("d"), "\n"), "bad")
}

// SkipBody is sent to the MTA when all lanes that read the body have returned
// it. Until then, each lane that returned it gets no more chunks.
func TestSkipBody(t *testing.T) {
	t.Parallel()
	skipAt := func(n int, seen *int) func(*framework.Router) error {
		return func(r *framework.Router) error {
			r.OnBody(func(*framework.Session, *framework.Body) (framework.Verdict, error) {
				if *seen++; *seen == n {
					return framework.SkipBody, nil
				}
				return framework.Continue, nil
			})
			return nil
		}
	}
	other := func(r *framework.Router) error { r.ObserveHeader(watches); return nil }
	msg := func() *mta.Message {
		m := miltertest.Message(hello)
		m.Body = []byte(strings.Repeat("0123456789abcd\r\n", 5*4096)) // five chunks
		return m
	}
	full := mta.PostfixOffer(6)
	without := full
	without.Protocol &^= wire.ProtoSkip
	for name, offer := range map[string]mta.Offer{"offered": full, "not offered": without} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var a, b int
			res := miltertest.RunRouter(t, chain(skipAt(1, &a), other, skipAt(3, &b)), msg(), miltertest.MTA(mta.Config{Offer: offer}))
			res.AssertAccepted(t)
			assert.Equal(t, 1, a)
			assert.Equal(t, 3, b)
			var codes []wire.ReplyCode
			for _, step := range res.Steps {
				if step.Stage == mta.StageBody && step.Origin == mta.Answered {
					codes = append(codes, step.Code)
				}
			}
			const c = wire.RepContinue
			want := []wire.ReplyCode{c, c, wire.RepSkip}
			if name == "not offered" {
				want = []wire.ReplyCode{c, c, c, c, c, c}[:len(codes)]
				assert.GreaterOrEqual(t, len(codes), 5)
			}
			assert.Equal(t, want, codes)
		})
	}
}

// Each body handler of a lane skips the body separately.
func TestSkipBodyOfOneHandler(t *testing.T) {
	t.Parallel()
	var first, second int
	res := miltertest.Run(t, miltertest.FilterFunc("f", func(r *framework.Router) error {
		r.OnBody(func(*framework.Session, *framework.Body) (framework.Verdict, error) {
			first++
			return framework.SkipBody, nil
		})
		r.OnBody(func(*framework.Session, *framework.Body) (framework.Verdict, error) {
			second++
			return framework.Continue, nil
		})
		return nil
	}), miltertest.Message("A: b\n\n"+strings.Repeat("0123456789abcde\n", 3*4096)))
	res.AssertAccepted(t)
	assert.Equal(t, 1, first)
	assert.Greater(t, second, 2)
}

// A later lane sees the message as modified by the earlier lanes, in all its
// events, directly before its end of message.
func TestLaterLaneSeesEdits(t *testing.T) {
	t.Parallel()
	edit := func(reader bool) func(*framework.Router) error {
		return func(r *framework.Router) error {
			add, change, rename := r.GrantAddHeader(), r.GrantChangeHeader(), r.GrantRenameHeader()
			body, sender := r.GrantReplaceBody(), r.GrantChangeSender()
			rcpt, unrcpt := r.GrantAddRecipient(), r.GrantDeleteRecipient()
			headers := r.WantHeaders()
			r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
				var errs []error
				field := func(name string) framework.HeaderHandle {
					f, ok := headers.First(s, name)
					assert.True(t, ok, name)
					return f.Handle
				}
				errs = append(errs,
					change.Change(s, field("subject"), "changed"), change.Delete(s, field("X-Gone")),
					rename.Rename(s, field("X-Old"), "X-New"), add.Append(s, "X-Last", "appended\n\tfolded"),
					add.InsertTop(s, "X-First", "inserted"), add.Prepend(s, "X-Atop", "above"),
					sender.Change(s, "<new@example.org>"), rcpt.Add(s, "<more@example.net>"), unrcpt.Delete(s, "<recipient@example.net>"))
				if reader {
					errs = append(errs, body.ReplaceFrom(s, strings.NewReader("from a\nreader\n")))
				} else {
					errs = append(errs, body.Replace(s, []byte("from a\nreader\n")))
				}
				return framework.Continue, errors.Join(errs...)
			})
			return nil
		}
	}
	for name, reader := range map[string]bool{"bytes": false, "reader": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var d diary
			var queue, from string
			var to []string
			look := func(r *framework.Router) error {
				id, envelope := r.WantMacro(framework.StageEndOfMessage, "i"), r.WantEnvelope()
				r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
					queue, _ = id.Value(s)
					from, to = envelope.Sender(s), envelope.Recipients(s)
					return framework.Continue, nil
				})
				return nil
			}
			r := chain(d.witness("a"), edit(reader), d.witness("c"), look, d.witness("e"))
			res := miltertest.RunRouter(t, r, miltertest.Message("From: a@example.org\nX-Gone: x\nX-Old: kept\nSubject: hello\n\nHow are you?\n"))
			res.AssertAccepted(t)
			after := []string{
				"mail sender@example.org", "rcpt recipient@example.net",
				"X-Atop:above", "X-First:inserted", "From:a@example.org", "X-New:kept", "Subject:changed", "X-Last:appended\n\tfolded",
				"eoh", "body from a\r\nreader\r\n", "eom",
			}
			assert.Equal(t, after, d.of("c"))
			assert.Equal(t, after, d.of("e"))
			assert.Contains(t, d.of("a"), "Subject:hello")
			assert.Equal(t, "4ZsluiceZ1", queue)
			assert.Equal(t, "new@example.org", from)
			assert.Equal(t, []string{"more@example.net"}, to)

			var delivered []string
			for _, f := range res.Edited.Header {
				delivered = append(delivered, f.Name+":"+strings.TrimPrefix(f.Value, " "))
			}
			assert.Equal(t, after[2:8], delivered, "what a signer sees is what is delivered")
			assert.Equal(t, 1, res.Edited.Above)
			assert.Equal(t, "from a\r\nreader\r\n", res.Body())
			assert.Equal(t, "new@example.org", res.Sender())
			assert.Equal(t, []string{"more@example.net"}, res.Recipients())
		})
	}
}

// A lane that reads the whole header at the end of the header also sees the
// modifications of earlier lanes.
func TestWantHeadersAtEndOfHeaders(t *testing.T) {
	t.Parallel()
	var subject string
	r := chain(func(r *framework.Router) error {
		change := r.GrantChangeHeader()
		r.OnHeader(func(s *framework.Session, h *framework.Header) (framework.Verdict, error) {
			if h.Is("Subject") {
				return framework.Continue, change.Change(s, h.Handle(), "changed")
			}
			return framework.Continue, nil
		})
		return nil
	}, func(r *framework.Router) error {
		headers := r.WantHeaders()
		r.ObserveEndOfHeaders(func(s *framework.Session, _ *framework.EndOfHeaders) error {
			f, _ := headers.First(s, "Subject")
			subject = f.Value
			return nil
		})
		return nil
	})
	miltertest.RunRouter(t, r, miltertest.Message(hello)).AssertAccepted(t)
	assert.Equal(t, "changed", subject)
}

// A lane may read the body that an earlier lane replaces, and identify header
// fields by number, though no handler gets the header.
func TestHeaderByNumberBehindANewBody(t *testing.T) {
	t.Parallel()
	var seen string
	r := chain(func(r *framework.Router) error {
		body := r.GrantReplaceBody()
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			return framework.Continue, body.Replace(s, []byte("new\n"))
		})
		return nil
	}, func(r *framework.Router) error {
		change := r.GrantChangeHeader()
		r.ObserveBody(func(_ *framework.Session, b *framework.Body) error { seen += string(b.Chunk()); return nil })
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			return framework.Continue, change.Change(s, framework.NthHeader("Subject", 1), "changed")
		})
		return nil
	})
	res := miltertest.RunRouter(t, r, miltertest.Message(hello))
	res.AssertAccepted(t)
	assert.False(t, res.Negotiated.Protocol.Has(wire.ProtoNoHdrs))
	assert.Equal(t, "new\r\n", seen)
	assert.Equal(t, "changed", res.Header("Subject"))
}

// A body that must be kept is stored in a file if it is large, and refused if
// it is too large.
func TestKeptBody(t *testing.T) {
	t.Parallel()
	body := strings.Repeat("0123456789abcd\r\n", 20_000)
	for name, limit := range map[string]int64{"kept": 1 << 20, "too large": 1000} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var seen strings.Builder
			r := chain(func(r *framework.Router) error { r.GrantReplaceBody(); return nil }, func(r *framework.Router) error {
				r.ObserveBody(func(_ *framework.Session, b *framework.Body) error { seen.Write(b.Chunk()); return nil })
				return nil
			})
			dir := t.TempDir()
			res := miltertest.RunRouter(t, r, miltertest.Message("A: b\n\n"+body), miltertest.Configure(func(cfg *framework.Config) {
				cfg.SpoolMemory, cfg.MaxSpool, cfg.SpoolDir = 100, limit, dir
			}))
			if name == "kept" {
				res.AssertAccepted(t)
				assert.Equal(t, body, seen.String())
				return
			}
			assert.Contains(t, res.Reply(), "552 5.3.4 ")
			assert.Empty(t, seen.String())
		})
	}
}

var errBroken = errors.New("broken")

// fails requests every kind of modification and then fails at a stage.
func fails(stage framework.Stage) func(*framework.Router) error {
	return func(r *framework.Router) error {
		add, body, sender := r.GrantAddHeader(), r.GrantReplaceBody(), r.GrantChangeSender()
		r.ObserveMail(func(s *framework.Session, _ *framework.Mail) error {
			return errors.Join(add.Append(s, "X-Failed", "yes"), body.Replace(s, []byte("failed\n")), sender.Change(s, "<failed@x>"))
		})
		switch stage {
		case framework.StageHeader:
			r.ObserveHeader(func(*framework.Session, *framework.Header) error { return errBroken })
		case framework.StageBody:
			r.ObserveBody(func(*framework.Session, *framework.Body) error { panic("broken") })
		default:
			r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
				return framework.Continue, body.ReplaceFrom(s, io.MultiReader(strings.NewReader("half"), brokenReader{}))
			})
		}
		return nil
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errBroken }

// The policy of a lane decides about its failure: the framework discards the
// modifications of a lane that failed, and refuses the message with 451 unless
// the lane has another policy.
func TestFailurePolicy(t *testing.T) {
	t.Parallel()
	verdict := framework.MustReply(550, "5.3.0", "broken for good")
	for _, stage := range []framework.Stage{framework.StageHeader, framework.StageBody, framework.StageEndOfMessage} {
		for name, opts := range map[string][]framework.LaneOption{
			"by default":          nil,
			"FailClosed":          {framework.FailOpen(), framework.FailClosed()},
			"FailClosed with 550": {framework.FailWith(verdict)},
			"FailOpen":            {framework.FailOpen()},
		} {
			t.Run(stage.String()+", "+name, func(t *testing.T) {
				t.Parallel()
				var d diary
				r := framework.NewRouter()
				r.Mount(miltertest.FilterFunc("failing", fails(stage)), opts...)
				r.Mount(miltertest.FilterFunc("b", d.witness("b")))
				r.Mount(miltertest.FilterFunc("c", func(r *framework.Router) error {
					add := r.GrantAddHeader()
					r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
						return framework.Continue, add.Append(s, "X-Fine", "yes")
					})
					return nil
				}))
				res := miltertest.RunRouter(t, r, miltertest.Message(hello))
				assert.Contains(t, res.Logs.String(), "broken")
				assert.Contains(t, res.Logs.String(), `filter "failing" failed at `+stage.String())
				switch name {
				case "FailOpen":
					res.AssertAccepted(t)
					assert.Equal(t, "yes", res.Header("X-Fine"))
					assert.Empty(t, res.Header("X-Failed"))
					assert.Equal(t, "How are you?\r\n", res.Body())
					assert.Equal(t, "sender@example.org", res.Sender())
					assert.Equal(t, wholeMessage, d.of("b"))
				case "FailClosed with 550":
					assert.Equal(t, "550 5.3.0 broken for good", res.Reply())
				default:
					assert.Contains(t, res.Reply(), "451 4.3.0 ")
				}
				if name != "FailOpen" {
					assert.Empty(t, res.Modifications)
					assert.Contains(t, d.of("b"), "abort")
				}
			})
		}
	}
}

// DryRun logs verdicts and edits, and nothing of them is done. The other lanes
// see the message as if it were not there.
func TestDryRun(t *testing.T) {
	t.Parallel()
	var d diary
	r := framework.NewRouter()
	r.Mount(miltertest.FilterFunc("trial", func(r *framework.Router) error {
		add, body := r.GrantAddHeader(), r.GrantReplaceBody()
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			return framework.Reject, errors.Join(add.Append(s, "X-Trial", "y"), body.Replace(s, []byte("new\n")))
		})
		return nil
	}), framework.DryRun())
	r.Mount(miltertest.FilterFunc("failing", fails(framework.StageHeader)), framework.DryRun())
	r.Mount(miltertest.FilterFunc("c", d.witness("c")))
	res := miltertest.RunRouter(t, r, miltertest.Message(hello))
	res.AssertAccepted(t)
	res.AssertUnmodified(t)
	assert.Equal(t, wholeMessage, d.of("c"))
	record, ok := res.Logs.Find("dry run: verdict")
	require.True(t, ok)
	verdict, _ := miltertest.LogAttr(record, "verdict")
	assert.Equal(t, "reject", verdict.String())
	logs := res.Logs.String()
	assert.Contains(t, logs, "kind=addheader name=X-Trial value=y")
	assert.Contains(t, logs, "kind=replacebody")
	assert.NotContains(t, logs, "X-Failed", "a lane that failed has asked for nothing")
}

// The modifications that a lane requested before it accepted are applied.
func TestEditsOfALaneThatAccepted(t *testing.T) {
	t.Parallel()
	accepts := func(r *framework.Router) error {
		add := r.GrantAddHeader()
		r.OnData(func(s *framework.Session, _ *framework.Data) (framework.Verdict, error) {
			return framework.Accept, add.Append(s, "X-Early", "yes")
		})
		return nil
	}
	for name, r := range map[string]*framework.Router{
		"alone":       chain(accepts),
		"with others": chain(accepts, new(diary).witness("b")),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res := miltertest.RunRouter(t, r, miltertest.Message(hello))
			res.AssertAccepted(t)
			assert.Equal(t, "yes", res.Header("X-Early"))
		})
	}
}

// A verdict that a lane returns while content is replayed to it counts like one
// in time.
func TestVerdictWhileContentIsShownLate(t *testing.T) {
	t.Parallel()
	adds := func(r *framework.Router) error {
		add := r.GrantAddHeader()
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			return framework.Continue, add.Append(s, "X-Added", "yes")
		})
		return nil
	}
	at := func(v framework.Verdict, d *diary) func(*framework.Router) error {
		return func(r *framework.Router) error {
			r.OnHeader(func(_ *framework.Session, h *framework.Header) (framework.Verdict, error) {
				if h.Is("X-Added") {
					return v, nil
				}
				return framework.Continue, nil
			})
			return d.witness("b")(r)
		}
	}
	t.Run("accept", func(t *testing.T) {
		t.Parallel()
		var d diary
		res := miltertest.RunRouter(t, chain(adds, at(framework.Accept, &d), d.witness("c")), miltertest.Message(hello))
		res.AssertAccepted(t)
		assert.NotContains(t, d.of("b"), "eom")
		assert.NotContains(t, d.of("b"), "abort")
		assert.Contains(t, d.of("c"), "eom")
		assert.Equal(t, "yes", res.Header("X-Added"))
	})
	t.Run("reject", func(t *testing.T) {
		t.Parallel()
		var d diary
		res := miltertest.RunRouter(t, chain(adds, at(framework.Reject, &d), d.witness("c")), miltertest.Message(hello))
		res.AssertRejected(t)
		assert.Empty(t, res.Modifications)
		assert.Equal(t, "abort", d.of("c")[len(d.of("c"))-1])
	})
}
