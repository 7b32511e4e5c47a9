package framework_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire"
)

// A router with a kept part that no handler can read is refused. It is accepted as soon as
// one handler can, of any filter.
func TestKeptPartsThatNoHandlerCanRead(t *testing.T) {
	t.Parallel()
	connect := func(r *framework.Router) { r.OnConnect(goesOn) }
	helo := func(r *framework.Router) { r.ObserveHelo(watches) }
	mail := func(r *framework.Router) { r.OnMail(goesOn) }
	data := func(r *framework.Router) { r.ObserveData(watches) }
	header := func(r *framework.Router) { r.ObserveHeader(watches) }
	eoh := func(r *framework.Router) { r.OnEndOfHeaders(goesOn) }
	body := func(r *framework.Router) { r.ObserveBody(watches) }
	eom := func(r *framework.Router) { r.OnEndOfMessage(goesOn) }
	abort := func(r *framework.Router) { r.ObserveAbort(watches) }
	closes := func(r *framework.Router) { r.ObserveClose(watches) }
	unknown := func(r *framework.Router) { r.OnUnknown(goesOn) }
	type handlers []func(*framework.Router)
	for name, c := range map[string]struct {
		want   func(r *framework.Router) string
		vain   handlers // none of them can read it
		any    handlers // each of them can
		reason string
	}{
		"WantHelo": {
			func(r *framework.Router) string { r.WantHelo(); return here() },
			handlers{connect},
			handlers{helo, mail, header, eom, abort, closes, unknown},
			"WantHelo can be read from the stage helo on, and no handler is registered there",
		},
		"WantEnvelope": {
			func(r *framework.Router) string { r.WantEnvelope(); return here() },
			handlers{connect, helo, closes},
			handlers{mail, data, body, eom, abort, unknown},
			"WantEnvelope can be read from the stage mail on, and no handler is registered there",
		},
		"WantHeaders": {
			func(r *framework.Router) string { r.WantHeaders(); return here() },
			handlers{connect, helo, mail, data, closes},
			handlers{header, eoh, body, eom, abort, unknown},
			"WantHeaders can be read from the stage header on, and no handler is registered there",
		},
		"WantBody": {
			func(r *framework.Router) string { r.WantBody(); return here() },
			handlers{connect, helo, mail, data, header, eoh, body, abort, closes, unknown},
			handlers{eom},
			"WantBody can be read from the stage end of message on, and no handler is registered there",
		},
		"WantMessage": {
			func(r *framework.Router) string { r.WantMessage(); return here() },
			handlers{connect, helo, mail, data, header, eoh, body, abort, closes, unknown},
			handlers{eom},
			"WantMessage can be read from the stage end of message on, and no handler is registered there",
		},
		"WantClient": {
			func(r *framework.Router) string { r.WantClient(); return here() },
			nil,
			handlers{connect, helo, mail, eom, closes, unknown},
			"",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			vain := func() (*framework.Router, string) {
				r := framework.NewRouter()
				for _, register := range c.vain {
					register(r)
				}
				return r, c.want(r)
			}
			if c.reason != "" {
				r, where := vain()
				_, err := r.Plan()
				var mistake *framework.RegistrationError
				require.ErrorAs(t, err, &mistake)
				assert.Equal(t, framework.RegistrationError{Where: where, Filter: "main", Reason: c.reason}, *mistake)
			}
			for i, register := range c.any {
				r, _ := vain()
				r.Mount(miltertest.FilterFunc("another", func(r *framework.Router) error { register(r); return nil }))
				_, err := r.Plan()
				assert.NoError(t, err, "handler %d", i)
			}
			r, _ := vain()
			r.Mount(miltertest.FilterFunc("hook", func(r *framework.Router) error {
				r.Use(func(rt *framework.Route, next framework.Handler) framework.Handler {
					rt.AfterMessage(func(*framework.Session, *framework.MessageResult) {})
					return next
				})
				r.OnMail(goesOn)
				return nil
			}))
			_, err := r.Plan()
			assert.NoError(t, err, "a function that runs after the message can read it")
		})
	}
}

// To keep the header makes the edits of a filter find their fields, whether or not a
// handler reads it.
func TestHeaderKeptForEdits(t *testing.T) {
	t.Parallel()
	r := framework.NewRouter()
	r.WantHeaders()
	r.GrantChangeHeader()
	r.OnMail(goesOn)
	_, err := r.Plan()
	assert.NoError(t, err)
}

