package wire_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/wire"
)

var replyCases = []struct {
	name string
	wire string // the code and the data
	msg  wire.Reply
	text string
	cuts []int // lengths at which less data is a message too
}{
	{
		"negotiate", "O\x00\x00\x00\x02\x00\x00\x00\x11\x00\x00\x00\x4E",
		&wire.Negotiate{
			Version:  2,
			Actions:  wire.ActionAddHdrs | wire.ActionChgHdrs,
			Protocol: wire.ProtoNoHelo | wire.ProtoNoMail | wire.ProtoNoRcpt | wire.ProtoNoEOH,
		},
		"SMFIC_OPTNEG version=2 actions=SMFIF_ADDHDRS|SMFIF_CHGHDRS " +
			"protocol=SMFIP_NOHELO|SMFIP_NOMAIL|SMFIP_NORCPT|SMFIP_NOEOH",
		nil,
	},
	{
		"negotiate with macro lists",
		"O\x00\x00\x00\x06\x00\x00\x01\x00\x00\x00\x00\x00" +
			"\x00\x00\x00\x02i {auth_type}\x00" + "\x00\x00\x00\x06\x00",
		&wire.Negotiate{
			Version: 6, Actions: wire.ActionSetSymList,
			Macros: []wire.MacroList{{wire.MacroEnvFrom, "i {auth_type}"}, {wire.MacroEOH, ""}},
		},
		`SMFIC_OPTNEG version=6 actions=SMFIF_SETSYMLIST protocol=0 SMFIM_ENVFROM="i {auth_type}" SMFIM_EOH=""`,
		[]int{12, 30},
	},
	{
		"add header", "hX-A\x00 b\n\tc\x00", &wire.AddHeader{Name: "X-A", Value: " b\n\tc"},
		`SMFIR_ADDHEADER "X-A" " b\n\tc"`, nil,
	},
	{
		"insert header", "i\x00\x00\x01\x02X\x00v\x00", &wire.InsertHeader{Index: 258, Name: "X", Value: "v"},
		`SMFIR_INSHEADER 258 "X" "v"`, nil,
	},
	{
		"change header", "m\x7F\xFF\xFF\xFFX\x00\x00", &wire.ChangeHeader{Index: 1<<31 - 1, Name: "X"},
		`SMFIR_CHGHEADER 2147483647 "X" ""`, nil,
	},
	{
		"change sender", "e<a@b>\x00", &wire.ChangeFrom{Sender: "<a@b>"},
		`SMFIR_CHGFROM "<a@b>" ""`, nil,
	},
	{
		"change sender, arguments", "e<>\x00RET=HDRS ENVID=1\x00",
		&wire.ChangeFrom{Sender: "<>", Args: "RET=HDRS ENVID=1"},
		`SMFIR_CHGFROM "<>" "RET=HDRS ENVID=1"`,
		[]int{3},
	},
	{
		"add recipient", "+<a@b>\x00", &wire.AddRcpt{Recipient: "<a@b>"},
		`SMFIR_ADDRCPT "<a@b>"`, nil,
	},
	{
		"add recipient, no arguments", "2<a@b>\x00", &wire.AddRcptPar{Recipient: "<a@b>"},
		`SMFIR_ADDRCPT_PAR "<a@b>" ""`, nil,
	},
	{
		"add recipient, arguments", "2<a@b>\x00NOTIFY=NEVER\x00",
		&wire.AddRcptPar{Recipient: "<a@b>", Args: "NOTIFY=NEVER"},
		`SMFIR_ADDRCPT_PAR "<a@b>" "NOTIFY=NEVER"`,
		[]int{6},
	},
	{
		"delete recipient", "-<a@b>\x00", &wire.DelRcpt{Recipient: "<a@b>"},
		`SMFIR_DELRCPT "<a@b>"`, nil,
	},
	{
		"replace body", "bx\r\n\x00", &wire.ReplaceBody{Chunk: text("x\r\n\x00")},
		"SMFIR_REPLBODY 4 bytes",
		[]int{0, 1, 2, 3},
	},
	{
		"quarantine", "qwhy\x00", &wire.Quarantine{Reason: "why"},
		`SMFIR_QUARANTINE "why"`, nil,
	},
	{
		"SMTP reply", "y451 4.7.1 a\x00", &wire.SMTPReply{Text: "451 4.7.1 a"},
		`SMFIR_REPLYCODE "451 4.7.1 a"`, nil,
	},
	{
		"SMTP reply, two lines", "y550-5.7.1 50%%\r\n550 5.7.1 b\x00",
		&wire.SMTPReply{Text: "550-5.7.1 50%%\r\n550 5.7.1 b"},
		`SMFIR_REPLYCODE "550-5.7.1 50%%\r\n550 5.7.1 b"`, nil,
	},
	{"continue", "c", &wire.BareReply{Code: wire.RepContinue}, "SMFIR_CONTINUE", nil},
	{"accept", "a", &wire.BareReply{Code: wire.RepAccept}, "SMFIR_ACCEPT", nil},
	{"reject", "r", &wire.BareReply{Code: wire.RepReject}, "SMFIR_REJECT", nil},
	{"tempfail", "t", &wire.BareReply{Code: wire.RepTempFail}, "SMFIR_TEMPFAIL", nil},
	{"discard", "d", &wire.BareReply{Code: wire.RepDiscard}, "SMFIR_DISCARD", nil},
	{"skip", "s", &wire.BareReply{Code: wire.RepSkip}, "SMFIR_SKIP", nil},
	{"progress", "p", &wire.BareReply{Code: wire.RepProgress}, "SMFIR_PROGRESS", nil},
	{"connection failure", "f", &wire.BareReply{Code: wire.RepConnFail}, "SMFIR_CONN_FAIL", nil},
	{"shutdown", "4", &wire.BareReply{Code: wire.RepShutdown}, "SMFIR_SHUTDOWN", nil},
}

