package framework_test

import (
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

const interleavings = 200

// TestMessagesAreSessions sends several messages over one connection, in random
// order of commands and to random filters, and then each of them again over a
// new connection. The events for the filters and the replies to the MTA must be
// the same.
func TestMessagesAreSessions(t *testing.T) {
	t.Parallel()
	base := uint64(time.Now().UnixNano())
	for i := range uint64(interleavings) {
		seed := i // every second seed is fixed, the others differ in each run
		if i%2 == 1 {
			seed = base + i
		}
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { testInterleaving(t, seed) })
		})
	}
}

func testInterleaving(t *testing.T, seed uint64) {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 1))
	flavor := mta.Config{Offer: mta.PostfixOffer([]uint32{6, 6, 2, 3, 4}[random.IntN(5)])}
	if random.IntN(2) == 0 {
		flavor = mta.Config{Flavor: mta.Sendmail}
	}
	var scripts []script
	for i := range 2 + random.IntN(5) {
		scripts = append(scripts, newScript(random, i))
	}
	helo := fmt.Sprintf("client%d.example", random.IntN(1000))

	together := newPlay(t, seed, flavor)
	conn := together.greet(helo)
	var answers [][]string
	for _, sc := range scripts {
		if conn == nil { // a new connection, as after a final verdict on the session
			conn = together.greet(helo)
		}
		answers = append(answers, together.run(conn, sc))
		conn = together.end(conn, sc, helo)
	}
	together.srv.Close(t)

	alone := newPlay(t, seed, flavor)
	for i, sc := range scripts {
		conn := alone.greet(helo)
		assert.Equal(t, alone.run(conn, sc), answers[i], "message %d", i)
		require.NoError(t, conn.Close())
		synctest.Wait()
	}
	alone.srv.Close(t)

	assert.Equal(t, alone.stage.texts(), together.stage.texts(), "what the filters saw")
	for _, p := range []*play{together, alone} {
		for _, rec := range p.stage.records {
			assert.Equal(t, 1, rec.ends, "%s", rec.text())
		}
		assert.Equal(t, p.sessions*2, p.stage.closes, "Close once for each session and filter")
	}
}

// record contains what one filter saw of one message.
type record struct {
	filter string
	lines  []string
	ends   int
}

func (rec *record) text() string { return fmt.Sprintf("%s %d %q", rec.filter, rec.ends, rec.lines) }

// stagehand collects the records of the filters of one play.
type stagehand struct {
	records []*record
	closes  int
}

func (st *stagehand) texts() (all []string) {
	for _, rec := range st.records {
		all = append(all, rec.text())
	}
	return all
}

// player is a filter whose verdicts depend on what it has seen of the message
// so far. If state of another message is left, its verdicts differ.
type player struct {
	name  string
	seed  uint64
	stage *stagehand
	slot  framework.Slot[*record]
	conn  framework.Slot[int]
	add   framework.HeaderAdder
	names []framework.Macro
}

func (p *player) Name() string { return p.name }

func (p *player) Register(r *framework.Router) error {
	random := rand.New(rand.NewPCG(p.seed, 2))
	p.slot, p.conn = framework.PerMessage[*record](r), framework.PerConnection[int](r)
	p.add = r.GrantAddHeader()
	for _, stage := range []framework.Stage{
		framework.StageMail, framework.StageRcpt, framework.StageData, framework.StageEndOfMessage,
	} {
		if random.IntN(3) == 0 {
			p.names = append(p.names, r.WantMacro(stage, "m"+stage.String()[:1]))
		}
	}
	p.envelope(r, random)
	p.content(r, random)
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		rec := p.see(s, "eom", "")
		rec.ends++
		if err := p.add.Append(s, "X-"+p.name, fmt.Sprint(digest(p.seed, rec.lines))); err != nil {
			return framework.Continue, err
		}
		return p.decide(rec, framework.Accept, framework.Reject, framework.TempFail, framework.Discard)
	})
	r.ObserveAbort(func(s *framework.Session, _ *framework.Abort) error {
		p.see(s, "abort", "").ends++
		return nil
	})
	r.ObserveClose(func(s *framework.Session, _ *framework.Close) error {
		p.stage.closes++
		*p.conn.Get(s) = 99
		return nil
	})
	return nil
}

