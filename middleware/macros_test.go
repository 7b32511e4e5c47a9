package middleware_test

import (
	"context"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/middleware"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// known returns all well-known macros, each with a value.
func known() map[middleware.MacroName]string {
	return map[middleware.MacroName]string{
		middleware.MacroQueueID: "4Q", middleware.MacroMTAVersion: "Postfix 3.7.11", middleware.MacroMTAHost: "mx.example",
		middleware.MacroClientName: "client.example", middleware.MacroClientAddr: "IPv6:2001:db8::1", middleware.MacroClientPort: "2525",
		middleware.MacroClientPTR: "ptr.example", middleware.MacroDaemonName: "smtpd", middleware.MacroDaemonAddr: "192.0.2.25",
		middleware.MacroDaemonPort: "587", middleware.MacroTLSVersion: "TLSv1.3", middleware.MacroTLSCipher: "TLS_AES_256_GCM_SHA384",
		middleware.MacroTLSBits: "256", middleware.MacroTLSSubject: "CN=ann", middleware.MacroTLSIssuer: "CN=ca",
		middleware.MacroAuthUser: "ann", middleware.MacroAuthType: "PLAIN", middleware.MacroAuthAuthor: "ann@x",
		middleware.MacroMailAddr: "ann@example.org", middleware.MacroMailMailer: "smtp", middleware.MacroMailHost: "example.org",
		middleware.MacroRcptAddr: "bob@example.net", middleware.MacroRcptMailer: "local", middleware.MacroRcptHost: "example.net",
	}
}

func names() (list []middleware.MacroName) {
	for name := range known() {
		list = append(list, name)
	}
	return list
}

func withMacros(values map[middleware.MacroName]string) []miltertest.MessageOption {
	var opts []miltertest.MessageOption
	for name, value := range values {
		stage, ok := name.Stage()
		if !ok {
			panic(name)
		}
		opts = append(opts, miltertest.Macro(stage, string(name), value))
	}
	return opts
}

// Every well-known macro is requested, has the right type, and is available at
// the end of the message, with an MTA that lets filters choose macros and with
// one that does not.
func TestMacros(t *testing.T) {
	t.Parallel()
	fixed := mta.PostfixOffer(6)
	fixed.Actions &^= wire.ActionSetSymList
	for name, offer := range map[string]mta.Offer{"chosen": mta.PostfixOffer(6), "as the MTA likes": fixed, "version 2": mta.PostfixOffer(2)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var v middleware.MacroValues
			got := map[middleware.MacroName]string{}
			r := framework.NewRouter()
			r.Use(middleware.Macros(middleware.MacrosConfig{Names: names()}))
			r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
				v = middleware.MacrosFrom(s.Context())
				for _, name := range names() {
					got[name], _ = v.Get(name)
				}
				return framework.Continue, nil
			})
			opts := append(withMacros(known()), miltertest.QueueID("4Q"), miltertest.To("bob@example.net"))
			res := miltertest.RunRouter(t, r, miltertest.Message(letter, opts...), miltertest.MTA(mta.Config{Offer: offer}))
			res.AssertAccepted(t)
			assert.Equal(t, known(), got)
			assert.Equal(t, []string{"4Q", "Postfix 3.7.11", "mx.example", "client.example", "smtpd"},
				[]string{v.QueueID(), v.MTAVersion(), v.MTAHost(), v.ClientName(), v.DaemonName()})
			assert.Equal(t, []string{"TLSv1.3", "TLS_AES_256_GCM_SHA384", "CN=ann", "CN=ca"},
				[]string{v.TLSVersion(), v.TLSCipher(), v.TLSSubject(), v.TLSIssuer()})
			assert.Equal(t, []string{"ann", "PLAIN", "local", "example.net", "bob@example.net"},
				[]string{v.AuthUser(), v.AuthType(), v.RcptMailer(), v.RcptHost(), v.RcptAddr()})
			assert.Equal(t, []netip.Addr{netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("192.0.2.25")},
				[]netip.Addr{v.ClientAddr(), v.DaemonAddr()})
			assert.Equal(t, []int{2525, 587, 256}, []int{int(v.ClientPort()), int(v.DaemonPort()), v.TLSBits()})
		})
	}
}

