package mta_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// letters returns a letter for each command, without the macros.
func letters(lines []string) string {
	var b strings.Builder
	for _, line := range lines {
		name, _, _ := strings.Cut(line, " ")
		b.WriteString(map[string]string{
			"SMFIC_OPTNEG": "O", "SMFIC_CONNECT": "C", "SMFIC_HELO": "H", "SMFIC_MAIL": "M", "SMFIC_RCPT": "R",
			"SMFIC_DATA": "T", "SMFIC_HEADER": "L", "SMFIC_EOH": "N", "SMFIC_BODY": "B", "SMFIC_BODYEOB": "E",
			"SMFIC_ABORT": "A", "SMFIC_QUIT": "Q", "SMFIC_QUIT_NC": "K",
		}[name])
	}
	return b.String()
}

// script is the configuration of a filter.
type script struct {
	actions  wire.Actions
	protocol wire.Protocol
	macros   []wire.MacroList
	on       func(wire.Command) []wire.Reply
}

func (s script) filter() *filter {
	return &filter{actions: s.actions, protocol: s.protocol, macros: s.macros, on: s.on}
}

// edits scripts a filter that modifies every message.
func edits(mods ...wire.Reply) script {
	return script{actions: everything, on: answer(wire.CmdBodyEOB, append(mods, bare(wire.RepContinue)...)...)}
}

func says(code wire.CommandCode, what wire.ReplyCode) script {
	return script{protocol: wire.ProtoSkip, on: answer(code, bare(what)...)}
}

// traffic holds the commands that a filter received and the message that was
// delivered.
type traffic struct{ words, text, delivered, verdict string }

func is(words string) func(traffic) bool { return func(s traffic) bool { return s.words == words } }

func matches(re string) func(traffic) bool {
	return func(s traffic) bool { return regexp.MustCompile(re).MatchString(s.text) }
}

func delivers(text string) func(traffic) bool {
	return func(s traffic) bool { return strings.Contains(s.delivered, text) }
}

// twice sends a message twice over one connection.
func twice(t *testing.T, s script, cfg mta.Config) (seen traffic) {
	t.Helper()
	f := s.filter()
	c := f.dial(t, cfg)
	m := letter()
	m.Client = mta.Client{Host: "client.example.org", Family: wire.FamilyInet6, Addr: "2001:db8::1", Port: 1}
	m.Header = append(m.Header, mta.Field{Name: "X-Long", Value: " " + strings.Repeat("x", 100_000) + "!"})
	m.Helo = "helo.example.org"
	m.Sender.Addr = "<a@Example.org>"
	m.Sender.Args = append(m.Sender.Args, "SMTPUTF8")
	for range 2 {
		out, err := c.Send(context.Background(), m)
		require.NoError(t, err)
		seen.verdict = out.Verdict.String()
		if out.Edited != nil {
			out.Edited.Header = slices.DeleteFunc(out.Edited.Header, func(f mta.Field) bool { return f.Name == "X-Long" })
			seen.delivered = fmt.Sprint(out.Edited.Recipients) + string(out.Edited.Bytes())
		}
	}
	f.quit(t, c)
	seen.words, seen.text = letters(f.commands()), strings.Join(f.commands(), "\n")+"\n"
	return seen
}

