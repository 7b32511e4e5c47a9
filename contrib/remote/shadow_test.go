package remote_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/remote"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// reports collects the differences that a shadow reports.
type reports struct {
	mu  sync.Mutex
	all []remote.Difference
}

func (r *reports) add(d remote.Difference) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, d)
}

// texts returns the differences as text, without what identifies the message.
func (r *reports) texts() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []string
	for i := range r.all {
		list = append(list, textOf(&r.all[i]))
	}
	return list
}

func textOf(d *remote.Difference) string {
	var parts []string
	if d.Err != nil {
		parts = append(parts, "failed")
	}
	if d.Verdict {
		parts = append(parts, fmt.Sprintf("%v at %v, not %v at %v", d.Milter.Verdict, d.Milter.Stage, d.Other.Verdict, d.Other.Stage))
	}
	for _, r := range d.Recipients {
		parts = append(parts, fmt.Sprintf("%s: %v, not %v", r.Address, r.Milter, r.Other))
	}
	for _, e := range d.Extra {
		parts = append(parts, "+"+e.String())
	}
	for _, e := range d.Missing {
		parts = append(parts, "-"+e.String())
	}
	return strings.Join(parts, "; ")
}

// shadowing returns a router with a shadow directly before the filter "other", and what collects
// the reports.
func shadowing(t *testing.T, cfg remote.Config, addr string, other framework.Filter, opts ...framework.LaneOption) (*framework.Router, *remote.Filter, *reports) {
	t.Helper()
	seen := new(reports)
	sh := remote.Shadow{}
	if cfg.Shadow != nil {
		sh = *cfg.Shadow
	}
	sh.Of, sh.Report = other.Name(), seen.add
	cfg.Name, cfg.Shadow = "shadow", &sh
	f := lane(t, cfg, addr)
	r := framework.NewRouter()
	r.Mount(f, opts...)
	r.Mount(other)
	return r, f, seen
}

// settle waits until a shadow has counted n messages, and returns its counts.
func settle(t *testing.T, f *remote.Filter, n int) remote.ShadowStats {
	t.Helper()
	counted := func() bool {
		c := f.ShadowStats()
		return int(c.Compared+c.Failed+c.Skipped+c.Undecided) == n
	}
	if !assert.Eventually(t, counted, patience, tick) {
		require.FailNow(t, "the shadow is late", "%+v", f.ShadowStats())
	}
	return f.ShadowStats()
}

// deciding is a filter that gives a verdict at a stage.
func deciding(name string, at framework.Stage, v framework.Verdict) framework.Filter {
	return miltertest.FilterFunc(name, func(r *framework.Router) error {
		give := func(stage framework.Stage) (framework.Verdict, error) {
			if stage == at {
				return v, nil
			}
			return framework.Continue, nil
		}
		r.OnConnect(func(*framework.Session, *framework.Connect) (framework.Verdict, error) {
			return give(framework.StageConnect)
		})
		r.OnHelo(func(*framework.Session, *framework.Helo) (framework.Verdict, error) { return give(framework.StageHelo) })
		r.OnMail(func(*framework.Session, *framework.Mail) (framework.Verdict, error) { return give(framework.StageMail) })
		r.OnRcpt(func(*framework.Session, *framework.Rcpt) (framework.Verdict, error) { return give(framework.StageRcpt) })
		r.OnData(func(*framework.Session, *framework.Data) (framework.Verdict, error) { return give(framework.StageData) })
		r.OnHeader(func(*framework.Session, *framework.Header) (framework.Verdict, error) {
			return give(framework.StageHeader)
		})
		r.OnEndOfHeaders(func(*framework.Session, *framework.EndOfHeaders) (framework.Verdict, error) {
			return give(framework.StageEndOfHeaders)
		})
		r.OnBody(func(*framework.Session, *framework.Body) (framework.Verdict, error) { return give(framework.StageBody) })
		r.OnEndOfMessage(func(*framework.Session, *framework.EndOfMessage) (framework.Verdict, error) {
			return give(framework.StageEndOfMessage)
		})
		return nil
	})
}

// passing is a filter that lets everything pass.
func passing(name string) framework.Filter {
	return deciding(name, framework.StageClose, framework.Accept)
}