// A missing macro is the zero value, and no value makes an accessor fail.
func TestMacrosOfStrangers(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]string{
		"nothing": "", "text": "x", "negative": "-1", "too large": "70000", "long": strings.Repeat("9", 2_000),
		"control characters": "a\nb\x1b[2J\r", "no UTF-8": "\xff\xfe", "braces": "{i}",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hostile := known()
			for n := range hostile {
				if n != middleware.MacroRcptMailer && n != middleware.MacroMTAVersion {
					hostile[n] = value
				}
			}
			var v middleware.MacroValues
			r := framework.NewRouter()
			r.Use(middleware.Macros(middleware.MacrosConfig{Names: names()}))
			r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
				v = middleware.MacrosOf(s)
				s.Logger().Info("here")
				return framework.Continue, nil
			})
			res := miltertest.RunRouter(t, r, miltertest.Message(letter, withMacros(hostile)...))
			res.AssertAccepted(t)
			assert.False(t, v.ClientAddr().IsValid())
			assert.Zero(t, v.ClientPort())
			assert.Zero(t, v.TLSBits())
			assert.LessOrEqual(t, len(v.AuthUser()), 1<<10)
			assert.True(t, strings.HasPrefix(value, v.AuthUser()))
			line, ok := res.Logs.Find("here")
			require.True(t, ok)
			user, shown := miltertest.LogAttr(line, "auth_authen")
			assert.Equal(t, value != "", shown)
			if shown {
				assert.Equal(t, middleware.Printable(v.AuthUser(), 1<<8), user.String())
			}
		})
	}
	var none middleware.MacroValues
	_, ok := none.Get(middleware.MacroQueueID)
	assert.False(t, ok)
	assert.Empty(t, middleware.MacrosFrom(t.Context()).QueueID())
}

// Log lines have each macro once, from its stage to the end of the message, in
// all filters. They do not have macros of recipients.
func TestMacrosInTheLog(t *testing.T) {
	t.Parallel()
	say := func(where string) func(s *framework.Session) {
		return func(s *framework.Session) { s.Logger().Info(where) }
	}
	register := func(r *framework.Router) {
		r.ObserveConnect(func(s *framework.Session, _ *framework.Connect) error { say("connect")(s); return nil })
		r.ObserveMail(func(s *framework.Session, _ *framework.Mail) error { say("mail")(s); return nil })
		r.ObserveHeader(func(s *framework.Session, _ *framework.Header) error { say("header")(s); return nil })
		r.ObserveClose(func(s *framework.Session, _ *framework.Close) error { say("close")(s); return nil })
	}
	r := framework.NewRouter()
	r.Use(middleware.Macros(middleware.MacrosConfig{Names: []middleware.MacroName{
		middleware.MacroClientAddr, middleware.MacroAuthUser, middleware.MacroQueueID, middleware.MacroRcptAddr,
	}}))
	r.Mount(filter("late", func(r *framework.Router) { r.OnEndOfMessage(goesOn) }))
	r.Mount(filter("a", register))
	r.Mount(filter("b", register))
	srv := miltertest.NewRouterServer(t, r)
	conn := srv.Dial(t)
	msg := miltertest.Message(letter, miltertest.Auth("ann"), miltertest.QueueID("4Q"), miltertest.Macro(framework.StageConnect, "client_addr", "192.0.2.1"))
	want := map[string][]string{
		"connect": {"client_addr"}, "mail": {"client_addr", "auth_authen"},
		"header": {"client_addr", "auth_authen", "queue_id"}, "close": {"client_addr"},
	}
	conn.Run(t, msg).AssertAccepted(t)
	conn.Run(t, msg).AssertAccepted(t)
	srv.Close(t)
	lines := 0
	for line := range strings.SplitSeq(srv.Logs().String(), "\n") {
		for where, keys := range want {
			if !strings.HasPrefix(line, "INFO "+where+" ") {
				continue
			}
			lines++
			for _, key := range []string{"client_addr", "auth_authen", "queue_id", "rcpt_addr"} {
				expect := 0
				for _, k := range keys {
					if k == key {
						expect = 1
					}
				}
				assert.Equal(t, expect, strings.Count(line, " "+key+"="), line)
			}
		}
	}
	assert.Equal(t, 2+4+8+2, lines)
}