// Each quirk is visible in the traffic or in the delivered message, and is
// absent without the quirk.
func TestQuirksByThemselves(t *testing.T) {
	t.Parallel()
	symbols := func(lists ...wire.MacroList) script { return script{actions: wire.ActionSetSymList, macros: lists} }
	tests := map[mta.Quirk]struct {
		script script
		shows  func(traffic) bool
	}{
		mta.AbortAfterEnd:       {script{}, is("OCHMRRTLLLNBEAMRRTLLLNBEAAQ")},
		mta.NoAbortAfterVerdict: {says(wire.CmdData, wire.RepAccept), is("OCHMRRTMRRTQ")},
		mta.QuitInMessage:       {says(wire.CmdRcpt, wire.RepReject), is("OCHMRRAMRRQ")},
		mta.CloseWithoutQuit:    {says(wire.CmdHelo, wire.RepReject), is("OCH")},
		mta.ReusedConnection:    {script{}, is("OCHMRRTLLLNBEKCHMRRTLLLNBEQ")},
		mta.HeloTwice:           {script{}, is("OCHHMRRTLLLNBEMRRTLLLNBEQ")},
		mta.HeloInMessage:       {script{}, is("OCHMRRHAMRRTLLLNBEMRRHAMRRTLLLNBEQ")},
		mta.SkipLeaves:          {says(wire.CmdRcpt, wire.RepSkip), is("OCHMRQ")},
		mta.MacrosForWithheld:   {script{protocol: wire.ProtoNoMail}, matches(`MACRO for SMFIC_MAIL`)},
		mta.MacrosUnasked:       {symbols(wire.MacroList{Stage: wire.MacroEnvFrom, Names: " "}), matches(`MACRO for SMFIC_MAIL\n`)},
		mta.MacrosEveryField:    {script{}, matches(`(MACRO for SMFIC_HEADER .*\nSMFIC_HEADER .*\nSMFIC_){2}`)},
		mta.EmptyMacros:         {script{}, matches(`MACRO for SMFIC_HELO\n`)},
		mta.OddMacros:           {script{}, matches(`MACRO for SMFIC_MAIL .*\{no_value\}=""\n`)},
		mta.StrayMacros:         {script{}, matches(`MACRO for .*\{no_command\}="Z"\n`)},
		mta.QueueIDLate:         {script{}, matches(`SMFIC_RCPT .*\nSMFIC_MACRO for SMFIC_RCPT i=`)},
		mta.EmptyListDefault:    {symbols(wire.MacroList{Stage: wire.MacroEnvFrom}), matches(`MACRO for SMFIC_MAIL .*mail_addr`)},
		mta.EndListNeedsEOH:     {symbols(wire.MacroList{Stage: wire.MacroEOM, Names: "j"}), matches(`MACRO for SMFIC_BODYEOB \{msg_id\}`)},
		mta.NoBrackets:          {script{}, matches(`SMFIC_MAIL "a@Example.org"(?s:.*)SMFIC_RCPT "b@example.net"`)},
		mta.IPv6Prefix:          {script{}, matches(`address="IPv6:2001:db8::1"`)},
		mta.UnknownFamily:       {script{}, matches(`SMFIC_CONNECT host="client.example.org" family=U address="" port=0`)},
		mta.RejectedRcpt:        {script{protocol: wire.ProtoRcptRej}, matches(`\{rcpt_mailer\}="error"\nSMFIC_RCPT "<nobody@example.net>"`)},
		mta.LongFields:          {script{}, matches(`SMFIC_HEADER "X-Long" "x+!"`)},
		mta.BodyInEnd:           {script{}, matches(`SMFIC_EOH\nSMFIC_MACRO for SMFIC_BODYEOB .*\nSMFIC_BODYEOB 10 bytes`)},
		mta.DeleteMarks:         {edits(chg(1, "From", ""), chg(1, "From", "x")), delivers("]From: x\r\n")},
		mta.AddAboveFirst:       {edits(add("subject", "x")), delivers("\r\nsubject: x\r\nSubject: hello")},
		mta.HiddenFieldsCount:   {edits(ins(2, "X", "y")), delivers("X: y\r\nFrom: a@example.org\r\n")},
		mta.DataAgain:           {script{}, is("OCHMRRTTLLLNBEMRRTTLLLNBEQ")},
		mta.ManyEditsLost:       {edits(slices.Repeat([]wire.Reply{ins(1, "X", "y")}, 10_001)...), func(s traffic) bool { return s.delivered == "" }},
		mta.AddRcptTwice:        {edits(&wire.AddRcpt{Recipient: "<b@example.net>"}), delivers("[{<b@example.net> [] } {<c@example.net> [] } {<b@example.net> [] }]")},
		mta.ExtraOffer:          {script{}, matches(`SMFIC_OPTNEG .* and 9 bytes\n`)},
		mta.OtherName:           {script{}, matches(`SMFIC_CONNECT .*v="Postcow `)},
		mta.AcceptContinues:     {says(wire.CmdRcpt, wire.RepAccept), is("OCHMRRTLLLNBEMRRTLLLNBEQ")},
		mta.HeaderInBody:        {script{}, matches(`SMFIC_BODY \d{5} bytes`)},
		mta.Unnegotiated:        {script{protocol: wire.ProtoNoEOH}, is("OCHMRRTLLLNBEMRRTLLLNBEQ")},
		mta.RawFields:           {script{}, matches(`SMFIC_HEADER "Subject" "hello\\r\\n world"`)},
		mta.NoArguments:         {script{}, matches(`SMFIC_MAIL "<a@Example.org>" \[\]\n`)},
		mta.FewMacros:           {script{}, matches(`\{daemon_name\}="Stalwart v`)},
		mta.QuarantineField:     {edits(&wire.Quarantine{Reason: "virus"}), delivers("]X-Quarantine: virus\r\n")},
		mta.RefusesForAll:       {says(wire.CmdRcpt, wire.RepReject), is("OCHMRAMRAQ")},
		mta.HeloAsHost:          {script{}, matches(`SMFIC_CONNECT host="helo.example.org"`)},
		mta.FixedMacros:         {script{}, matches(` daemon_name="maddy" if_name="unknown" if_addr="0.0.0.0"\n`)},
		mta.OnlySMTPUTF8:        {script{}, matches(`SMFIC_MAIL "<a@Example.org>" \["SMTPUTF8"\]\n`)},
		mta.NoData:              {script{}, is("OCHMRRLLLNBEMRRLLLNBEQ")},
		mta.UnfoldedFields:      {script{}, matches(`SMFIC_HEADER "Subject" "hello world"`)},
		mta.TopFields:           {edits(ins(9, "X", "y"), add("Z", "y")), delivers("]Z: y\r\nX: y\r\nFrom: ")},
		mta.OwnReplies:          {says(wire.CmdMail, wire.RepDiscard), func(s traffic) bool { return strings.Contains(s.verdict, "450 4.7.1 Message rejected") }},
		mta.AbortBeforeQuit:     {script{}, is("OCHMRRTLLLNBEMRRTLLLNBEAQ")},
		mta.LowerDomains:        {script{}, matches(`SMFIC_MAIL "<a@example.org>"`)},
		mta.UnknownBits:         {script{}, matches(`SMFIC_OPTNEG .*0x40000000.*0x2000000`)},
	}
	for _, q := range mta.AllQuirks() {
		t.Run(q.String(), func(t *testing.T) {
			t.Parallel()
			tt, ok := tests[q]
			require.True(t, ok, "the quirk has no test")
			with := twice(t, tt.script, mta.Config{Flavor: mta.Plain, Quirks: mta.QuirkSet(q)})
			assert.True(t, tt.shows(with), "%.5000s", with)
			without := twice(t, tt.script, mta.Config{Flavor: mta.Plain})
			assert.False(t, tt.shows(without), "%.5000s", without)
		})
	}
}

