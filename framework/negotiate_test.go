package framework_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// stageBits lists the options that omit a stage and its reply.
var stageBits = []struct{ no, nr wire.Protocol }{
	{wire.ProtoNoConnect, wire.ProtoNRConn},
	{wire.ProtoNoHelo, wire.ProtoNRHelo},
	{wire.ProtoNoMail, wire.ProtoNRMail},
	{wire.ProtoNoRcpt, wire.ProtoNRRcpt},
	{wire.ProtoNoData, wire.ProtoNRData},
	{wire.ProtoNoHdrs, wire.ProtoNRHdr},
	{wire.ProtoNoEOH, wire.ProtoNREOH},
	{wire.ProtoNoBody, wire.ProtoNRBody},
	{wire.ProtoNoUnknown, wire.ProtoNRUnkn},
}

const (
	allNo = wire.ProtoNoConnect | wire.ProtoNoHelo | wire.ProtoNoMail | wire.ProtoNoRcpt | wire.ProtoNoData |
		wire.ProtoNoHdrs | wire.ProtoNoEOH | wire.ProtoNoBody | wire.ProtoNoUnknown
	allNR = wire.ProtoNRConn | wire.ProtoNRHelo | wire.ProtoNRMail | wire.ProtoNRRcpt | wire.ProtoNRData |
		wire.ProtoNRHdr | wire.ProtoNREOH | wire.ProtoNRBody | wire.ProtoNRUnkn
)

// registration is what a row of the table registers, at one line, and the
// minimum that the framework must request from an MTA that offers everything.
type registration struct {
	name     string
	register func(r *framework.Router) (where string)
	opens    wire.Protocol // NO options that are not requested
	silent   wire.Protocol // NR options that are requested because of that
	extra    wire.Protocol // additional options
	actions  wire.Actions
	wishes   wire.Actions // optional ones
	macros   []wire.MacroList
	own      []string // the macros that the framework requests for itself
}