// The macros of each recipient replace those of the one before, also in an old
// context.
func TestMacrosOfRecipients(t *testing.T) {
	t.Parallel()
	var seen []string
	var early context.Context
	r := framework.NewRouter()
	r.Use(middleware.Macros(middleware.MacrosConfig{Names: []middleware.MacroName{middleware.MacroRcptAddr}, NoLog: true}))
	r.ObserveMail(func(s *framework.Session, _ *framework.Mail) error { early = s.Context(); return nil })
	r.ObserveRcpt(func(s *framework.Session, _ *framework.Rcpt) error {
		seen = append(seen, middleware.MacrosOf(s).RcptAddr())
		return nil
	})
	r.OnEndOfMessage(func(*framework.Session, *framework.EndOfMessage) (framework.Verdict, error) {
		seen = append(seen, middleware.MacrosFrom(early).RcptAddr())
		return framework.Continue, nil
	})
	conn := miltertest.NewRouterServer(t, r).Dial(t)
	for _, rcpt := range []string{"one@x", "two@x"} {
		if rcpt == "one@x" {
			_, err := conn.Mail(t.Context(), "<a@x>")
			require.NoError(t, err)
		}
		require.NoError(t, conn.Macros(wire.CmdRcpt, []mta.Macro{{Name: "{rcpt_addr}", Value: rcpt}}))
		_, err := conn.Rcpt(t.Context(), "<"+rcpt+">")
		require.NoError(t, err)
	}
	_, _, err := conn.EndOfMessage(t.Context(), nil)
	require.NoError(t, err)
	assert.Equal(t, []string{"one@x", "two@x", "two@x"}, seen)
}

// A message does not have the macros of the one before, and two Macros do not
// hide each other's.
func TestMacrosOfMessages(t *testing.T) {
	t.Parallel()
	var seen []string
	r := framework.NewRouter()
	r.Use(
		middleware.Macros(middleware.MacrosConfig{Names: []middleware.MacroName{middleware.MacroAuthUser}}),
		middleware.Macros(middleware.MacrosConfig{At: map[middleware.MacroName]framework.Stage{"own": framework.StageConnect, middleware.MacroQueueID: framework.StageEndOfMessage}}),
	)
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		v := middleware.MacrosOf(s)
		own, _ := v.Get("own")
		seen = append(seen, v.AuthUser()+"|"+own+"|"+v.QueueID())
		return framework.Continue, nil
	})
	conn := miltertest.NewRouterServer(t, r).Dial(t)
	own := miltertest.Macro(framework.StageConnect, "own", "o")
	conn.Run(t, miltertest.Message(letter, own, miltertest.Auth("ann"), miltertest.QueueID("4Q"))).AssertAccepted(t)
	conn.Run(t, miltertest.Message(letter, own, miltertest.QueueID("5Q"))).AssertAccepted(t)
	assert.Equal(t, []string{"ann|o|4Q", "|o|5Q"}, seen)
}

func TestMacrosMistakes(t *testing.T) {
	t.Parallel()
	mistakes(t, middleware.Macros(middleware.MacrosConfig{}), "Macros: MacrosConfig has no names")
	mistakes(t, middleware.Macros(middleware.MacrosConfig{Names: []middleware.MacroName{"mine"}}), `Macros: "mine" is not a well-known macro`)
	mistakes(t, middleware.Macros(middleware.MacrosConfig{At: map[middleware.MacroName]framework.Stage{"a b": framework.StageMail}}), `WantMacro with the name "a b"`)
	mistakes(t, middleware.Macros(middleware.MacrosConfig{At: map[middleware.MacroName]framework.Stage{"a": framework.StageBody}}), "which has no macros of its own")
}