// A verdict of the milter at any stage is reported and changes nothing, and one of the other
// filter is reported, too. The same verdict of both is no difference.
func TestShadowVerdicts(t *testing.T) {
	t.Parallel()
	no := framework.MustReply(550, "5.7.1", "no")
	for at := framework.StageConnect; at <= framework.StageEndOfMessage; at++ {
		for _, v := range []framework.Verdict{framework.Reject, framework.TempFail, no, framework.Discard, framework.Accept} {
			if v == framework.Discard && at < framework.StageMail {
				continue
			}
			t.Run(fmt.Sprintf("%v at %v", v, at), func(t *testing.T) {
				t.Parallel()
				far := serve(t, deciding("far", at, v))
				r, f, seen := shadowing(t, remote.Config{}, far, passing("other"))
				res := miltertest.RunRouter(t, r, letter())
				require.NotNil(t, res.Edited)
				assert.Equal(t, string(letter().Bytes()), string(res.Edited.Bytes()))
				c := settle(t, f, 1)
				want := []string{fmt.Sprintf("%v at %v, not continue at connect", v, at)}
				switch {
				case v == framework.Accept:
					want = nil
				case at == framework.StageRcpt && v.Refuses():
					want = []string{fmt.Sprintf("<bob@example.net>: %v, not continue", v)}
				}
				assert.Equal(t, want, seen.texts())
				assert.Equal(t, remote.ShadowStats{Compared: 1, Differed: uint64(len(want))}, c)

				r, f, seen = shadowing(t, remote.Config{}, far, deciding("other", at, v))
				miltertest.RunRouter(t, r, letter())
				if at >= framework.StageMail || v == framework.Accept { // else there is no message
					c = settle(t, f, 1)
					assert.Equal(t, uint64(0), c.Differed)
				}
				assert.Empty(t, seen.texts())

				r, f, seen = shadowing(t, remote.Config{}, serve(t, passing("far")), deciding("other", at, v))
				miltertest.RunRouter(t, r, letter())
				switch {
				case v == framework.Accept:
					want = nil
				case at == framework.StageRcpt && v.Refuses():
					want = []string{fmt.Sprintf("<bob@example.net>: continue, not %v", v)}
				case at < framework.StageMail:
					return
				default:
					want = []string{fmt.Sprintf("continue at %v, not %v at %v", map[bool]framework.Stage{true: at}[at == framework.StageEndOfMessage], v, at)}
				}
				settle(t, f, 1)
				assert.Equal(t, want, seen.texts())
			})
		}
	}
}

// edits are what filters do at the end of a message.
type edits func(s *framework.Session, g *every) error

// every has all grants.
type every struct {
	insert  framework.HeaderInserter
	change  framework.HeaderChanger
	rename  framework.HeaderRenamer
	body    framework.BodyReplacer
	add     framework.RecipientAdder
	addArgs framework.RecipientArgsAdder
	remove  framework.RecipientDeleter
	sender  framework.SenderChanger
	hold    framework.Quarantiner
}

// editing is a filter that makes edits.
func editing(name string, do ...edits) framework.Filter {
	return miltertest.FilterFunc(name, func(r *framework.Router) error {
		g := every{
			r.GrantInsertHeader(), r.GrantChangeHeader(), r.GrantRenameHeader(), r.GrantReplaceBody(), r.GrantAddRecipient(),
			r.GrantAddRecipientWithArgs(), r.GrantDeleteRecipient(), r.GrantChangeSender(), r.GrantQuarantine(),
		}
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			for _, edit := range do {
				if err := edit(s, &g); err != nil {
					return framework.Continue, err
				}
			}
			return framework.Continue, nil
		})
		return nil
	})
}

