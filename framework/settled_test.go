package framework_test

import (
	"log/slog"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// commandData is the data of the commands in the scripts of talk.
func commandData(code wire.CommandCode) string {
	return map[wire.CommandCode]string{
		wire.CmdOptNeg:  "\x00\x00\x00\x06\x00\x00\x01\xff\x00\x1f\xff\xff",
		wire.CmdConnect: "host\x004\x00\x19192.0.2.1\x00",
		wire.CmdHelo:    "client\x00",
		wire.CmdMail:    "<a@example.org>\x00",
		wire.CmdRcpt:    "<b@example.net>\x00",
		wire.CmdHeader:  "A\x00b\x00",
		wire.CmdBody:    "text\r\n",
		wire.CmdUnknown: "XYZZY\x00",
	}[code]
}

// talk sends a command for each letter of the script, and returns the code of the
// reply to each. A filter does not reply to A and K.
func talk(t *testing.T, conn *miltertest.Conn, script string) string {
	t.Helper()
	var replies strings.Builder
	for _, c := range script {
		code := wire.CommandCode(c)
		conn.Frame(byte(code), []byte(commandData(code)))
		if code == wire.CmdAbort || code == wire.CmdQuitNC {
			continue
		}
		reply, err := conn.ReadReply(t.Context())
		require.NoError(t, err, "the connection ended at %c of %s", c, script)
		replies.WriteByte(byte(reply.ReplyCode()))
	}
	return replies.String()
}

// noted registers a handler at each stage that notes the command's letter. At the given
// stage it returns the verdict.
func noted(r *framework.Router, at framework.Stage, v framework.Verdict) (events *strings.Builder) {
	events = new(strings.Builder)
	for i, letter := range "CHMRTLNB" {
		twin := stageTwins()[i]
		twin.on(r, func(*framework.Session) (framework.Verdict, error) {
			events.WriteRune(letter)
			if twin.stage == at {
				return v, nil
			}
			return framework.Continue, nil
		})
	}
	r.OnEndOfMessage(func(*framework.Session, *framework.EndOfMessage) (framework.Verdict, error) {
		events.WriteByte('E')
		return framework.Continue, nil
	})
	r.ObserveAbort(func(*framework.Session, *framework.Abort) error { events.WriteByte('A'); return nil })
	r.ObserveClose(func(*framework.Session, *framework.Close) error { events.WriteByte('Q'); return nil })
	return events
}

// MTAs may go on after a final verdict, as Stalwart does after an accept. What they still
// send of the message is answered by the same verdict, and the filters do not get it.
func TestLateCommands(t *testing.T) {
	t.Parallel()
	const script = "CHMRTLNB"
	verdicts := map[string]framework.Verdict{
		"accept": framework.Accept, "reject": framework.Reject, "tempfail": framework.TempFail,
		"discard": framework.Discard, "reply": framework.MustReply(550, "5.7.1", "no"),
	}
	codes := map[string]string{"accept": "a", "reject": "r", "tempfail": "t", "discard": "d", "reply": "y"}
	for i, twin := range stageTwins() {
		for name, v := range verdicts {
			before, inSession := script[:i+1], i < 2
			if inSession && name == "discard" || twin.stage == framework.StageRcpt && v.Refuses() {
				continue // cannot be given, or is about a recipient
			}
			for _, late := range []string{"R", "T", "L", "N", "B", "E", "RTLNBE", "LLLBBBE", "HE", "ME"} {
				want, seen := strings.Repeat(codes[name], len(late)), ""
				switch {
				case inSession && v.Refuses() && twin.stage == framework.StageHelo && late == "HE": // HELO is decided again
					seen = "H"
				case late == "HE" && !inSession: // HELO ends the message, and E has no MAIL
					want, seen = "cy", "H"
				case late == "ME" && !inSession: // another message
					want, seen = "cc", "ME"
					if twin.stage == framework.StageMail {
						want, seen = strings.Repeat(codes[name], 2), "M"
					}
				case twin.stage == framework.StageData && v.Refuses() && late[0] == 'R': // the client adds a recipient
					want, seen = "c"+want[1:], strings.TrimRight(late, "LNBE")
				case twin.stage == framework.StageData && v.Refuses() && late == "T":
					seen = "T"
				}
				t.Run(twin.stage.String()+" "+name+" "+late, func(t *testing.T) {
					t.Parallel()
					r := framework.NewRouter()
					events := noted(r, twin.stage, v)
					srv := miltertest.NewRouterServer(t, r)
					conn := srv.Dial(t)
					assert.Equal(t, strings.Repeat("c", i)+codes[name], talk(t, conn, before))
					assert.Equal(t, want, talk(t, conn, late))
					srv.Close(t)
					assert.Equal(t, before+seen, strings.NewReplacer("A", "", "Q", "").Replace(events.String()))
				})
			}
		}
	}
}

// One debug line tells of an MTA that goes on.
func TestLateCommandsAreLogged(t *testing.T) {
	t.Parallel()
	r := framework.NewRouter()
	noted(r, framework.StageMail, framework.Accept)
	srv := miltertest.NewRouterServer(t, r)
	conn := srv.Dial(t)
	assert.Equal(t, "ccaaaaaaa", talk(t, conn, "CHMRTLNBE"))
	lines := logged(srv, slog.LevelDebug)
	require.Len(t, lines, 1)
	assert.Equal(t, "MTA goes on after a final verdict; repeating it", lines[0].Message)
	assert.Len(t, srv.Logs(), 1)
}

// A verdict about a message does not outlive it.
func TestVerdictsDoNotReachTheNextMessage(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ script, replies, events string }{
		"MAIL":            {"CHMRLME", "cccaacc", "CHMRME"},
		"an abort":        {"CHMRLAE", "cccaay", "CHMR"},
		"HELO":            {"CHMRLHE", "cccaacy", "CHMRH"},
		"another session": {"CHMRLKCHMRE", "cccaacccaa", "CHMRQCHMR"},
		"CONNECT":         {"CHMRLCHMRE", "cccaacccaa", "CHMRQCHMR"},
		"an offer":        {"CHMRLOCHMRE", "cccaaOcccaa", "CHMRQCHMR"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := framework.NewRouter()
			events := noted(r, framework.StageRcpt, framework.Accept)
			srv := miltertest.NewRouterServer(t, r)
			assert.Equal(t, tt.replies, talk(t, srv.Dial(t), tt.script))
			srv.Close(t)
			assert.Equal(t, tt.events, strings.TrimRight(events.String(), "AQ"))
		})
	}
}