func (p *player) envelope(r *framework.Router, random *rand.Rand) {
	pick(random,
		func() {
			r.OnHelo(func(s *framework.Session, h *framework.Helo) (framework.Verdict, error) { return p.greeted(s, h) })
		},
		func() {
			r.ObserveHelo(func(s *framework.Session, h *framework.Helo) error {
				_, err := p.greeted(s, h)
				return err
			})
		})
	pick(random,
		func() {
			r.OnMail(func(s *framework.Session, m *framework.Mail) (framework.Verdict, error) {
				return p.last(p.see(s, "mail", m.Sender()))
			})
		},
		func() {
			r.ObserveMail(func(s *framework.Session, m *framework.Mail) error { return p.failing(p.see(s, "mail", m.Sender())) })
		})
	pick(random,
		func() {
			r.OnRcpt(func(s *framework.Session, m *framework.Rcpt) (framework.Verdict, error) {
				rec := p.see(s, "rcpt", m.Recipient())
				v, err := p.decide(rec, framework.Accept, framework.Reject, framework.TempFail, framework.Discard)
				if v == framework.Accept || v == framework.Discard {
					rec.ends++
				}
				return v, err
			})
		},
		func() {
			r.ObserveRcpt(func(s *framework.Session, m *framework.Rcpt) error {
				return p.failing(p.see(s, "rcpt", m.Recipient()))
			})
		})
	pick(random,
		func() {
			r.OnData(func(s *framework.Session, _ *framework.Data) (framework.Verdict, error) {
				return p.last(p.see(s, "data", ""))
			})
		},
		func() {
			r.ObserveData(func(s *framework.Session, _ *framework.Data) error { return p.failing(p.see(s, "data", "")) })
		})
}

func (p *player) content(r *framework.Router, random *rand.Rand) {
	pick(random,
		func() {
			r.OnHeader(func(s *framework.Session, h *framework.Header) (framework.Verdict, error) {
				return p.last(p.see(s, "header", h.Name()+h.Value()))
			})
		},
		func() {
			r.ObserveHeader(func(s *framework.Session, h *framework.Header) error {
				return p.failing(p.see(s, "header", h.Name()+h.Value()))
			})
		})
	pick(random,
		func() {
			r.OnEndOfHeaders(func(s *framework.Session, _ *framework.EndOfHeaders) (framework.Verdict, error) {
				return p.last(p.see(s, "eoh", ""))
			})
		},
		func() {
			r.ObserveEndOfHeaders(func(s *framework.Session, _ *framework.EndOfHeaders) error {
				return p.failing(p.see(s, "eoh", ""))
			})
		})
	pick(random,
		func() {
			r.OnBody(func(s *framework.Session, b *framework.Body) (framework.Verdict, error) {
				rec := p.see(s, "body", string(b.Chunk()))
				if digest(p.seed, rec.lines)%4 == 0 {
					return framework.SkipBody, nil
				}
				return p.last(rec)
			})
		},
		func() {
			r.ObserveBody(func(s *framework.Session, b *framework.Body) error {
				return p.failing(p.see(s, "body", string(b.Chunk())))
			})
		})
}

// pick registers a stage with a handler, with an observer, or not at all.
func pick(random *rand.Rand, on, observe func()) {
	switch random.IntN(3) {
	case 0:
		on()
	case 1:
		observe()
	}
}

func digest(seed uint64, lines []string) uint64 {
	h := fnv.New64a()
	_, _ = fmt.Fprint(h, seed, lines)
	return h.Sum64() >> 7
}