// written are edits by name, and how they are reported.
func written() map[string]struct {
	do   edits
	want string
} {
	nth := framework.NthHeader
	return map[string]struct {
		do   edits
		want string
	}{
		"append":        {func(s *framework.Session, g *every) error { return g.insert.Append(s, "X-A", "1") }, `addheader X-A " 1" at 4`},
		"append folded": {func(s *framework.Session, g *every) error { return g.insert.Append(s, "X-B", "1\n\t2") }, `addheader X-B " 1\n\t2" at 4`},
		"top":           {func(s *framework.Session, g *every) error { return g.insert.InsertTop(s, "X-C", "1") }, `addheader X-C " 1" at 0`},
		"prepend":       {func(s *framework.Session, g *every) error { return g.insert.Prepend(s, "X-D", "1") }, `addheader X-D " 1" at -1`},
		"below the first": {func(s *framework.Session, g *every) error {
			return g.insert.InsertBelow(s, nth("Subject", 1), "X-E", "1")
		}, `addheader X-E " 1" at 1`},
		"change": {func(s *framework.Session, g *every) error { return g.change.Change(s, nth("Subject", 1), "other") }, `chgheader Subject " other" at 1`},
		"delete": {func(s *framework.Session, g *every) error { return g.change.Delete(s, nth("X-Twice", 2)) }, `delheader X-Twice " b" at 4`},
		"body":   {func(s *framework.Session, g *every) error { return g.body.Replace(s, []byte("x\n")) }, `replacebody  "3 bytes, SHA-256 6404df39acb41f3bf3a3a3f0bfd4bbd6ae8c4ea4b5b7ff2ea7dcf7f1fd2fd7d7" at 0`},
		"body by reader": {func(s *framework.Session, g *every) error {
			return g.body.ReplaceFrom(s, strings.NewReader("longer\r\n"))
		}, `replacebody`},
		"sender":    {func(s *framework.Session, g *every) error { return g.sender.Change(s, "<new@example.org>", "RET=HDRS") }, `chgfrom new@example.org "RET=HDRS" at 0`},
		"recipient": {func(s *framework.Session, g *every) error { return g.add.Add(s, "new@EXAMPLE.net") }, `addrcpt new@example.net "" at 0`},
		"recipient with args": {func(s *framework.Session, g *every) error {
			return g.addArgs.Add(s, "<args@example.net>", "NOTIFY=NEVER")
		}, `addrcpt args@example.net "NOTIFY=NEVER" at 0`},
		"deleted recipient": {func(s *framework.Session, g *every) error { return g.remove.Delete(s, "<bob@example.net>") }, `delrcpt bob@example.net "" at 0`},
		"quarantine":        {func(s *framework.Session, g *every) error { return g.hold.Quarantine(s, "held") }, `quarantine  "held" at 0`},
	}
}

// manyFields is a message with fields to edit.
func manyFields() *mta.Message {
	msg := letter()
	msg.Header = append(msg.Header, mta.Field{Name: "X-Twice", Value: " a"}, mta.Field{Name: "X-Twice", Value: " b"})
	return msg
}

// An edit that only one of the two makes is reported as extra or as missing, and the mail is as
// the other filter leaves it. The same edit of both is no difference, on each kind of MTA.
func TestShadowEdits(t *testing.T) {
	t.Parallel()
	for name, e := range written() {
		for _, p := range []miltertest.Personality{miltertest.Postfix(), miltertest.Sendmail()} {
			t.Run(name+" on "+p.Name, func(t *testing.T) {
				t.Parallel()
				far, plain := serve(t, editing("far", e.do)), serve(t, editing("far"))
				for _, c := range []struct {
					addr  string
					other framework.Filter
					sign  string
				}{{far, editing("other"), "+"}, {plain, editing("other", e.do), "-"}, {far, editing("other", e.do), ""}} {
					r, f, seen := shadowing(t, remote.Config{}, c.addr, c.other)
					res := miltertest.RunRouter(t, r, manyFields(), miltertest.As(p))
					alone := miltertest.Run(t, c.other, manyFields(), miltertest.As(p))
					require.NotNil(t, res.Edited)
					assert.Equal(t, alone.Edited, res.Edited)
					assert.Equal(t, alone.Quarantine, res.Quarantine)
					settle(t, f, 1)
					if c.sign == "" {
						assert.Empty(t, seen.texts())
						continue
					}
					got := seen.texts()
					require.Len(t, got, 1)
					if strings.HasPrefix(e.want, "replacebody") {
						assert.Regexp(t, `^[+-]replacebody  "\d bytes, SHA-256 [0-9a-f]{64}" at 0$`, got[0])
						assert.Equal(t, c.sign, got[0][:1])
					} else {
						assert.Equal(t, c.sign+e.want, got[0])
					}
				}
			})
		}
	}
}