var registrations = []registration{
	{name: "nothing", register: func(*framework.Router) string { return "" }},

	{name: "OnConnect", register: func(r *framework.Router) string { r.OnConnect(goesOn); return here() }, opens: wire.ProtoNoConnect},
	{name: "OnHelo", register: func(r *framework.Router) string { r.OnHelo(goesOn); return here() }, opens: wire.ProtoNoHelo},
	{name: "OnMail", register: func(r *framework.Router) string { r.OnMail(goesOn); return here() }, opens: wire.ProtoNoMail},
	{name: "OnRcpt", register: func(r *framework.Router) string { r.OnRcpt(goesOn); return here() }, opens: wire.ProtoNoRcpt},
	{name: "OnData", register: func(r *framework.Router) string { r.OnData(goesOn); return here() }, opens: wire.ProtoNoData},
	{name: "OnHeader", register: func(r *framework.Router) string { r.OnHeader(goesOn); return here() }, opens: wire.ProtoNoHdrs},
	{name: "OnEndOfHeaders", register: func(r *framework.Router) string { r.OnEndOfHeaders(goesOn); return here() }, opens: wire.ProtoNoEOH},
	{name: "OnBody", register: func(r *framework.Router) string { r.OnBody(goesOn); return here() }, opens: wire.ProtoNoBody, extra: wire.ProtoSkip},
	{name: "OnUnknown", register: func(r *framework.Router) string { r.OnUnknown(goesOn); return here() }, opens: wire.ProtoNoUnknown},
	{name: "OnEndOfMessage", register: func(r *framework.Router) string { r.OnEndOfMessage(goesOn); return "" }},
	{name: "ObserveAbort", register: func(r *framework.Router) string { r.ObserveAbort(watches); return "" }},
	{name: "ObserveClose", register: func(r *framework.Router) string { r.ObserveClose(watches); return "" }},

	{name: "ObserveConnect", register: func(r *framework.Router) string { r.ObserveConnect(watches); return here() }, opens: wire.ProtoNoConnect, silent: wire.ProtoNRConn},
	{name: "ObserveHelo", register: func(r *framework.Router) string { r.ObserveHelo(watches); return here() }, opens: wire.ProtoNoHelo, silent: wire.ProtoNRHelo},
	{name: "ObserveMail", register: func(r *framework.Router) string { r.ObserveMail(watches); return here() }, opens: wire.ProtoNoMail, silent: wire.ProtoNRMail},
	{name: "ObserveRcpt", register: func(r *framework.Router) string { r.ObserveRcpt(watches); return here() }, opens: wire.ProtoNoRcpt, silent: wire.ProtoNRRcpt},
	{name: "ObserveData", register: func(r *framework.Router) string { r.ObserveData(watches); return here() }, opens: wire.ProtoNoData, silent: wire.ProtoNRData},
	{name: "ObserveHeader", register: func(r *framework.Router) string { r.ObserveHeader(watches); return here() }, opens: wire.ProtoNoHdrs, silent: wire.ProtoNRHdr},
	{name: "ObserveEndOfHeaders", register: func(r *framework.Router) string { r.ObserveEndOfHeaders(watches); return here() }, opens: wire.ProtoNoEOH, silent: wire.ProtoNREOH},
	{name: "ObserveBody", register: func(r *framework.Router) string { r.ObserveBody(watches); return here() }, opens: wire.ProtoNoBody, silent: wire.ProtoNRBody},
	{name: "ObserveUnknown", register: func(r *framework.Router) string { r.ObserveUnknown(watches); return here() }, opens: wire.ProtoNoUnknown, silent: wire.ProtoNRUnkn},
	{
		name: "ObserveRejectedRcpt", register: func(r *framework.Router) string { r.ObserveRejectedRcpt(watches); return here() },
		opens: wire.ProtoNoRcpt, silent: wire.ProtoNRRcpt, extra: wire.ProtoRcptRej,
		macros: []wire.MacroList{{Stage: wire.MacroEnvRcpt, Names: "{rcpt_mailer}"}},
	},
	{
		name: "an observer that middleware makes answer",
		register: func(r *framework.Router) string {
			r.With(func(rt *framework.Route, next framework.Handler) framework.Handler { rt.Answer(); return next }).ObserveBody(watches)
			return lineAbove(here())
		},
		opens: wire.ProtoNoBody, extra: wire.ProtoSkip,
	},

	{name: "GrantAddHeader", register: func(r *framework.Router) string { r.GrantAddHeader(); return here() }, actions: wire.ActionAddHdrs},
	keepsHeader(registration{name: "GrantInsertHeader", register: func(r *framework.Router) string { r.GrantInsertHeader(); return here() }, actions: wire.ActionAddHdrs}),
	keepsHeader(registration{name: "GrantChangeHeader", register: func(r *framework.Router) string { r.GrantChangeHeader(); return here() }, actions: wire.ActionChgHdrs}),
	keepsHeader(registration{name: "GrantRenameHeader", register: func(r *framework.Router) string { r.GrantRenameHeader(); return here() }, actions: wire.ActionAddHdrs | wire.ActionChgHdrs}),
	{name: "GrantReplaceBody", register: func(r *framework.Router) string { r.GrantReplaceBody(); return here() }, actions: wire.ActionChgBody},
	keepsEnvelope(registration{name: "GrantAddRecipient", register: func(r *framework.Router) string { r.GrantAddRecipient(); return here() }, actions: wire.ActionAddRcpt, wishes: wire.ActionDelRcpt}),
	keepsEnvelope(registration{name: "GrantAddRecipientWithArgs", register: func(r *framework.Router) string { r.GrantAddRecipientWithArgs(); return here() }, actions: wire.ActionAddRcptPar, wishes: wire.ActionDelRcpt}),
	keepsEnvelope(registration{name: "GrantDeleteRecipient", register: func(r *framework.Router) string { r.GrantDeleteRecipient(); return here() }, actions: wire.ActionDelRcpt}),
	{name: "GrantChangeSender", register: func(r *framework.Router) string { r.GrantChangeSender(); return here() }, actions: wire.ActionChgFrom},
	{name: "GrantQuarantine", register: func(r *framework.Router) string { r.GrantQuarantine(); return here() }, actions: wire.ActionQuarantine},
	{name: "an optional grant", register: func(r *framework.Router) string { r.GrantQuarantine(framework.Optional()); return here() }, wishes: wire.ActionQuarantine},

	{name: "WantEnvelope", register: func(r *framework.Router) string { r.OnEndOfMessage(goesOn); r.WantEnvelope(); return here() }, opens: wire.ProtoNoMail | wire.ProtoNoRcpt, silent: wire.ProtoNRMail | wire.ProtoNRRcpt},
	{name: "WantHeaders", register: func(r *framework.Router) string { r.OnEndOfMessage(goesOn); r.WantHeaders(); return here() }, opens: wire.ProtoNoHdrs, silent: wire.ProtoNRHdr},
	{
		name:     "WantMessage",
		register: func(r *framework.Router) string { r.OnEndOfMessage(goesOn); r.WantMessage(); return here() },
		opens:    wire.ProtoNoHdrs | wire.ProtoNoBody, silent: wire.ProtoNRHdr | wire.ProtoNRBody, extra: wire.ProtoHdrLeadSpc,
	},
	{name: "WantRawHeaders", register: func(r *framework.Router) string { r.WantRawHeaders(); return here() }, extra: wire.ProtoHdrLeadSpc},

	macroRow("connect", framework.StageConnect, wire.MacroConnect, wire.ProtoNoConnect, wire.ProtoNRConn),
	macroRow("helo", framework.StageHelo, wire.MacroHelo, wire.ProtoNoHelo, wire.ProtoNRHelo),
	macroRow("mail", framework.StageMail, wire.MacroEnvFrom, wire.ProtoNoMail, wire.ProtoNRMail),
	macroRow("rcpt", framework.StageRcpt, wire.MacroEnvRcpt, wire.ProtoNoRcpt, wire.ProtoNRRcpt),
	macroRow("data", framework.StageData, wire.MacroData, wire.ProtoNoData, wire.ProtoNRData),
	macroRow("end of headers", framework.StageEndOfHeaders, wire.MacroEOH, wire.ProtoNoEOH, wire.ProtoNREOH),
	macroRow("end of message", framework.StageEndOfMessage, wire.MacroEOM, 0, 0),
	{
		name: "macros are joined, sorted and said once",
		register: func(r *framework.Router) string {
			r.WantMacro(framework.StageEndOfMessage, "i")
			r.WantMacro(framework.StageEndOfMessage, "{b}")
			r.WantMacro(framework.StageEndOfMessage, "auth_authen")
			r.WantMacro(framework.StageEndOfMessage, "{auth_authen}")
			return ""
		},
		macros: []wire.MacroList{{Stage: wire.MacroEOM, Names: "b i {auth_authen}"}, {Stage: wire.MacroEOH, Names: " "}},
	},
	{
		name: "macros of connect, where header fields are placed", macros: []wire.MacroList{{Stage: wire.MacroConnect, Names: "j t v"}},
		register: func(r *framework.Router) string {
			r.GrantAddHeader()
			r.WantMacro(framework.StageConnect, "j")
			return ""
		},
		opens: wire.ProtoNoConnect, silent: wire.ProtoNRConn, actions: wire.ActionAddHdrs,
	},
	{name: "all", register: registerAll, opens: allNo, extra: wire.ProtoSkip | wire.ProtoRcptRej | wire.ProtoHdrLeadSpc, actions: wire.KnownActions &^ wire.ActionSetSymList, macros: []wire.MacroList{
		{Stage: wire.MacroConnect, Names: "j t v"},
		{Stage: wire.MacroHelo, Names: "{tls_version}"},
		{Stage: wire.MacroEnvFrom, Names: "{mail_addr}"},
		{Stage: wire.MacroEnvRcpt, Names: "{rcpt_mailer}"},
		{Stage: wire.MacroData, Names: "i"},
		{Stage: wire.MacroEOM, Names: "i"},
		{Stage: wire.MacroEOH, Names: "i"},
	}},
}