// greeted counts the greetings of a session, and fails for some clients.
func (p *player) greeted(s *framework.Session, h *framework.Helo) (framework.Verdict, error) {
	if *p.conn.Get(s) == 99 {
		return framework.Continue, errors.New("the state of another session")
	}
	if digest(p.seed, []string{h.Name()})%12 == 0 {
		return framework.Continue, errBoom
	}
	return framework.Continue, nil
}

func (p *player) see(s *framework.Session, stage, what string) *record {
	rec := p.slot.Get(s)
	if *rec == nil {
		*rec = &record{filter: p.name}
		p.stage.records = append(p.stage.records, *rec)
	}
	line := stage + " " + what
	for _, m := range p.names {
		if v, ok := m.Value(s); ok {
			line += " " + m.Name() + "=" + v
		}
	}
	(*rec).lines = append((*rec).lines, line)
	if stage == "mail" && s.Context().Err() != nil {
		(*rec).lines = append((*rec).lines, "with a context that is over")
	}
	return *rec
}

// decide returns a verdict that depends on what was seen.
func (p *player) decide(rec *record, verdicts ...framework.Verdict) (framework.Verdict, error) {
	n := digest(p.seed, rec.lines)
	if n%40 == 0 {
		return framework.Continue, errBoom
	}
	if n%10 < uint64(len(verdicts)) {
		return verdicts[n%10], nil
	}
	return framework.Continue, nil
}

// last is like decide, for stages whose verdict is final.
func (p *player) last(rec *record) (framework.Verdict, error) {
	v, err := p.decide(rec, framework.Accept, framework.Reject)
	if v != framework.Continue {
		rec.ends++
	}
	return v, err
}

func (p *player) failing(rec *record) error {
	if digest(p.seed, rec.lines)%30 == 0 {
		return errBoom
	}
	return nil
}

// script is a message as a client may send it, and what the client does
// afterwards.
type script struct {
	id     int
	steps  []step
	cut    int // the number of steps after which the client aborts
	ending ending
}

type step struct {
	stage  wire.CommandCode
	text   string
	macros []mta.Macro
}

type ending int

const (
	endAbort ending = iota
	endTwice
	endHelo
	endQuitNC
	endSilent
	numEndings
)

func newScript(random *rand.Rand, id int) script {
	sc := script{id: id, ending: ending(random.IntN(int(numEndings)))}
	add := func(stage wire.CommandCode, text string) {
		st := step{stage: stage, text: fmt.Sprintf("%s-%d-%d", text, id, len(sc.steps))}
		if random.IntN(3) > 0 {
			for _, name := range []string{"{mm}", "{mr}", "{md}", "{me}"}[:random.IntN(5)] {
				st.macros = append(st.macros, mta.Macro{Name: name, Value: st.text})
			}
		}
		sc.steps = append(sc.steps, st)
	}
	add(wire.CmdMail, "sender")
	for range 1 + random.IntN(3) {
		add(wire.CmdRcpt, "rcpt")
	}
	add(wire.CmdData, "")
	for range random.IntN(4) {
		add(wire.CmdHeader, "X")
	}
	add(wire.CmdEOH, "")
	for range random.IntN(3) {
		add(wire.CmdBody, "body")
	}
	add(wire.CmdBodyEOB, []string{"", "tail"}[random.IntN(2)])
	sc.cut = len(sc.steps)
	if random.IntN(3) == 0 {
		sc.cut = 1 + random.IntN(len(sc.steps)-1)
	}
	return sc
}

// play is a server with two players, and the MTA that is connected to it.
type play struct {
	t        *testing.T
	srv      *miltertest.Server
	stage    *stagehand
	cfg      mta.Config
	sessions int
}