// All edits together are the same for both, as a milter makes them and as handles do.
func TestShadowOfItself(t *testing.T) {
	t.Parallel()
	var all []edits
	for _, name := range slices.Sorted(func(yield func(string) bool) {
		for name := range written() {
			if !yield(name) {
				return
			}
		}
	}) {
		all = append(all, written()[name].do)
	}
	for name, before := range map[string][]framework.Filter{"first": nil, "behind a rewriter": {rewriter()}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, pair := range [][2]framework.Filter{{editing("far", all...), editing("other", all...)}, {editor(), editor()}} {
				seen := new(reports)
				f := lane(t, remote.Config{Name: "shadow", Shadow: &remote.Shadow{Of: pair[1].Name(), Report: seen.add}}, serve(t, pair[0]))
				with, without := framework.NewRouter(), framework.NewRouter()
				for _, b := range before {
					with.Mount(b)
					without.Mount(b)
				}
				with.Mount(f)
				with.Mount(pair[1])
				without.Mount(pair[1])
				for _, r := range []*framework.Router{with, without} {
					r.Mount(passing("after"))
				}
				messages := append(orders(), manyFields())
				srv, plain := miltertest.NewRouterServer(t, with), miltertest.NewRouterServer(t, without)
				for _, msg := range messages {
					got, err := srv.Dial(t).Send(t.Context(), msg)
					require.NoError(t, err)
					want, err := plain.Dial(t).Send(t.Context(), msg)
					require.NoError(t, err)
					assert.Equal(t, want.Edited, got.Edited)
					assert.Equal(t, want.Verdict, got.Verdict)
					assert.Equal(t, want.Refused, got.Refused)
				}
				srv.Close(t)
				plain.Close(t)
				c := settle(t, f, len(messages))
				assert.Empty(t, seen.texts())
				assert.Equal(t, uint64(len(messages)), c.Compared)
			}
		})
	}
}

// A recipient that one of the two refuses is reported by name.
func TestShadowRecipients(t *testing.T) {
	t.Parallel()
	refusing := func(name, who string) framework.Filter {
		return miltertest.FilterFunc(name, func(r *framework.Router) error {
			r.OnRcpt(func(_ *framework.Session, e *framework.Rcpt) (framework.Verdict, error) {
				if e.Recipient() == who {
					return framework.Reject, nil
				}
				return framework.Continue, nil
			})
			return nil
		})
	}
	r, f, seen := shadowing(t, remote.Config{}, serve(t, refusing("far", "a@example.net")), refusing("other", "b@example.net"))
	msg := letter()
	msg.Recipients = []mta.Recipient{{Addr: "<a@example.net>"}, {Addr: "<b@example.net>"}, {Addr: "<c@example.net>"}}
	res := miltertest.RunRouter(t, r, msg)
	require.Len(t, res.Refused, 1)
	assert.Equal(t, "<b@example.net>", res.Refused[0].Addr)
	settle(t, f, 1)
	assert.Equal(t, []string{"<a@example.net>: reject, not continue; <b@example.net>: continue, not reject"}, seen.texts())
}

// If the milter fails at any stage, the message is delivered as without it, whatever the policy
// that the shadow is mounted with, and the failure is reported.
func TestShadowFaults(t *testing.T) {
	t.Parallel()
	for name, fault := range faults(t) {
		for _, at := range commands() {
			if at == wire.CmdUnknown || at == wire.CmdAbort {
				continue // neither comes with a message
			}
			t.Run(name+" at "+at.String(), func(t *testing.T) {
				t.Parallel()
				p := &puppet{
					answer: wire.Negotiate{Actions: wire.ActionAddHdrs},
					reply: func(f wire.Frame) ([]byte, bool) {
						if wire.CommandCode(f.Code) == at {
							return fault()
						}
						return bare(wire.RepContinue), true
					},
				}
				const timeout = 200 * time.Millisecond
				cfg := remote.Config{Wishes: &wire.Negotiate{Version: 6, Actions: wire.ActionAddHdrs}, CommandTimeout: timeout, ContentTimeout: timeout}
				r, f, seen := shadowing(t, cfg, p.start(t), editing("other", written()["append"].do), framework.FailWith(framework.Reject))
				res := miltertest.RunRouter(t, r, letter())
				require.NotNil(t, res.Edited, res.Logs)
				assert.Equal(t, " 1", res.Edited.Header[len(res.Edited.Header)-1].Value)
				settle(t, f, 1)
				assert.Equal(t, []string{"failed"}, seen.texts())
			})
		}
	}
}
