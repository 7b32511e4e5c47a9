package framework

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/samber/lo"

	"github.com/sluicemail/sluice/wire"
)

// Plan describes what a router asks an MTA for: only what the registered handlers
// and filters need. [Router.Plan] returns it. It must not be modified.
type Plan struct {
	// Actions are the modifications that the filters require.
	Actions wire.Actions
	// Optional are the modifications that the filters use if the MTA allows
	// them.
	Optional wire.Actions
	// Protocol holds the stages and answers that the MTA may leave out, and the
	// other protocol options that the filters request.
	Protocol wire.Protocol
	// Macros are the lists of macros that the filters read.
	Macros []wire.MacroList
	// Reasons lists what caused each of the above.
	Reasons []Reason

	reg      *registry // identifies the router of handles
	slots    []slotSpec
	endHooks []func(*Session, *MessageResult)
	around   []asyncHook
	lanes    []lanePlan
	live     [numStages][]stageLane // the lanes with a handler of the stage
	rejected []stageLane            // those with a handler of refused recipients
	before   []stageLane            // those with a handler before the end of message
	keeps    keptThings
	timed    bool // a middleware bounds the time of a message
}

// lanePlan is a lane that is ready to run.
type lanePlan struct {
	name     string
	number   int // among the lanes, from 1
	spec     *laneSpec
	policy   policy
	routes   [numStages][]route
	limits   laneLimits
	replays  bool // its handlers of content run right before the end of message
	recorded bool // a middleware wants to know what it did
	allDry   bool // it has handlers, and each is in a dry run by Route.DryRun
	requires wire.Actions
	needs    parts // of the message
	// needsToEdit are the parts that the lane's modifications need, also after the
	// lane is done with the message.
	needsToEdit parts
}

// laneLimits are the time limits that a lane's middleware has set. Zero means no
// limit.
type laneLimits struct {
	stage   [numStages]time.Duration
	message time.Duration
}

// stageLane is a lane at one stage.
type stageLane struct {
	lane   int
	routes []route
}

// route is a handler with its middleware around it.
type route struct {
	handle  Handler
	answers bool
	dryRun  bool
}

// shortestLimit returns the shortest time limit of all lanes, or zero if there
// is none.
func (p *Plan) shortestLimit() (d time.Duration) {
	for i := range p.lanes {
		shorten(&d, p.lanes[i].limits.message)
		for _, limit := range p.lanes[i].limits.stage {
			shorten(&d, limit)
		}
	}
	return d
}

// Reason is one reason why a plan asks for a bit, or does not ask for it.
type Reason struct {
	// Bit is the C name of an action or of a protocol bit, or the C name of a
	// macro list followed by a macro. For [Router.BeforeEndOfMessage] it is
	// SMFIC_BODYEOB, the command that every MTA sends.
	Bit string `json:"bit"`
	// Asked reports whether the plan asks for the bit.
	Asked bool `json:"asked"`
	// Cause is the method that was called or the name of the middleware. If
	// there is neither, it says why the bit is set.
	Cause string `json:"cause"`
	// Filter is the filter that caused it, or "".
	Filter string `json:"filter,omitempty"`
	// Where is the file and line that caused it, or "".
	Where string `json:"where,omitempty"`
	// Optional reports whether an MTA that does not offer the bit is served
	// nevertheless.
	Optional bool `json:"optional,omitempty"`
}

// Explain writes the plan as a table for human readers: every bit, whether the plan
// asks for it, and the cause with its file and line. A bit with several causes has
// several lines.
func (p *Plan) Explain(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	last := ""
	for _, r := range p.Reasons {
		by := r.Cause
		if r.Filter != "" {
			by += " by " + r.Filter + " at " + r.Where
		}
		mark, bit := lo.Ternary(r.Asked, "+", "-"), r.Bit
		if mark+bit == last {
			mark, bit = "", ""
		} else {
			last = mark + bit
		}
		_, _ = fmt.Fprintf(t, "%s\t%s\t%s\n", mark, bit, by)
	}
	return t.Flush()
}

// String returns what Explain writes.
func (p *Plan) String() string {
	var b strings.Builder
	_ = p.Explain(&b)
	return b.String()
}

// MarshalJSON implements json.Marshaler: bits by their C names, macros by their list,
// and the reasons.
func (p *Plan) MarshalJSON() ([]byte, error) {
	names := func(list []string) []string { return append([]string{}, list...) } // [] rather than null
	return json.Marshal(struct {
		Filters  []string            `json:"filters"`
		Actions  []string            `json:"actions"`
		Optional []string            `json:"optional"`
		Protocol []string            `json:"protocol"`
		Macros   map[string][]string `json:"macros"`
		Reasons  []Reason            `json:"reasons"`
	}{
		Filters:  lo.Map(p.lanes, func(l lanePlan, _ int) string { return l.name }),
		Actions:  names(p.Actions.Names()),
		Optional: names(p.Optional.Names()),
		Protocol: names(p.Protocol.Names()),
		Macros: lo.SliceToMap(p.Macros, func(l wire.MacroList) (string, []string) {
			return l.Stage.String(), strings.Fields(l.Names)
		}),
		Reasons: p.Reasons,
	})
}

// addReason adds a reason, unless it is there already: several handlers may share a
// middleware.
func (p *Plan) addReason(r Reason) {
	if !slices.Contains(p.Reasons, r) {
		p.Reasons = append(p.Reasons, r)
	}
}
