package framework

import (
	"github.com/sluicemail/sluice/framework/internal/tape"
)

// calls notes that the handlers of a lane are called.
func (r *recording) calls(lane *laneState, stage Stage) {
	if r == nil || r.closed {
		return
	}
	if stage != StageAbort && stage != StageClose {
		r.write()
	}
	i := lane.plan.number - 1
	if r.burst.lane == i && r.burst.stage == stage {
		r.burst.count++
	} else {
		r.endBurst()
		r.burst = burst{lane: i, stage: stage, from: r.clock, count: 1}
		r.running.Store(int32(i)) //nolint:gosec // an index
	}
}

// called notes that they have returned.
func (r *recording) called() {
	if r != nil && (len(r.held.Bytes()) > 0 || r.held.Cut()) {
		r.writeHeld()
	}
}

func (r *recording) writeHeld() {
	if !r.closed && !r.misses() {
		r.part.Append(&r.held)
	}
	r.held.Reset(nil)
}

// endBurst ends the calls that are timed together.
func (r *recording) endBurst() {
	if r.burst.lane == noFilter {
		return
	}
	r.running.Store(noFilter)
	r.read()
	r.fresh = true
	t := &r.lanes[r.burst.lane]
	took, stage := r.clock-r.burst.from, byte(r.burst.stage)
	if t.call.Count > 0 && t.call.Stage != stage {
		r.flushCall(t)
	}
	c := &t.call
	c.Stage = stage
	c.Count += r.burst.count
	c.Total += took
	c.Longest = max(c.Longest, took)
	t.work += took
	if r.burst.stage < StageMail {
		r.flushCall(t)
	}
	r.burst.lane = noFilter
}

// flushCall writes the calls of a lane.
func (r *recording) flushCall(t *laneTotals) {
	if t.call.Count == 0 {
		return
	}
	w := &r.rest
	if Stage(t.call.Stage) < StageMail {
		w = r.part
	}
	if w != &r.rest || r.open {
		w.Call(&t.call)
	}
	t.call = tape.Call{Filter: t.call.Filter}
}

// verdict writes what a lane decided.
func (r *recording) verdict(lane *laneState, stage Stage, v Verdict, failed, dryRun bool) {
	if r.off() || v == Continue || v == SkipBody {
		return
	}
	if stage == StageRcpt && v.Refuses() && !failed && !dryRun && !rcptRejected(r.session) {
		r.refused.count++
		r.refused.verdict, r.refused.filter = v, lane.plan.name
	}
	if !r.misses() {
		r.part.Verdict(&tape.Verdict{
			Filter: lane.plan.number - 1, Stage: byte(stage), Failed: failed, DryRun: dryRun, Decision: decisionOf(v),
		})
	}
}

// failed writes the error of a lane's handler.
func (r *recording) failed(lane *laneState, stage Stage, err error) {
	if !r.off() {
		r.failure(lane, stage, err.Error())
	}
}

// failure writes why a lane failed or was left out.
func (r *recording) failure(lane *laneState, stage Stage, why string) {
	if r.off() {
		return
	}
	r.anyFailed = true
	if !r.misses() {
		r.part.Failure(&tape.Failure{Filter: lane.plan.number - 1, Stage: byte(stage), Text: why})
	}
}

// inDryRun writes what a handler decided in a dry run by Route.DryRun. It is called while
// code of a filter runs.
func (r *recording) inDryRun(lane *laneState, stage Stage, v Verdict, err error) {
	if r == nil {
		return
	}
	if err != nil {
		r.held.Failure(&tape.Failure{Filter: lane.plan.number - 1, Stage: byte(stage), Text: err.Error()})
	} else if v != Continue {
		r.held.Verdict(&tape.Verdict{Filter: lane.plan.number - 1, Stage: byte(stage), DryRun: true, Decision: decisionOf(v)})
	}
}

// decisionOf returns a verdict as records have it.
func decisionOf(v Verdict) tape.Decision {
	d := tape.Decision{Kind: byte(v.kind)}
	if v.kind == kindReply {
		d.Code, d.Text = v.reply.Code(), v.reply.Text
	}
	return d
}

// disorder writes that the lanes were left out because the MTA sent an event out of order, or
// that one of them refused the message.
func (r *recording) disorder(stage Stage, out outcome) {
	if r.off() {
		return
	}
	for i := range r.session.lanes.all {
		if lane := &r.session.lanes.all[i]; lane.record.failed {
			r.failure(lane, stage, "the MTA sent an event out of order")
			if out.failed && lane.plan.name == out.filter {
				r.verdict(lane, stage, out.verdict, true, false)
			}
		}
	}
}
