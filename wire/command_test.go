package wire_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/wire"
)

func text(s string) []byte { return []byte(s) }

var commandCases = []struct {
	name string
	wire string // the code and the data
	msg  wire.Command
	text string
	cuts []int // lengths at which less data is a message too
}{
	{
		"negotiate", "O\x00\x00\x00\x06\x00\x00\x01\xFF\x00\x1F\xFF\xFF",
		&wire.Negotiate{Version: 6, Actions: wire.KnownActions, Protocol: 0x1FFFFF},
		"SMFIC_OPTNEG version=6 actions=SMFIF_ADDHDRS|SMFIF_CHGBODY|SMFIF_ADDRCPT|SMFIF_DELRCPT|" +
			"SMFIF_CHGHDRS|SMFIF_QUARANTINE|SMFIF_CHGFROM|SMFIF_ADDRCPT_PAR|SMFIF_SETSYMLIST " +
			"protocol=SMFIP_NOCONNECT|SMFIP_NOHELO|SMFIP_NOMAIL|SMFIP_NORCPT|SMFIP_NOBODY|SMFIP_NOHDRS|" +
			"SMFIP_NOEOH|SMFIP_NR_HDR|SMFIP_NOUNKNOWN|SMFIP_NODATA|SMFIP_SKIP|SMFIP_RCPT_REJ|SMFIP_NR_CONN|" +
			"SMFIP_NR_HELO|SMFIP_NR_MAIL|SMFIP_NR_RCPT|SMFIP_NR_DATA|SMFIP_NR_UNKN|SMFIP_NR_EOH|SMFIP_NR_BODY|" +
			"SMFIP_HDR_LEADSPC",
		nil,
	},
	{
		"macros", "DMi\x004ABC\x00{auth_authen}\x00\x00",
		&wire.Macro{For: wire.CmdMail, List: text("i\x004ABC\x00{auth_authen}\x00\x00")},
		`SMFIC_MACRO for SMFIC_MAIL i="4ABC" {auth_authen}=""`,
		[]int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22},
	},
	{
		"no macros", "DH",
		&wire.Macro{For: wire.CmdHelo, List: []byte{}},
		"SMFIC_MACRO for SMFIC_HELO", nil,
	},
	{
		"connect, IPv4", "Cmx.example\x004\x30\x39192.0.2.1\x00",
		&wire.Connect{Host: text("mx.example"), Family: wire.FamilyInet, Port: 12345, Address: text("192.0.2.1")},
		`SMFIC_CONNECT host="mx.example" family=4 address="192.0.2.1" port=12345`, nil,
	},
	{
		"connect, IPv6", "C[2001:db8::1]\x006\x00\x19IPv6:2001:db8::1\x00",
		&wire.Connect{
			Host: text("[2001:db8::1]"), Family: wire.FamilyInet6,
			Port: 25, Address: text("IPv6:2001:db8::1"),
		},
		`SMFIC_CONNECT host="[2001:db8::1]" family=6 address="IPv6:2001:db8::1" port=25`, nil,
	},
	{
		"connect, unix", "Clocalhost\x00L\x00\x00/run/x\x00",
		&wire.Connect{Host: text("localhost"), Family: wire.FamilyUnix, Address: text("/run/x")},
		`SMFIC_CONNECT host="localhost" family=L address="/run/x" port=0`, nil,
	},
	{
		"connect, unknown", "Cx\x00U",
		&wire.Connect{Host: text("x"), Family: wire.FamilyUnknown},
		`SMFIC_CONNECT host="x" family=U address="" port=0`, nil,
	},
	{
		"helo", "Hclient.example\x00", &wire.Helo{Name: text("client.example")},
		`SMFIC_HELO "client.example"`, nil,
	},
	{"helo without a name", "H\x00", &wire.Helo{Name: text("")}, `SMFIC_HELO ""`, nil},
	{
		"mail", "M<a@b>\x00SIZE=12\x00SMTPUTF8\x00",
		&wire.Mail{Sender: text("<a@b>"), Args: [][]byte{text("SIZE=12"), text("SMTPUTF8")}},
		`SMFIC_MAIL "<a@b>" ["SIZE=12" "SMTPUTF8"]`,
		[]int{6, 14},
	},
	{"mail, null sender", "M<>\x00", &wire.Mail{Sender: text("<>")}, `SMFIC_MAIL "<>" []`, nil},
	{
		"rcpt", "R<ü@b>\x00NOTIFY=NEVER\x00",
		&wire.Rcpt{Recipient: text("<ü@b>"), Args: [][]byte{text("NOTIFY=NEVER")}},
		`SMFIC_RCPT "<ü@b>" ["NOTIFY=NEVER"]`,
		[]int{7},
	},
	{
		"header", "LSubject\x00 a\n\tb\x00",
		&wire.Header{Name: text("Subject"), Value: text(" a\n\tb")},
		`SMFIC_HEADER "Subject" " a\n\tb"`, nil,
	},
	{
		"header without a value", "LX\x00\x00", &wire.Header{Name: text("X"), Value: text("")},
		`SMFIC_HEADER "X" ""`, nil,
	},
	{
		"body", "Bline\r\n\x00", &wire.Body{Chunk: text("line\r\n\x00")}, "SMFIC_BODY 7 bytes",
		[]int{0, 1, 2, 3, 4, 5, 6},
	},
	{
		"end of body", "E", &wire.EndOfBody{Chunk: []byte{}}, "SMFIC_BODYEOB 0 bytes", nil,
	},
	{
		"end of body with a chunk", "Ex\r\n", &wire.EndOfBody{Chunk: text("x\r\n")}, "SMFIC_BODYEOB 3 bytes",
		[]int{0, 1, 2},
	},
	{"unknown", "UFOO bar\x00", &wire.Unknown{Line: text("FOO bar")}, `SMFIC_UNKNOWN "FOO bar"`, nil},
	{"data", "T", &wire.BareCommand{Code: wire.CmdData}, "SMFIC_DATA", nil},
	{"end of header", "N", &wire.BareCommand{Code: wire.CmdEOH}, "SMFIC_EOH", nil},
	{"abort", "A", &wire.BareCommand{Code: wire.CmdAbort}, "SMFIC_ABORT", nil},
	{"quit", "Q", &wire.BareCommand{Code: wire.CmdQuit}, "SMFIC_QUIT", nil},
	{"quit, new connection", "K", &wire.BareCommand{Code: wire.CmdQuitNC}, "SMFIC_QUIT_NC", nil},
}