// What an MTA repeats, or sends out of order, is answered. A part of a message that the
// filters cannot judge is refused, and never passes them.
func TestOutOfOrder(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		script, replies, events string
		lines                   int // warnings
	}{
		"RCPT without MAIL":          {"CHRE", "ccyy", "CH", 1},
		"DATA without MAIL":          {"CHTE", "ccyy", "CH", 1},
		"a field without MAIL":       {"CHLLLBE", "ccyyyyy", "CH", 1},
		"the header's end":           {"CHNE", "ccyy", "CH", 1},
		"a chunk without MAIL":       {"CHBE", "ccyy", "CH", 1},
		"the end without MAIL":       {"CHE", "ccy", "CH", 1},
		"a message without CONNECT":  {"MRTLNBE", "ccccccc", "MRTLNBE", 0},
		"RCPT, before all":           {"RTLNBE", "yyyyyy", "", 1},
		"then a message":             {"CHREMRTLNBE", "ccyyccccccc", "CHMRTLNBE", 1},
		"a field after the end":      {"MRELE", "cccyy", "MRE", 1},
		"the end, twice":             {"MREE", "cccy", "MRE", 1},
		"RCPT after an abort":        {"MRARE", "ccyy", "MRA", 1},
		"a field after N":            {"MRLNLBE", "ccccyyy", "MRLNA", 1},
		"a field after the body":     {"MRLNBLE", "cccccyy", "MRLNBA", 1},
		"RCPT after a field":         {"MRTLRNBE", "ccccyyyy", "MRTLA", 1},
		"RCPT after the body":        {"MRTLNBRE", "ccccccyy", "MRTLNBA", 1},
		"DATA after a field":         {"MRTLTNBE", "cccccccc", "MRTLNBE", 0},
		"DATA for the first time":    {"MRLTNBE", "ccccccc", "MRLTNBE", 0},
		"N twice":                    {"MRTLNNBE", "cccccccc", "MRTLNBE", 0},
		"N after the body":           {"MRTLNBNBE", "ccccccccc", "MRTLNBBE", 0},
		"N for the first time":       {"MRTLBNBE", "cccccccc", "MRTLBNBE", 0},
		"MAIL twice":                 {"MRMRE", "ccccc", "MRAMRE", 0},
		"CONNECT twice":              {"CCHMRE", "cccccc", "CQCHMRE", 0},
		"CONNECT in a message":       {"CHMRCHMRE", "ccccccccc", "CHMRAQCHMRE", 0},
		"CONNECT after HELO":         {"HCMRE", "ccccc", "HQCMRE", 0},
		"an offer, again":            {"OCHMRE", "Occccc", "CHMRE", 0},
		"an offer in a message":      {"CHMROCHMRE", "ccccOccccc", "CHMRAQCHMRE", 0},
		"an offer, then the message": {"CHMROLE", "ccccOyy", "CHMRAQ", 1},
		"HELO twice":                 {"CHHMRE", "cccccc", "CHHMRE", 0},
		"UNKNOWN after a verdict":    {"MUE", "ccc", "ME", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := framework.NewRouter()
			events := noted(r, framework.StageClose, framework.Continue)
			srv := miltertest.NewRouterServer(t, r)
			assert.Equal(t, tt.replies, talk(t, srv.Dial(t), tt.script))
			assert.Len(t, logged(srv, slog.LevelWarn), tt.lines, "%s", srv.Logs())
			srv.Close(t)
			assert.Equal(t, tt.events, strings.TrimSuffix(events.String(), "Q"))
		})
	}
}

