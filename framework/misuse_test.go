package framework_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

var errRegister = errors.New("no licence")

func passes(_ *framework.Route, next framework.Handler) framework.Handler { return next }

func vanishes(*framework.Route, framework.Handler) framework.Handler { return nil }

func nothing(*framework.Router) error { return nil }

// misuses lists mistakes that the compiler does not detect, each made at one
// line.
var misuses = []struct {
	name   string
	make   func(r *framework.Router) (where string)
	reason string
	filter string // "main" unless set
}{
	{
		name: "a nil handler", reason: "OnMail without a handler",
		make: func(r *framework.Router) string { r.OnMail(nil); return here() },
	},
	{
		name: "a nil observer", reason: "ObserveRejectedRcpt without a handler",
		make: func(r *framework.Router) string { r.ObserveRejectedRcpt(nil); return here() },
	},
	{
		name: "a nil middleware", reason: "a nil middleware",
		make: func(r *framework.Router) string { r.Use(passes, nil); return here() },
	},
	{
		name: "a nil middleware in With", reason: "a nil middleware",
		make: func(r *framework.Router) string { r.With(nil); return here() },
	},
	{
		name: "a nil group", reason: "Group without a function",
		make: func(r *framework.Router) string { r.Group(nil); return here() },
	},
	{
		name: "Use after a handler", reason: "Use after a handler was registered",
		make: func(r *framework.Router) string { r.OnMail(goesOn); r.Use(passes); return here() },
	},
	{
		name: "Use after Mount", reason: "Use after a handler was registered",
		make: func(r *framework.Router) string {
			r.Mount(miltertest.FilterFunc("f", nothing))
			r.Use(passes)
			return lineAbove(here())
		},
	},
	{
		name: "Use after With", reason: "Use after a handler was registered",
		make: func(r *framework.Router) string { _ = r.With(passes); r.Use(passes); return here() },
	},
	{
		name: "a macro of a stage without macros", reason: `WantMacro("i") at the stage close, which has no macros of its own`,
		make: func(r *framework.Router) string { r.WantMacro(framework.StageClose, "i"); return here() },
	},
	{
		name: "a macro of Header", reason: "at the stage header",
		make: func(r *framework.Router) string { r.WantMacro(framework.StageHeader, "i"); return here() },
	},
	{
		name: "a macro of Body", reason: "at the stage body",
		make: func(r *framework.Router) string { r.WantMacro(framework.StageBody, "i"); return here() },
	},
	{
		name: "a macro without a name", reason: `WantMacro with the name "{}"`,
		make: func(r *framework.Router) string { r.WantMacro(framework.StageMail, "{}"); return here() },
	},
	{
		name: "two macros for one", reason: `WantMacro with the name "a b"`,
		make: func(r *framework.Router) string { r.WantMacro(framework.StageMail, "a b"); return here() },
	},
	{
		name: "a macro with half its braces inside", reason: `WantMacro with the name "a}b"`,
		make: func(r *framework.Router) string { r.WantMacro(framework.StageMail, "a}b"); return here() },
	},
	{
		name: "the user's name before AUTH", reason: `WantMacro("auth_authen") at the stage connect: MTAs have the macro from the stage mail on`,
		make: func(r *framework.Router) string { r.WantMacro(framework.StageConnect, "auth_authen"); return here() },
	},
	{
		name: "the user's name in braces", reason: `WantMacro("{auth_authen}") at the stage helo: MTAs have the macro from the stage mail on`,
		make: func(r *framework.Router) string { r.WantMacro(framework.StageHelo, "{auth_authen}"); return here() },
	},
	{
		name: "a recipient at Mail", reason: `WantMacro("rcpt_addr") at the stage mail: MTAs have the macro from the stage rcpt on`,
		make: func(r *framework.Router) string { r.WantMacro(framework.StageMail, "rcpt_addr"); return here() },
	},
	{
		name: "the queue ID of no message", reason: `WantMacro("i") at the stage helo: MTAs have the macro from the stage mail on`,
		make: func(r *framework.Router) string { r.WantMacro(framework.StageHelo, "i"); return here() },
	},
	{
		name: "a middleware that wants a macro too early", reason: `: WantMacro("mail_addr") at the stage connect`,
		make: func(r *framework.Router) (where string) {
			asks := func(rt *framework.Route, next framework.Handler) framework.Handler {
				rt.WantMacro(framework.StageConnect, "mail_addr")
				return next
			}
			r.With(asks).OnMail(goesOn)
			return lineAbove(here())
		},
	},
	{
		name: "a filter mounted twice", reason: `a second filter of the name "f"`, filter: "f",
		make: func(r *framework.Router) string {
			r.Mount(miltertest.FilterFunc("f", nothing))
			r.Mount(miltertest.FilterFunc("f", nothing))
			return lineAbove(here())
		},
	},
	{
		name: "a filter without a name", reason: "Mount of a filter without a name",
		make: func(r *framework.Router) string { r.Mount(miltertest.FilterFunc("", nothing)); return here() },
	},
	{
		name: "a nil filter", reason: "Mount without a filter",
		make: func(r *framework.Router) string { r.Mount(nil); return here() },
	},
	{
		name: "a filter that cannot register", reason: "Register failed: no licence", filter: "f",
		make: func(r *framework.Router) string {
			r.Mount(miltertest.FilterFunc("f", func(*framework.Router) error { return errRegister }))
			return lineAbove(here())
		},
	},
	{
		name: "a mistake inside a filter", reason: "OnData without a handler", filter: "f",
		make: func(r *framework.Router) (where string) {
			r.Mount(miltertest.FilterFunc("f", func(r *framework.Router) error { r.OnData(nil); where = here(); return nil }))
			return where
		},
	},
	{
		name: "middleware that returns nothing", reason: "returned no handler for OnHelo",
		make: func(r *framework.Router) (where string) {
			r.With(vanishes).OnHelo(goesOn)
			return lineAbove(here())
		},
	},
	{
		name: "FailWith that lets pass", reason: "FailWith with the verdict accept, which refuses nothing", filter: "f",
		make: func(r *framework.Router) string {
			r.Mount(miltertest.FilterFunc("f", nothing), framework.FailWith(framework.Accept))
			return lineAbove(here())
		},
	},
	{
		name: "a nil option", reason: "a nil option", filter: "f",
		make: func(r *framework.Router) string {
			r.Mount(miltertest.FilterFunc("f", nothing), nil)
			return lineAbove(here())
		},
	},
	{
		name: "more body handlers than can be told apart", reason: "more than 64 handlers of the body",
		make: func(r *framework.Router) string {
			for range 65 {
				r.OnBody(goesOn)
			}
			return lineAbove(lineAbove(here()))
		},
	},
}