// keepsHeader returns the row of a grant for which the header is kept.
func keepsHeader(row registration) registration {
	row.opens, row.silent = wire.ProtoNoHdrs, wire.ProtoNRHdr
	return row
}

// keepsEnvelope returns the row of a grant for which the envelope is kept.
func keepsEnvelope(row registration) registration {
	row.opens, row.silent = wire.ProtoNoMail|wire.ProtoNoRcpt, wire.ProtoNRMail|wire.ProtoNRRcpt
	return row
}

func macroRow(name string, stage framework.Stage, list wire.MacroStage, opens, silent wire.Protocol) registration {
	row := registration{
		name:     "a macro of " + name,
		register: func(r *framework.Router) string { r.WantMacro(stage, "{xyz}"); return here() },
		opens:    opens, silent: silent,
		macros: []wire.MacroList{{Stage: list, Names: "{xyz}"}},
	}
	switch list {
	case wire.MacroEOM: // Sendmail uses this list only if there is one for EOH
		row.macros = append(row.macros, wire.MacroList{Stage: wire.MacroEOH, Names: " "})
	case wire.MacroEOH: // this list makes Sendmail ignore the one for EOM
		row.macros = append([]wire.MacroList{{Stage: wire.MacroEOM, Names: "i"}}, row.macros...)
		row.own = []string{"SMFIM_EOM i"}
	case wire.MacroConnect: // shows which MTA it is
		row.macros[0].Names = "t v {xyz}"
		row.own = []string{"SMFIM_CONNECT t", "SMFIM_CONNECT v"}
	}
	return row
}

