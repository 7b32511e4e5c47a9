package wire_test

import (
	"math/bits"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/wire"
)

func TestActionNames(t *testing.T) {
	t.Parallel()
	cases := []struct {
		set  wire.Actions
		want string
	}{
		{0, "0"},
		{wire.ActionAddHdrs, "SMFIF_ADDHDRS"},
		{wire.ActionSetSymList | wire.ActionChgBody, "SMFIF_CHGBODY|SMFIF_SETSYMLIST"},
		{0x200, "0x200"},
		{0x80000001, "SMFIF_ADDHDRS|0x80000000"},
	}
	for _, tc := range cases {
		assert.Equal(t, tc.want, tc.set.String())
	}
	assert.Nil(t, wire.Actions(0).Names())
	assert.Equal(t, []string{"SMFIF_ADDHDRS", "0x80000000"}, wire.Actions(0x80000001).Names())
}

func TestProtocolNames(t *testing.T) {
	t.Parallel()
	cases := []struct {
		set  wire.Protocol
		want string
	}{
		{0, "0"},
		{wire.ProtoNRHdr, "SMFIP_NR_HDR"},
		{wire.ProtoMDS1M | wire.ProtoNoConnect, "SMFIP_NOCONNECT|SMFIP_MDS_1M"},
		{0x40200000, "0x40200000"},
	}
	for _, tc := range cases {
		assert.Equal(t, tc.want, tc.set.String())
	}
	assert.Nil(t, wire.Protocol(0).Names())
}

func TestEveryKnownBitHasANameOfItsOwn(t *testing.T) {
	t.Parallel()
	actions, protocol := wire.KnownActions.Names(), wire.KnownProtocol.Names()
	assert.Len(t, actions, bits.OnesCount32(uint32(wire.KnownActions)))
	assert.Len(t, protocol, bits.OnesCount32(uint32(wire.KnownProtocol)))
	seen := map[string]bool{}
	for _, name := range append(actions, protocol...) {
		assert.NotContains(t, name, "0x")
		assert.False(t, seen[name], name)
		seen[name] = true
	}
}

func TestHas(t *testing.T) {
	t.Parallel()
	a := wire.ActionAddHdrs | wire.ActionChgBody
	assert.True(t, a.Has(wire.ActionAddHdrs))
	assert.True(t, a.Has(a))
	assert.True(t, a.Has(0))
	assert.False(t, a.Has(wire.ActionAddHdrs|wire.ActionAddRcpt), "all bits are asked for")
	p := wire.ProtoSkip | wire.ProtoNRHdr
	assert.True(t, p.Has(wire.ProtoSkip))
	assert.False(t, p.Has(wire.ProtoSkip|wire.ProtoNoHdrs))
}

func TestCodesNotKnown(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "command 'x'", wire.CommandCode('x').String())
	assert.Equal(t, `command '\n'`, wire.CommandCode('\n').String())
	assert.Equal(t, "reply 'x'", wire.ReplyCode('x').String())
	assert.Equal(t, `reply '\x00'`, wire.ReplyCode(0).String())
	assert.Equal(t, "macro stage 7", wire.MacroStage(7).String())
}

func TestMacroStageNames(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for stage := range wire.MacroStage(wire.NumMacroStages) {
		assert.True(t, strings.HasPrefix(stage.String(), "SMFIM_"), stage)
		seen[stage.String()] = true
	}
	assert.Len(t, seen, wire.NumMacroStages)
	assert.Equal(t, "SMFIM_EOM", wire.MacroEOM.String())
}

func TestErrors(t *testing.T) {
	t.Parallel()
	assert.EqualError(t, &wire.ProtocolError{Message: "SMFIC_HELO", Reason: "truncated"},
		"wire: protocol violation in SMFIC_HELO: truncated")
	assert.EqualError(t, &wire.ValueError{Message: "SMFIR_ADDRCPT", Reason: "value contains a NUL"},
		"wire: cannot encode SMFIR_ADDRCPT: value contains a NUL")
}