func TestReplies(t *testing.T) {
	t.Parallel()
	for _, tc := range replyCases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			requireEncodes(t, tc.wire, tc.msg)
			assert.Equal(t, wire.ReplyCode(tc.wire[0]), tc.msg.ReplyCode())
			assert.Equal(t, tc.text, tc.msg.String())

			got, err := wire.ParseReply(frameOf(tc.wire))
			require.NoError(t, err)
			assert.Equal(t, tc.msg, got)

			cuts(t, tc.wire, tc.cuts, func(f wire.Frame) error {
				_, err := wire.ParseReply(f)
				return err
			})
		})
	}
}

func TestRepliesAreReusable(t *testing.T) {
	t.Parallel()
	for _, tc := range replyCases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, err := wire.ParseReply(frameOf(tc.wire))
			require.NoError(t, err)
			for _, other := range replyCases {
				if other.wire[0] != tc.wire[0] {
					continue
				}
				require.NoError(t, got.Decode([]byte(other.wire[1:])))
				assert.Equal(t, other.msg, got)
			}
		})
	}
}

// An MTA gives up a filter whose reply has unexpected bytes.
func TestRepliesWithBytesAfterTheirEnd(t *testing.T) {
	t.Parallel()
	for _, tc := range replyCases {
		if tc.wire[0] == byte(wire.RepReplBody) {
			continue // holds any bytes
		}
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, err := wire.ParseReply(frameOf(tc.wire + "\x00\x00\x00\x09x\x00y"))
			var bad *wire.ProtocolError
			require.ErrorAs(t, err, &bad)
			assert.Equal(t, tc.msg.ReplyCode().String(), bad.Message)
		})
	}
}

func TestEveryReplyCodeHasACase(t *testing.T) {
	t.Parallel()
	covered := map[byte]bool{byte(wire.RepSetSymList): true}
	for _, tc := range replyCases {
		covered[tc.wire[0]] = true
	}
	for code := range 256 {
		_, err := wire.ParseReply(wire.Frame{Code: byte(code)})
		var bad *wire.ProtocolError
		unknown := errors.As(err, &bad) && bad.Message == "frame"
		assert.Equalf(t, covered[byte(code)], !unknown, "code %q", code)
	}
}