func TestQuirksAreDescribed(t *testing.T) {
	t.Parallel()
	names := make(map[string]bool)
	for _, q := range mta.AllQuirks() {
		what, who, seen := q.About()
		assert.NotEmpty(t, q.String())
		assert.False(t, names[q.String()], "%v has a name of another", q)
		names[q.String()] = true
		assert.True(t, strings.HasSuffix(what, "."), "%v: %q is no sentence", q, what)
		assert.NotEmpty(t, who, q)
		assert.NotEmpty(t, seen, q)
	}
	what, who, seen := mta.Quirk(255).About()
	assert.Empty(t, what+who+seen)
	assert.Equal(t, "no quirk", mta.Quirk(255).String())
}

func TestQuirkSets(t *testing.T) {
	t.Parallel()
	set := mta.QuirkSet(mta.BodyInEnd, mta.HeloTwice)
	assert.True(t, set.Has(mta.HeloTwice))
	assert.False(t, set.Has(mta.AbortAfterEnd))
	assert.Equal(t, []mta.Quirk{mta.HeloTwice, mta.BodyInEnd}, set.List())
	assert.Equal(t, []mta.Quirk{mta.BodyInEnd}, set.Without(mta.HeloTwice, mta.NoBrackets).List())
	assert.Empty(t, mta.Plain.Quirks().List())
	assert.Empty(t, (mta.Postfix.Quirks()&mta.Sendmail.Quirks()).Without(mta.EmptyMacros, mta.MacrosForWithheld, mta.LongFields).List())
	for flavor, name := range map[mta.Flavor]string{mta.Postfix: "Postfix", mta.Sendmail: "Sendmail", mta.Plain: "Plain"} {
		assert.Equal(t, name, flavor.String())
	}
}

