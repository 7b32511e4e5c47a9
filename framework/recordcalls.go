package framework

import (
	"github.com/sluicemail/sluice/framework/internal/tape"
	"github.com/sluicemail/sluice/framework/internal/taping"
)

// newRecording returns the recording of a session, or nil if nothing is to be recorded.
func newRecording(s *Session) *recording {
	to := s.shared.cfg.Recorder
	if to == nil {
		return nil
	}
	r := &recording{to: to, limits: s.shared.recordLimits, hung: taping.NoFilter}
	r.tape.Init(&taping.Config{
		Bytes: r.limits.Bytes, Header: r.limits.Header, Body: r.limits.Body, Memory: &s.shared.recordings,
		Peer: s.log.peer, ID: s.ID, Filters: len(s.lanes.all),
	})
	for i := range s.lanes.all {
		plan := s.lanes.all[i].plan
		r.tape.AddFilter(plan.name, plan.policy.dryRun)
	}
	return r
}

// index returns the index of the lane in records.
func (l *laneState) index() int { return l.plan.number - 1 }

// calls notes that the handlers of a lane are called.
func (r *recording) calls(lane *laneState, stage Stage) {
	if r.off() {
		return
	}
	switch stage { //nolint:exhaustive // the others are called for the command
	case StageAbort:
		r.tape.EndMessage()
	case StageClose:
		r.tape.EndSession(true)
	default:
		r.tape.Write()
	}
	r.tape.Calls(lane.index(), byte(stage))
}

// verdict writes what a lane decided.
func (r *recording) verdict(s *Session, lane *laneState, stage Stage, v Verdict, failed, dryRun bool) {
	if r.off() || v == Continue || v == SkipBody {
		return
	}
	if told := !failed || !s.nego.silent[stage]; told && stage == StageRcpt && v.Refuses() && !dryRun && !rcptRejected(s) {
		r.refused.count++
		r.refused.verdict, r.refused.filter = v, lane.plan.name
	}
	r.tape.Verdict(&tape.Verdict{
		Filter: lane.index(), Stage: byte(stage), Failed: failed, DryRun: dryRun, Decision: decisionOf(v),
	})
}

// failed writes the error of a lane's handler.
func (r *recording) failed(lane *laneState, stage Stage, err error) {
	if !r.off() {
		r.failure(lane, stage, err.Error())
	}
}

// failure writes why a lane failed or was left out.
func (r *recording) failure(lane *laneState, stage Stage, why string) {
	if r != nil {
		r.tape.Failure(lane.index(), byte(stage), why)
	}
}

// inDryRun writes what a handler decided in a dry run by Route.DryRun. It is called while
// code of a filter runs.
func (r *recording) inDryRun(lane *laneState, stage Stage, v Verdict, err error) {
	if r == nil {
		return
	}
	if err != nil {
		r.tape.Held().Failure(&tape.Failure{Filter: lane.index(), Stage: byte(stage), Text: err.Error()})
	} else if v != Continue {
		r.tape.Held().Verdict(&tape.Verdict{Filter: lane.index(), Stage: byte(stage), DryRun: true, Decision: decisionOf(v)})
	}
}