func TestCommands(t *testing.T) {
	t.Parallel()
	for _, tc := range commandCases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			requireEncodes(t, tc.wire, tc.msg)
			assert.Equal(t, wire.CommandCode(tc.wire[0]), tc.msg.CommandCode())
			assert.Equal(t, tc.text, tc.msg.String())

			got, err := wire.ParseCommand(frameOf(tc.wire))
			require.NoError(t, err)
			assert.Equal(t, tc.text, got.String())
			assert.IsType(t, tc.msg, got)
			requireEncodes(t, tc.wire, got)

			cuts(t, tc.wire, tc.cuts, func(f wire.Frame) error {
				_, err := wire.ParseCommand(f)
				return err
			})
		})
	}
}

// Decoding into a used message replaces all of its fields.
func TestCommandsAreReusable(t *testing.T) {
	t.Parallel()
	for _, tc := range commandCases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, err := wire.ParseCommand(frameOf(tc.wire))
			require.NoError(t, err)
			for _, other := range commandCases {
				if other.wire[0] != tc.wire[0] {
					continue
				}
				require.NoError(t, got.Decode([]byte(other.wire[1:])))
				assert.Equal(t, other.text, got.String())
			}
		})
	}
}

func TestEveryCommandCodeHasACase(t *testing.T) {
	t.Parallel()
	covered := map[byte]bool{}
	for _, tc := range commandCases {
		covered[tc.wire[0]] = true
	}
	for code := range 256 {
		_, err := wire.ParseCommand(wire.Frame{Code: byte(code), Data: make([]byte, 12)})
		var bad *wire.ProtocolError
		unknown := errors.As(err, &bad) && bad.Message == "frame"
		assert.Equalf(t, covered[byte(code)], !unknown, "code %q", code)
	}
}

func TestParseCommandUnknown(t *testing.T) {
	t.Parallel()
	_, err := wire.ParseCommand(wire.Frame{Code: 'x', Data: text("data")})
	requireViolation(t, err, "frame", "unknown command 'x'")
}