// The policy of each lane decides whether a message passes whose order the filters cannot
// follow.
func TestOutOfOrderByPolicy(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		options []framework.LaneOption
		replies string
		outcome string
	}{
		"closed":    {[]framework.LaneOption{framework.FailClosed()}, "ccyyy", "reply " + policyReply},
		"open":      {[]framework.LaneOption{framework.FailOpen()}, "ccaaa", "filters left out"},
		"dry run":   {[]framework.LaneOption{framework.DryRun()}, "ccaaa", "filters left out"},
		"a verdict": {[]framework.LaneOption{framework.FailWith(framework.Reject)}, "ccrrr", "reject"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			events := new(strings.Builder)
			filter := miltertest.FilterFunc("f", func(r *framework.Router) error {
				events = noted(r, framework.StageClose, framework.Continue)
				return nil
			})
			srv := miltertest.NewServer(t, filter, miltertest.Lane(tt.options...))
			assert.Equal(t, tt.replies, talk(t, srv.Dial(t), "CHRLE"))
			lines := logged(srv, slog.LevelWarn)
			require.Len(t, lines, 1)
			outcome, _ := miltertest.LogAttr(lines[0], "outcome")
			assert.Equal(t, tt.outcome, outcome.String())
			srv.Close(t)
			assert.Equal(t, "CHQ", events.String())
		})
	}
}

// Whatever the order of commands is, and whatever macros come between them, each command
// gets one reply, the connection goes on, and no message passes a filter that refuses all.
func TestRandomOrder(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(5, 6)) // the same scripts in each run
	for range 100 {
		at := framework.Stage(random.IntN(int(framework.StageEndOfMessage)))
		v := []framework.Verdict{framework.Continue, framework.Reject, framework.TempFail}[random.IntN(3)]
		r := framework.NewRouter()
		noted(r, at, v)
		r.OnEndOfMessage(says[*framework.EndOfMessage](framework.Reject))
		srv := miltertest.NewRouterServer(t, r)
		conn := srv.Dial(t)
		for range 30 {
			code := wire.CommandCode("OCHMRTLNBEUAK"[random.IntN(13)])
			if random.IntN(3) == 0 {
				of := wire.CommandCode("CHMRTLNBEUZ"[random.IntN(11)])
				require.NoError(t, conn.Macros(of, []mta.Macro{{Name: "i", Value: "x"}}))
			}
			reply := talk(t, conn, string(rune(code)))
			if code == wire.CmdBodyEOB {
				assert.Contains(t, "rty", reply)
			}
		}
		assert.Equal(t, "c", talk(t, conn, "KU"), "more replies than commands")
		srv.Close(t)
	}
}

