package middleware_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/middleware/internal/loop"
)

// What each adds to the plan of a filter that handles only the end of the
// message, and of one that handles every stage.
func TestPlanOfEach(t *testing.T) {
	t.Parallel()
	var all string
	for _, b := range shelf() {
		var plans [2]string
		for i, register := range []func(r *framework.Router){
			func(r *framework.Router) { r.OnEndOfMessage(goesOn) },
			func(r *framework.Router) { everyStage(r, false) },
		} {
			r, plain := framework.NewRouter(), framework.NewRouter()
			r.Use(b.make())
			register(r)
			register(plain)
			without, err := plain.Plan()
			require.NoError(t, err)
			plan, err := r.Plan()
			if err != nil {
				require.Zero(t, i, "an error with handlers of all stages: %v", err)
				_, reason, _ := strings.Cut(err.Error(), `filter "main": `)
				plans[i] = "  a mistake: " + reason + "\n"
				continue
			}
			plans[i] = added(plan, without)
		}
		all += fmt.Sprintf("== %s\nat the end of the message:\n%sat every stage:\n%s", b.name, plans[0], plans[1])
	}
	golden(t, "shelf", withoutLines(all))
}

// added lists what a plan has in addition to one without the middleware.
func added(plan, without *framework.Plan) (text string) {
	if opened := without.Protocol &^ plan.Protocol; opened != 0 {
		text += fmt.Sprintf("  opens %v\n", opened)
	}
	if asked := plan.Protocol &^ without.Protocol; asked != 0 {
		text += fmt.Sprintf("  asks for %v\n", asked)
	}
	for _, l := range plan.Macros {
		if !slices.Contains(without.Macros, l) {
			text += fmt.Sprintf("  macros %v %q\n", l.Stage, l.Names)
		}
	}
	if text == "" {
		text = "  nothing\n"
	}
	return text
}

// Any two of them, in either order, around answering handlers or observers, do
// not change a message.
func TestComposition(t *testing.T) {
	t.Parallel()
	all := shelf()
	for i := range all {
		for j := range all {
			t.Run(all[i].name+"/"+all[j].name, func(t *testing.T) {
				t.Parallel()
				for _, answers := range []bool{true, false} {
					asked := 0
					r := framework.NewRouter()
					r.Use(all[i].make(), all[j].make())
					add := r.GrantAddHeader()
					everyStage(r, answers)
					r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
						asked++
						return framework.Continue, add.Append(s, "X-Asked", "yes")
					})
					conn := miltertest.NewRouterServer(t, r).Dial(t)
					for range 3 {
						res := conn.Run(t, miltertest.Message(letter, miltertest.QueueID("4Q")))
						res.AssertAccepted(t)
						assert.Equal(t, "yes", res.Header("X-Asked"))
					}
					assert.Equal(t, 3, asked)
				}
			})
		}
	}
}

// Idle middleware does not allocate. The others do not allocate more for more
// header fields and body chunks.
//
//nolint:paralleltest // memory is counted for the whole process
func TestAllocsOfEach(t *testing.T) {
	for _, b := range shelf() {
		for _, answers := range []bool{true, false} {
			var allocs [2]float64
			for i, fields := range []int{10, 200} {
				r := framework.NewRouter()
				r.Use(b.make())
				everyStage(r, answers)
				l, err := loop.New(r, fields, fields/10)
				require.NoError(t, err)
				allocs[i] = testing.AllocsPerRun(50, l.Message)
				l.Close()
			}
			assert.InDelta(t, allocs[0], allocs[1], 0.5+poolLosses(), "%s: per event", b.name)
			if b.idle {
				assert.LessOrEqual(t, allocs[1], 0.5, "%s: per message", b.name)
			} else {
				t.Logf("%s: %v allocations for a message", b.name, allocs[1])
			}
		}
	}
}

// BenchmarkLimitsAndConditions measures a message with 20 fields and 2 chunks,
// with handlers at every stage: 30 events. "none" is without middleware.
func BenchmarkLimitsAndConditions(b *testing.B) {
	run := func(b *testing.B, mws ...framework.Middleware) {
		b.Helper()
		r := framework.NewRouter()
		r.Use(mws...)
		everyStage(r, false)
		l, err := loop.New(r, 20, 2)
		if err != nil {
			b.Fatal(err)
		}
		defer l.Close()
		b.ReportAllocs()
		for b.Loop() {
			l.Message()
		}
	}
	b.Run("none", func(b *testing.B) { run(b) })
	for _, c := range shelf() {
		b.Run(c.name, func(b *testing.B) { run(b, c.make()) })
	}
}