// registerAll registers something of every kind.
func registerAll(r *framework.Router) string {
	r.GrantRenameHeader()
	r.GrantReplaceBody()
	r.GrantAddRecipient()
	r.GrantAddRecipientWithArgs()
	r.GrantDeleteRecipient()
	r.GrantChangeSender()
	r.GrantQuarantine()
	for stage, name := range map[framework.Stage]string{
		framework.StageConnect: "j", framework.StageHelo: "tls_version", framework.StageMail: "mail_addr",
		framework.StageData: "i", framework.StageEndOfHeaders: "i", framework.StageEndOfMessage: "i",
	} {
		r.WantMacro(stage, name)
	}
	r.OnConnect(goesOn)
	r.OnHelo(goesOn)
	r.OnMail(goesOn)
	r.OnRcpt(goesOn)
	r.OnData(goesOn)
	r.OnHeader(goesOn)
	r.OnEndOfHeaders(goesOn)
	r.OnBody(goesOn)
	r.OnUnknown(goesOn)
	r.OnEndOfMessage(goesOn)
	r.ObserveBody(watches)
	r.ObserveRejectedRcpt(watches)
	r.WantRawHeaders()
	return ""
}

// offers lists the offers of old and new MTAs, real and invented ones.
var offers = map[string]mta.Offer{
	"Postfix 6": mta.PostfixOffer(6),
	"Postfix 4": mta.PostfixOffer(4),
	"Postfix 3": mta.PostfixOffer(3),
	"Postfix 2": mta.PostfixOffer(2),
	"Sendmail":  mta.SendmailOffer(),
	"bits of the future": {
		Version: 6, Actions: wire.KnownActions | 0xfff00000, Protocol: wire.KnownProtocol | 0x0fe00000 | 0xc0000000,
	},
	"a version of the future": {Version: 9, Actions: wire.KnownActions, Protocol: mta.PostfixOffer(6).Protocol},
	"without SETSYMLIST":      {Version: 6, Actions: wire.KnownActions &^ wire.ActionSetSymList, Protocol: mta.PostfixOffer(6).Protocol},
	"without NR":              {Version: 6, Actions: wire.KnownActions, Protocol: mta.PostfixOffer(6).Protocol &^ allNR},
	"without NO":              {Version: 6, Actions: wire.KnownActions, Protocol: mta.PostfixOffer(6).Protocol &^ allNo},
	"without any bit":         {Version: 6, Actions: wire.KnownActions},
}

// least returns the minimum that the framework must request from an MTA with
// this offer.
func (row registration) least(offer mta.Offer) wire.Negotiate {
	want := wire.Negotiate{
		Version:  min(offer.Version, 6),
		Actions:  row.actions | row.wishes,
		Protocol: allNo&^row.opens | row.silent | row.extra,
	}
	for _, bits := range stageBits {
		if want.Protocol.Has(bits.no) && !offer.Protocol.Has(bits.no) {
			want.Protocol |= bits.nr // the MTA sends a stage that nothing uses, so it should not wait for a reply
		}
	}
	want.Protocol &= offer.Protocol
	want.Macros = row.macros
	if row.needsKind() && (len(row.macros) == 0 || row.macros[0].Stage != wire.MacroConnect) {
		want.Macros = append([]wire.MacroList{{Stage: wire.MacroConnect, Names: "t v"}}, row.macros...)
	}
	if len(want.Macros) == 0 || !offer.Actions.Has(wire.ActionSetSymList) {
		want.Macros = nil
		return want
	}
	want.Actions |= wire.ActionSetSymList
	return want
}

// needsKind reports whether the row has a handler that may send progress replies, or edits
// the header, so that the framework must know the kind of the MTA.
func (row registration) needsKind() bool {
	for _, bits := range stageBits {
		if row.opens.Has(bits.no) && !row.silent.Has(bits.nr) {
			return true
		}
	}
	return (row.actions|row.wishes)&(wire.ActionAddHdrs|wire.ActionChgHdrs) != 0
}

// The framework requests the minimum for what was registered, whatever the MTA
// offers.
func TestNegotiation(t *testing.T) {
	t.Parallel()
	for _, row := range registrations {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			r := framework.NewRouter()
			row.register(r)
			srv := miltertest.NewRouterServer(t, r)
			for name, offer := range offers {
				conn := srv.DialMTA(t, mta.Config{Offer: offer})
				got, ok := conn.Negotiated()
				require.True(t, ok)
				want := row.least(offer)
				assert.Equal(t, want.String(), got.String(), "to %s", name)
			}
		})
	}
}