func TestParseReplyUnknown(t *testing.T) {
	t.Parallel()
	_, err := wire.ParseReply(wire.Frame{Code: 'x', Data: text("data")})
	requireViolation(t, err, "frame", "unknown reply 'x'")
}

func TestParseReplyReserved(t *testing.T) {
	t.Parallel()
	_, err := wire.ParseReply(wire.Frame{Code: byte(wire.RepSetSymList)})
	require.ErrorIs(t, err, wire.ErrNotImplemented)
	assert.EqualError(t, err, "wire: not implemented: SMFIR_SETSYMLIST")
}

func TestParsedRepliesMayBeKept(t *testing.T) {
	t.Parallel()
	for _, tc := range replyCases {
		if tc.wire[0] == byte(wire.RepReplBody) {
			continue // borrowed, as its comment says
		}
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			f := frameOf(tc.wire)
			got, err := wire.ParseReply(f)
			require.NoError(t, err)
			clear(f.Data)
			assert.Equal(t, tc.msg, got)
		})
	}
}

func TestRepliesThatCannotBeEncoded(t *testing.T) {
	t.Parallel()
	const nul, nulReason = "a\x00b", "value contains a NUL"
	const big, bigReason = 1 << 31, "index above 2147483647"
	cases := []struct {
		name   string
		reason string
		msg    wire.Reply
	}{
		{"added name", nulReason, &wire.AddHeader{Name: nul}},
		{"added value", nulReason, &wire.AddHeader{Name: "X", Value: nul}},
		{"added, no name", "empty name", &wire.AddHeader{Value: "x"}},
		{"inserted name", nulReason, &wire.InsertHeader{Name: nul}},
		{"inserted value", nulReason, &wire.InsertHeader{Name: "X", Value: nul}},
		{"inserted, no name", "empty name", &wire.InsertHeader{Value: "x"}},
		{"inserted too far", bigReason, &wire.InsertHeader{Index: big, Name: "X"}},
		{"changed name", nulReason, &wire.ChangeHeader{Name: nul}},
		{"changed value", nulReason, &wire.ChangeHeader{Name: "X", Value: nul}},
		{"changed, no name", "empty name", &wire.ChangeHeader{Index: 1}},
		{"changed too far", bigReason, &wire.ChangeHeader{Index: big, Name: "X"}},
		{"sender", nulReason, &wire.ChangeFrom{Sender: nul}},
		{"sender's arguments", nulReason, &wire.ChangeFrom{Sender: "<>", Args: nul}},
		{"no sender", "empty address", &wire.ChangeFrom{}},
		{"recipient", nulReason, &wire.AddRcpt{Recipient: nul}},
		{"no recipient", "empty address", &wire.AddRcpt{}},
		{"recipient with arguments", nulReason, &wire.AddRcptPar{Recipient: nul}},
		{"recipient's arguments", nulReason, &wire.AddRcptPar{Recipient: "<a>", Args: nul}},
		{"no recipient with arguments", "empty address", &wire.AddRcptPar{Args: "x"}},
		{"deleted recipient", nulReason, &wire.DelRcpt{Recipient: nul}},
		{"no deleted recipient", "empty address", &wire.DelRcpt{}},
		{"quarantine", nulReason, &wire.Quarantine{Reason: nul}},
		{"quarantine without a reason", "empty reason", &wire.Quarantine{}},
		{
			"body", "chunk of more than 65535 bytes",
			&wire.ReplaceBody{Chunk: make([]byte, wire.MaxBodyChunk+1)},
		},
		{"bare", "not a reply without data", &wire.BareReply{Code: wire.RepQuarantine}},
		{"bare, zero", "not a reply without data", &wire.BareReply{}},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			requireUnencodable(t, tc.msg.ReplyCode().String(), tc.reason, tc.msg)
		})
	}
}

func TestLargestBodyChunk(t *testing.T) {
	t.Parallel()
	out, err := (&wire.ReplaceBody{Chunk: make([]byte, wire.MaxBodyChunk)}).Encode(nil)
	require.NoError(t, err)
	assert.Len(t, out, wire.HeaderLen+wire.MaxBodyChunk)
}