// A value that the client chose may contain a NUL if the MTA is not written in
// C. The value ends at the NUL. The frame must still end with a NUL.
func TestCommandsWithBytesAfterTheirEnd(t *testing.T) {
	t.Parallel()
	cases := []struct{ name, wire, text, reason string }{
		{"header", "LX\x00a\x00b\x00", `SMFIC_HEADER "X" "a"`, ""},
		{"header, open", "LX\x00a\x00b", "", "string without a terminating NUL"},
		{"helo", "Ha\x00b\x00", `SMFIC_HELO "a"`, ""},
		{"helo, open", "Ha\x00b", "", "string without a terminating NUL"},
		{"unknown", "Ua\x00b\x00", `SMFIC_UNKNOWN "a"`, ""},
		{"unknown, open", "Ua\x00b", "", "string without a terminating NUL"},
		{
			"connect", "Ca\x00L\x00\x01/\x00b\x00",
			`SMFIC_CONNECT host="a" family=L address="/" port=1`, "",
		},
		{"connect, open", "Ca\x00L\x00\x01/\x00b", "", "string without a terminating NUL"},
		{
			"connect of unknown family with the rest of another", "Ca\x00U\x00\x01/",
			`SMFIC_CONNECT host="a" family=U address="" port=0`, "",
		},
		{"data", "Tjunk", "SMFIC_DATA", ""},
		{"mail, open", "M<>\x00SIZE=1", "", "string without a terminating NUL"},
		{"rcpt, open", "R<>\x00NOTIFY", "", "string without a terminating NUL"},
		{"mail, empty argument", "M<>\x00\x00", `SMFIC_MAIL "<>" [""]`, ""},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, err := wire.ParseCommand(frameOf(tc.wire))
			if tc.reason != "" {
				requireViolation(t, err, wire.CommandCode(tc.wire[0]).String(), tc.reason)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, tc.text, got.String())
		})
	}
}

func TestCommandsThatCannotBeEncoded(t *testing.T) {
	t.Parallel()
	nul, nulReason := text("a\x00b"), "value contains a NUL"
	cases := []struct {
		name   string
		reason string
		msg    wire.Command
	}{
		{"host", nulReason, &wire.Connect{Host: nul, Family: wire.FamilyUnknown}},
		{"address", nulReason, &wire.Connect{Family: wire.FamilyInet, Address: nul}},
		{"family", "unknown address family", &wire.Connect{Host: text("x")}},
		{"helo", nulReason, &wire.Helo{Name: nul}},
		{"sender", nulReason, &wire.Mail{Sender: nul}},
		{"sender's arguments", nulReason, &wire.Mail{Args: [][]byte{text("x"), nul}}},
		{"recipient", nulReason, &wire.Rcpt{Recipient: nul}},
		{"recipient's arguments", nulReason, &wire.Rcpt{Args: [][]byte{nul}}},
		{"header name", nulReason, &wire.Header{Name: nul}},
		{"header value", nulReason, &wire.Header{Value: nul}},
		{"unknown", nulReason, &wire.Unknown{Line: nul}},
		{"macro names", nulReason, &wire.Negotiate{Version: 6, Macros: []wire.MacroList{{Names: "i\x00j"}}}},
		{"macro stage", "macro list for an unknown stage", &wire.Negotiate{Macros: []wire.MacroList{{Stage: 7}}}},
		{"bare", "not a command without data", &wire.BareCommand{Code: wire.CmdHeader}},
		{"bare, zero", "not a command without data", &wire.BareCommand{}},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			requireUnencodable(t, tc.msg.CommandCode().String(), tc.reason, tc.msg)
		})
	}
}

// A frame of NULs must not become a list that takes many times the frame's
// memory.
func TestArgumentsAreLimited(t *testing.T) {
	t.Parallel()
	for _, m := range []wire.Command{new(wire.Mail), new(wire.Rcpt)} {
		t.Run(m.CommandCode().String(), func(t *testing.T) {
			t.Parallel()
			require.NoError(t, m.Decode(make([]byte, 1+wire.MaxStrings)))
			requireViolation(t, m.Decode(make([]byte, 2+wire.MaxStrings)),
				m.CommandCode().String(), "more than 1024 arguments")
		})
	}
}

func TestMailReusesArgs(t *testing.T) {
	t.Parallel()
	var m wire.Mail
	require.NoError(t, m.Decode(text("<a>\x00A\x00B\x00")))
	first := &m.Args[0]
	require.NoError(t, m.Decode(text("<b>\x00C\x00")))
	assert.Same(t, first, &m.Args[0])
	assert.Equal(t, [][]byte{text("C")}, m.Args)
}

func TestDecodedSlicesCannotGrowIntoTheirNeighbours(t *testing.T) {
	t.Parallel()
	var m wire.Header
	data := text("Name\x00value\x00")
	require.NoError(t, m.Decode(data))
	_ = append(m.Name, "XXXX"...)
	assert.Equal(t, "value", string(m.Value))
	assert.Equal(t, "Name\x00value\x00", string(data))
}