// The plan gives a reason for each option that it requests, and the line that
// caused it.
func TestReasons(t *testing.T) {
	t.Parallel()
	for _, row := range registrations {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			r := framework.NewRouter()
			where := row.register(r)
			plan, err := r.Plan()
			require.NoError(t, err)
			assertComplete(t, plan)
			if where == "" {
				return
			}
			want := map[string]bool{}
			for _, name := range (row.silent | row.extra).Names() {
				want[name] = true
			}
			for _, bits := range stageBits {
				if row.opens.Has(bits.no) {
					want[bits.no.String()] = false
					want[bits.nr.String()] = row.silent.Has(bits.nr)
				}
			}
			for _, name := range (row.actions | row.wishes).Names() {
				want[name] = true
			}
			for _, l := range row.macros {
				if l.Names == " " {
					continue // not requested
				}
				for name := range strings.FieldsSeq(l.Names) {
					if bit := l.Stage.String() + " " + name; !slices.Contains(row.own, bit) {
						want[bit] = true
					}
				}
				want["SMFIF_SETSYMLIST"] = true
			}
			got := map[string]bool{}
			for _, reason := range plan.Reasons {
				if reason.Where != "" {
					assert.Equal(t, where, reason.Where, reason.Bit)
					assert.Equal(t, "main", reason.Filter)
					got[reason.Bit] = reason.Asked
				}
			}
			assert.Equal(t, want, got)
		})
	}
}

// assertComplete asserts that a plan has a reason for each option and no other
// reasons.
func assertComplete(t *testing.T, plan *framework.Plan) {
	t.Helper()
	want := append((plan.Actions | plan.Optional).Names(), plan.Protocol.Names()...)
	got := map[string]bool{}
	for _, reason := range plan.Reasons {
		if reason.Asked && reason.Bit[:5] != "SMFIM" {
			got[reason.Bit] = true
		}
		assert.NotEmpty(t, reason.Cause)
	}
	assert.Len(t, got, len(want))
	for _, bit := range want {
		assert.True(t, got[bit], "%s has no reason", bit)
	}
}

func TestMissingAction(t *testing.T) {
	t.Parallel()
	r := framework.NewRouter()
	r.GrantAddHeader()
	where := lineAbove(here())
	r.GrantReplaceBody(framework.Optional())
	r.GrantAddHeader(framework.Optional())
	var renamed string
	r.Mount(miltertest.FilterFunc("renamer", func(r *framework.Router) error {
		r.GrantRenameHeader()
		renamed = lineAbove(here())
		return nil
	}))
	srv := miltertest.NewRouterServer(t, r)

	srv.DialMTA(t, mta.Config{Offer: mta.Offer{
		Version: 6, Actions: wire.ActionChgHdrs, Protocol: mta.PostfixOffer(6).Protocol,
	}})
	srv.Close(t)
	var got []string
	for _, record := range srv.Logs() {
		if record.Message == "MTA lacks an action" {
			reason, ok := miltertest.LogAttr(record, "error")
			require.True(t, ok)
			got = append(got, record.Level.String()+" "+reason.String())
		}
	}
	assert.Equal(t, []string{
		"ERROR framework: the MTA does not offer SMFIF_ADDHDRS; GrantAddHeader of filter \"main\" at " + where + " needs it",
		"ERROR framework: the MTA does not offer SMFIF_ADDHDRS; GrantRenameHeader of filter \"renamer\" at " + renamed + " needs it",
	}, got, "a wish is not what it lacks")
}

// An MTA without an optional action is served, and the filter can detect the
// omission.
func TestOptionalGrant(t *testing.T) {
	t.Parallel()
	var granted []bool
	var errs []error
	r := framework.NewRouter()
	body := r.GrantReplaceBody(framework.Optional())
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		granted = append(granted, body.Granted(s))
		errs = append(errs, body.Replace(s, []byte("new\n")))
		return framework.Continue, nil
	})
	srv := miltertest.NewRouterServer(t, r)
	without := mta.PostfixOffer(6)
	without.Actions = 0
	res := srv.DialMTA(t, mta.Config{Offer: without}).Run(t, miltertest.Message("A: b\n\nold\n"))
	assert.Equal(t, "old\r\n", res.Body())
	res = srv.Dial(t).Run(t, miltertest.Message("A: b\n\nold\n"))
	assert.Equal(t, "new\r\n", res.Body())
	assert.Equal(t, []bool{false, true}, granted)
	require.Len(t, errs, 2)
	require.ErrorIs(t, errs[0], framework.ErrNotGranted)
	assert.NoError(t, errs[1])
}