// A well-known macro is accepted from the stage on at which an MTA has it. Any other name
// is accepted at every stage.
func TestMacroStages(t *testing.T) {
	t.Parallel()
	stages := []framework.Stage{
		framework.StageConnect, framework.StageHelo, framework.StageMail, framework.StageRcpt, framework.StageData,
		framework.StageEndOfHeaders, framework.StageEndOfMessage,
	}
	for name, c := range map[string]struct{ first, both framework.Stage }{
		"client_addr":   {framework.StageConnect, framework.StageConnect},
		"{daemon_name}": {framework.StageConnect, framework.StageConnect},
		"v":             {framework.StageConnect, framework.StageConnect},
		"tls_version":   {framework.StageConnect, framework.StageHelo},
		"cert_subject":  {framework.StageConnect, framework.StageHelo},
		"auth_authen":   {framework.StageMail, framework.StageMail},
		"auth_type":     {framework.StageMail, framework.StageMail},
		"mail_addr":     {framework.StageMail, framework.StageMail},
		"rcpt_addr":     {framework.StageRcpt, framework.StageRcpt},
		"{rcpt_mailer}": {framework.StageRcpt, framework.StageRcpt},
		"i":             {framework.StageMail, framework.StageData},
		"msg_id":        {framework.StageEndOfHeaders, framework.StageEndOfMessage},
		"x_mine":        {framework.StageConnect, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, stage := range stages {
				r := framework.NewRouter()
				macro := r.WantMacro(stage, name)
				_, err := r.Plan()
				assert.Equal(t, stage < c.first, err != nil, "%v: %v", stage, err)
				if err == nil {
					both, known := framework.StageOfMacro(macro.Name())
					assert.Equal(t, c.both, both)
					assert.Equal(t, name != "x_mine", known)
				}
			}
		})
	}
}

// Routes are only valid while the plan is made. What a middleware asks of one later would
// have no effect.
func TestRouteUsedTooLate(t *testing.T) {
	t.Parallel()
	for name, use := range map[string]func(rt *framework.Route){
		"WantMacro":    func(rt *framework.Route) { rt.WantMacro(framework.StageMail, "i") },
		"WantHelo":     func(rt *framework.Route) { rt.WantHelo() },
		"Answer":       func(rt *framework.Route) { rt.Answer() },
		"DryRun":       func(rt *framework.Route) { rt.DryRun() },
		"Limit":        func(rt *framework.Route) { rt.Limit(1) },
		"LimitMessage": func(rt *framework.Route) { rt.LimitMessage(1) },
		"AfterMessage": func(rt *framework.Route) { rt.AfterMessage(func(*framework.Session, *framework.MessageResult) {}) },
		"Errorf":       func(rt *framework.Route) { rt.Errorf("too late") },
		"PerMessage":   func(rt *framework.Route) { framework.PerMessage[int](rt) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var kept *framework.Route
			r := framework.NewRouter()
			r.Use(func(rt *framework.Route, next framework.Handler) framework.Handler { kept = rt; return next })
			r.OnMail(goesOn)
			_, err := r.Plan()
			require.NoError(t, err)
			said := func() (v any) {
				defer func() { v = recover() }()
				use(kept)
				return nil
			}()
			assert.Regexp(t, `^framework: \w+/misusekept_test\.go:\d+: the router's plan was made`, said)
		})
	}
}

// Middleware wraps the handlers of all stages, also of those at which there is no HELO
// yet. A handler of Unknown may read parts that are there only within a transaction.
func TestKeptPartsThatMayBeMissing(t *testing.T) {
	t.Parallel()
	r := framework.NewRouter()
	r.Use(func(rt *framework.Route, next framework.Handler) framework.Handler {
		helo := rt.WantHelo()
		return func(s *framework.Session, ev framework.Event) (framework.Verdict, error) {
			_ = helo.Value(s)
			return next(s, ev)
		}
	})
	r.OnConnect(goesOn)
	envelope := r.WantEnvelope()
	r.OnUnknown(func(s *framework.Session, _ *framework.Unknown) (framework.Verdict, error) {
		_ = envelope.Sender(s)
		return framework.Continue, nil
	})
	conn := miltertest.NewRouterServer(t, r).Dial(t)
	_, err := conn.Connect(t.Context(), &wire.Connect{Host: []byte("client.example.org"), Family: wire.FamilyUnknown})
	require.NoError(t, err)
	_, err = conn.Unknown(t.Context(), "XYZZY")
	require.NoError(t, err)
	require.NoError(t, conn.Quit(t.Context()))
}