func TestMisuseAtStartup(t *testing.T) {
	t.Parallel()
	for _, tt := range misuses {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := framework.NewRouter()
			where := tt.make(r)
			_, err := framework.NewServer(r, framework.Config{})
			var mistake *framework.RegistrationError
			require.ErrorAs(t, err, &mistake)
			assert.Equal(t, where, mistake.Where)
			assert.Contains(t, mistake.Reason, tt.reason)
			if tt.filter == "" {
				tt.filter = "main"
			}
			assert.Equal(t, tt.filter, mistake.Filter)
			assert.ErrorContains(t, err, where+": filter \""+tt.filter+"\": ")
			_, again := r.Plan()
			assert.Equal(t, err, again, "the plan is made once")
		})
	}
}

// All mistakes are returned together, in one error.
func TestMisusesAreJoined(t *testing.T) {
	t.Parallel()
	r := framework.NewRouter()
	places := map[string]bool{}
	count := 0
	for _, tt := range misuses {
		r.Group(func(r *framework.Router) { places[tt.make(r)] = true })
		count++
	}
	_, err := r.Plan()
	joined, ok := err.(interface{ Unwrap() []error })
	require.True(t, ok)
	assert.GreaterOrEqual(t, len(joined.Unwrap()), count)
	for _, err := range joined.Unwrap() {
		var mistake *framework.RegistrationError
		require.ErrorAs(t, err, &mistake)
		delete(places, mistake.Where)
	}
	assert.Empty(t, places, "places without a mistake")
	assert.ErrorIs(t, err, errRegister)
}