func newPlay(t *testing.T, seed uint64, cfg mta.Config) *play {
	t.Helper()
	p := &play{t: t, stage: new(stagehand), cfg: cfg}
	r := framework.NewRouter()
	r.Mount(&player{name: "one", seed: seed, stage: p.stage})
	r.Mount(&player{name: "two", seed: seed + 1<<40, stage: p.stage})
	p.srv = miltertest.NewRouterServer(t, r, miltertest.AllowWrongStages()) // it reads every macro at every stage
	return p
}

func (p *play) greet(helo string) *miltertest.Conn {
	conn := p.srv.DialMTA(p.t, p.cfg)
	p.hello(conn, helo)
	return conn
}

// hello begins a session. Its macros ensure that the framework knows about the
// session and the kind of MTA. Otherwise it would learn that from one message
// for the next.
func (p *play) hello(conn *miltertest.Conn, helo string) {
	p.sessions++
	version := "8.17.1"
	if p.cfg.Flavor == mta.Postfix {
		version = "Postfix 3.7.11"
	}
	require.NoError(p.t, conn.Macros(wire.CmdConnect, []mta.Macro{{Name: "v", Value: version}}))
	_, err := conn.Helo(p.t.Context(), helo)
	require.NoError(p.t, err)
	require.NoError(p.t, conn.Flush(p.t.Context()))
}

// run sends a message until the filter or the script ends it.
func (p *play) run(conn *miltertest.Conn, sc script) (answers []string) {
	for i, st := range sc.steps[:sc.cut] {
		if st.stage != wire.CmdMail || i > 0 || st.macros != nil || p.cfg.Flavor == mta.Postfix {
			require.NoError(p.t, conn.Macros(st.stage, st.macros))
		}
		resp, mods := p.send(conn, st)
		answers = append(answers, fmt.Sprint(st.text, " ", resp, " ", mods))
		if resp.Final() && (st.stage != wire.CmdRcpt || !resp.Refuses()) {
			break
		}
	}
	require.NoError(p.t, conn.Flush(p.t.Context()))
	synctest.Wait()
	return answers
}

func (p *play) send(conn *miltertest.Conn, st step) (resp mta.Response, mods []string) {
	ctx := p.t.Context()
	var err error
	var replies []wire.Reply
	switch st.stage {
	case wire.CmdMail:
		resp, err = conn.Mail(ctx, "<"+st.text+">")
	case wire.CmdRcpt:
		resp, err = conn.Rcpt(ctx, "<"+st.text+">")
	case wire.CmdData:
		resp, err = conn.Data(ctx)
	case wire.CmdHeader:
		resp, err = conn.Header(ctx, st.text, " value")
	case wire.CmdEOH:
		resp, err = conn.EndOfHeaders(ctx)
	case wire.CmdBody:
		resp, err = conn.Body(ctx, []byte(st.text))
	default:
		resp, replies, err = conn.EndOfMessage(ctx, []byte(st.text))
	}
	require.NoError(p.t, err)
	for _, reply := range replies {
		mods = append(mods, fmt.Sprint(reply))
	}
	return resp, mods
}

// end continues after a message in one of the ways in which clients and MTAs
// do. It returns the connection, or nil if the next message needs a new one.
func (p *play) end(conn *miltertest.Conn, sc script, helo string) *miltertest.Conn {
	switch sc.ending {
	case endTwice:
		require.NoError(p.t, conn.Abort())
		require.NoError(p.t, conn.Abort())
	case endHelo:
		require.NoError(p.t, conn.Abort())
		if _, err := conn.Helo(p.t.Context(), helo); err != nil {
			require.NoError(p.t, err)
		}
	case endQuitNC:
		require.NoError(p.t, conn.QuitNC())
		p.hello(conn, helo)
	case endSilent:
		agreed, _ := conn.Negotiated()
		if agreed.Protocol.Has(wire.ProtoNoMail) {
			require.NoError(p.t, conn.Abort()) // otherwise the end is not visible
		}
	default:
		require.NoError(p.t, conn.Abort())
	}
	return conn
}