// Sendmail skips more than the SMFIR_SKIP at some stages names. The expected
// values were measured by the tests with the real MTAs, with four chunks of
// body.
func TestSkipOfSendmail(t *testing.T) {
	t.Parallel()
	for code, want := range map[wire.CommandCode]string{
		wire.CmdConnect: "OCQ", wire.CmdHelo: "OCHQ", wire.CmdMail: "OCHMQ", wire.CmdRcpt: "OCHMRQ", wire.CmdData: "OCHMRRTQ",
		wire.CmdHeader: "OCHMRRTLLLNEMRRTLLLNEQ", wire.CmdEOH: "OCHMRRTLLLNEMRRTLLLNEQ", wire.CmdBody: "OCHMRRTLLLNBEMRRTLLLNBEQ",
	} {
		seen := twice(t, says(code, wire.RepSkip), mta.Config{Flavor: mta.Sendmail})
		assert.Equal(t, want, seen.words, code)
		assert.Contains(t, seen.delivered, "two\r\n", "it is delivered, filtered or not")
	}
}

// A filter must not answer with bits that are not defined.
func TestUnknownBitsAreNotEchoed(t *testing.T) {
	t.Parallel()
	f := &filter{protocol: 1 << 25}
	err := f.dial(t, mta.Config{Quirks: mta.QuirkSet(mta.UnknownBits)}).Negotiate(context.Background())
	var broken *wire.ProtocolError
	require.ErrorAs(t, err, &broken)
	assert.Contains(t, broken.Reason, "0x2000000")
}

// A filter may refuse a HELO in the middle of a message.
func TestHeloInMessageRefused(t *testing.T) {
	t.Parallel()
	helos := 0
	f := &filter{on: func(cmd wire.Command) []wire.Reply {
		if cmd.CommandCode() == wire.CmdHelo {
			if helos++; helos == 2 {
				return bare(wire.RepReject)
			}
		}
		return nil
	}}
	c := f.dial(t, mta.Config{Flavor: mta.Plain, Quirks: mta.QuirkSet(mta.HeloInMessage)})
	for range 2 {
		out, err := c.Send(context.Background(), letter())
		require.NoError(t, err)
		assert.Equal(t, wire.RepReject, out.Verdict.Code)
		assert.Equal(t, mta.StageHelo, out.DecidedAt)
	}
	f.quit(t, c)
	assert.Equal(t, "OCHMRRHQ", letters(f.commands()))
}

// With any combination of quirks, a filter that accepts everything changes
// nothing and receives the events of a message in order.
func TestQuirksTogether(t *testing.T) {
	t.Parallel()
	const message = `(MR+HA)?MR+T{0,2}LLNB?EA?`
	order := regexp.MustCompile(`^OCHH?` + message + `(KCHH?)?` + message + `A?Q$`)
	random := rand.New(rand.NewPCG(1, 2)) // the same sets each time
	for range 300 {
		quirks := mta.Quirks(random.Uint64()) & mta.QuirkSet(mta.AllQuirks()...)
		flavor := []mta.Flavor{mta.Plain, mta.Postfix, mta.Sendmail}[random.IntN(3)]
		f := &filter{protocol: wire.ProtoRcptRej}
		c := f.dial(t, mta.Config{Flavor: flavor, Quirks: quirks})
		for range 2 {
			out, err := c.Send(context.Background(), letter())
			require.NoError(t, err, "%v %v", flavor, quirks.List())
			require.NotNil(t, out.Edited)
			assert.Equal(t, string(letter().Bytes()), string(out.Edited.Bytes()))
			assert.Equal(t, letter().Recipients, out.Edited.Recipients)
		}
		f.quit(t, c)
		assert.Regexp(t, order, letters(f.commands()), "%v %v", flavor, quirks.List())
	}
}