// A handler that is registered after the plan was created would never run.
func TestRegisteringTooLate(t *testing.T) {
	t.Parallel()
	late := map[string]func(r *framework.Router){
		"OnMail":             func(r *framework.Router) { r.OnMail(goesOn) },
		"Use":                func(r *framework.Router) { r.Use(passes) },
		"With":               func(r *framework.Router) { r.With() },
		"Group":              func(r *framework.Router) { r.Group(nil) },
		"Mount":              func(r *framework.Router) { r.Mount(nil) },
		"GrantAddHeader":     func(r *framework.Router) { r.GrantAddHeader() },
		"WantMacro":          func(r *framework.Router) { r.WantMacro(framework.StageMail, "i") },
		"WantEnvelope":       func(r *framework.Router) { r.WantEnvelope() },
		"WantMessage":        func(r *framework.Router) { r.WantMessage() },
		"PerMessage":         func(r *framework.Router) { framework.PerMessage[int](r) },
		"PerConnection":      func(r *framework.Router) { framework.PerConnection[int](r) },
		"ObserveRejectedRct": func(r *framework.Router) { r.ObserveRejectedRcpt(watches) },
	}
	for name, register := range late {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, r := range []*framework.Router{planned(t, false), planned(t, true)} {
				said := func() (v any) {
					defer func() { v = recover() }()
					register(r)
					return nil
				}()
				assert.Regexp(t, `^framework: \w+/misuse_test\.go:\d+: the router's plan was made`, said)
			}
		})
	}
}

func planned(t *testing.T, wrong bool) *framework.Router {
	t.Helper()
	r := framework.NewRouter()
	if wrong {
		r.OnMail(nil)
	}
	_, err := r.Plan()
	require.Equal(t, wrong, err != nil)
	return r
}

// Using a handle of another router, or a zero handle, is visible: the message
// is refused and the log gives the reason.
func TestForeignHandles(t *testing.T) {
	t.Parallel()
	other := framework.NewRouter()
	var zeroAdder framework.HeaderAdder
	var zeroSlot framework.Slot[int]
	var zeroEnvelope framework.KeptEnvelope
	var zeroHeaders framework.KeptHeader
	add, slot, macro := other.GrantAddHeader(), framework.PerMessage[int](other), other.WantMacro(framework.StageMail, "i")
	envelope, headers := other.WantEnvelope(), other.WantHeaders()
	var zeroMessage framework.KeptMessage
	message := other.WantMessage()
	tests := []struct {
		name string
		use  func(s *framework.Session) error
		want string
	}{
		{"a zero grant", func(s *framework.Session) error { return zeroAdder.Append(s, "X", "y") }, "no grant of this router"},
		{"a grant", func(s *framework.Session) error { return add.Append(s, "X", "y") }, "no grant of this router"},
		{"a zero slot", func(s *framework.Session) error { *zeroSlot.Get(s) = 1; return nil }, "a slot is used"},
		{"a slot", func(s *framework.Session) error { *slot.Get(s) = 1; return nil }, "a slot is used"},
		{"a macro", func(s *framework.Session) error { _, _ = macro.Value(s); return nil }, "a macro is used"},
		{"a zero envelope", func(s *framework.Session) error { _ = zeroEnvelope.Sender(s); return nil }, "a WantEnvelope is used"},
		{"an envelope", func(s *framework.Session) error { _ = envelope.Recipients(s); return nil }, "a WantEnvelope is used"},
		{"zero headers", func(s *framework.Session) error { _, _ = zeroHeaders.First(s, "X"); return nil }, "a WantHeaders is used"},
		{"headers", func(s *framework.Session) error { _, _ = headers.First(s, "X"); return nil }, "a WantHeaders is used"},
		{"a zero message", func(s *framework.Session) error { zeroMessage.Reader(s); return nil }, "a WantMessage is used"},
		{"a message", func(s *framework.Session) error { message.Reader(s); return nil }, "a WantMessage is used"},
		{"a message's size", func(s *framework.Session) error { message.Size(s); return nil }, "a WantMessage is used"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			res := miltertest.Run(t, miltertest.FilterFunc("f", func(r *framework.Router) error {
				r.GrantAddHeader()
				r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
					assert.False(t, add.Granted(s))
					return framework.Continue, tt.use(s)
				})
				return nil
			}), miltertest.Message("A: b\n\nhello\n"))
			res.AssertTempFailed(t)
			assert.Contains(t, res.Logs.String(), tt.want)
		})
	}
}

// A macro that was never requested has no value, which is not a mistake.
func TestZeroMacro(t *testing.T) {
	t.Parallel()
	res := miltertest.Run(t, miltertest.FilterFunc("f", func(r *framework.Router) error {
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			v, ok := framework.Macro{}.Value(s)
			assert.Empty(t, v)
			assert.False(t, ok)
			return framework.Continue, nil
		})
		return nil
	}), miltertest.Message("A: b\n\nhello\n"))
	res.AssertAccepted(t)
}