// An MTA that does not wait for replies gets the refusal at the end of the message.
func TestOutOfOrderWhereNoOneWaits(t *testing.T) {
	t.Parallel()
	r := framework.NewRouter()
	seen := 0
	r.ObserveMail(watches)
	r.ObserveHeader(func(*framework.Session, *framework.Header) error { seen++; return nil })
	r.ObserveBody(watches)
	r.OnEndOfMessage(says[*framework.EndOfMessage](framework.Accept))
	srv := miltertest.NewRouterServer(t, r)
	conn := srv.Dial(t)
	for range 2 {
		for _, code := range []wire.CommandCode{wire.CmdMail, wire.CmdHeader, wire.CmdBody, wire.CmdHeader, wire.CmdHeader} {
			conn.Frame(byte(code), []byte(commandData(code)))
		}
		assert.Equal(t, "y", talk(t, conn, "E"))
	}
	assert.Equal(t, 2, seen)
	assert.Len(t, logged(srv, slog.LevelWarn), 1, "one warning a connection")
	assert.Len(t, logged(srv, slog.LevelDebug), 1, "then one debug line a message")
}

// CONNECT begins another session, with the macros that came for it and without the state
// of the last one.
func TestConnectAgain(t *testing.T) {
	t.Parallel()
	r := framework.NewRouter()
	var got []string
	name, helo := r.WantMacro(framework.StageConnect, "j"), r.WantHelo()
	slot := framework.PerConnection[int](r)
	r.OnConnect(func(s *framework.Session, _ *framework.Connect) (framework.Verdict, error) {
		*slot.Get(s)++
		v, _ := name.Value(s)
		got = append(got, v+" "+strconv.Itoa(*slot.Get(s))+helo.Value(s))
		return framework.Continue, nil
	})
	r.ObserveHelo(func(*framework.Session, *framework.Helo) error { return nil })
	conn := miltertest.NewRouterServer(t, r, miltertest.AllowWrongStages()).Dial(t)
	for _, host := range []string{"one", "two"} {
		require.NoError(t, conn.Macros(wire.CmdConnect, []mta.Macro{{Name: "j", Value: host}}))
		talk(t, conn, "C")
		conn.Frame(byte(wire.CmdHelo), []byte("client\x00"))
	}
	talk(t, conn, "C") // no macros came for this one
	assert.Equal(t, []string{"one 1", "two 1", " 1"}, got)
}

// Stalwart continues after an accept, and sends the header in front of the body.
func TestStalwart(t *testing.T) {
	t.Parallel()
	for name, at := range map[string]int{"connect": 0, "mail": 2, "rcpt": 3, "header": 5, "body": 7} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ends := 0
			filter := miltertest.FilterFunc("f", func(r *framework.Router) error {
				stageTwins()[at].on(r, func(*framework.Session) (framework.Verdict, error) { return framework.Accept, nil })
				r.OnEndOfMessage(func(*framework.Session, *framework.EndOfMessage) (framework.Verdict, error) {
					ends++
					return framework.Reject, nil
				})
				return nil
			})
			srv := miltertest.NewServer(t, filter, miltertest.As(miltertest.Stalwart()))
			conn := srv.Dial(t)
			for range 2 {
				conn.Run(t, letter()).AssertAccepted(t)
			}
			srv.Close(t)
			assert.Zero(t, ends)
			assert.Empty(t, logged(srv, slog.LevelWarn))
		})
	}
}
