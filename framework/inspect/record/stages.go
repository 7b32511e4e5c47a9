package record

import (
	"time"

	"github.com/sluicemail/sluice/framework/internal/tape"
)

// enter notes that a command of a stage came.
func (d *decoder) enter(stage int) {
	waiting := max(0, d.now-max(0, d.last)) // nothing is counted before the message began
	d.last = d.now
	if s := d.current(); s != nil && d.stage == stage {
		s.Frames++
		s.Waiting += waiting
		return
	}
	d.stage = stage
	d.add(Stage{Name: stageNames[stage], Earlier: stage < stageMail && d.end.Number > 0, Waiting: waiting, Frames: 1})
}

// add adds a stage that begins now.
func (d *decoder) add(s Stage) {
	s.At = max(0, d.now)
	d.msg.Stages = append(d.msg.Stages, s)
	d.before = append(d.before, s.Waiting)
}

// finishTimes takes away from the waiting what filters worked. The clock of a record stands
// still from one reply to the next command: what filters worked without a reply is counted
// as waiting until here.
func (d *decoder) finishTimes() {
	stages := d.msg.Stages
	for i := range stages {
		s, until, next := &stages[i], d.msg.Took, time.Duration(0)
		if s.Earlier {
			continue
		}
		if i+1 < len(stages) {
			until, next = stages[i+1].At, d.before[i+1]
		}
		within := s.Waiting - d.before[i]
		excess := max(0, within+s.Working+next-max(0, until-s.At))
		if i+1 < len(stages) {
			cut := min(excess, next)
			stages[i+1].Waiting -= cut
			d.before[i+1] -= cut
			excess -= cut
		}
		s.Waiting -= min(excess, within)
	}
}

// current returns the latest stage, or nil.
func (d *decoder) current() *Stage {
	if len(d.msg.Stages) == 0 {
		return nil
	}
	return &d.msg.Stages[len(d.msg.Stages)-1]
}

// stageAt returns the latest entry of a stage. It adds one if the record has none, as for
// handlers that see the content at the end of the message only.
func (d *decoder) stageAt(stage byte) *Stage {
	name := stageName(stage)
	for i := len(d.msg.Stages) - 1; i >= 0; i-- {
		if d.msg.Stages[i].Name == name {
			return &d.msg.Stages[i]
		}
	}
	d.add(Stage{Name: name})
	d.stage = noStage
	return d.current()
}

// callAt returns what a filter did at a stage.
func (d *decoder) callAt(stage byte, filter string) (*Stage, *Call) {
	s := d.stageAt(stage)
	for i := range s.Calls {
		if s.Calls[i].Filter == filter {
			return s, &s.Calls[i]
		}
	}
	s.Calls = append(s.Calls, Call{Filter: filter})
	return s, &s.Calls[len(s.Calls)-1]
}

// call decodes calls of a filter.
func (d *decoder) call(c tape.Call) error {
	if err := d.r.Err(); err != nil || d.brief {
		return err
	}
	f, err := d.filterAt(c.Filter)
	if err != nil {
		return err
	}
	s, out := d.callAt(c.Stage, f.Name)
	took := time.Duration(c.Total) //nolint:gosec // checked by the reader
	s.Working += took
	out.Working += took
	out.Count += int(min(c.Count, 1<<30))
	out.Longest = max(out.Longest, time.Duration(c.Longest)) //nolint:gosec // checked by the reader
	return nil
}

// verdict decodes a verdict of a filter.
func (d *decoder) verdict(t tape.Verdict) error {
	if err := d.r.Err(); err != nil {
		return err
	}
	f, err := d.filterAt(t.Filter)
	if err != nil {
		return err
	}
	v := verdictOf(&t.Decision)
	v.Stage, v.Filter = stageName(t.Stage), f.Name
	if t.DryRun {
		f.DryRun = true
	}
	if !d.brief {
		_, call := d.callAt(t.Stage, f.Name)
		call.Verdict = &v
	}
	m := d.msg
	if t.Failed && f.Name == m.Outcome.Verdict.Filter && v.Kind == m.Outcome.Verdict.Kind && v.Text == m.Outcome.Verdict.Text {
		m.Outcome.Failed = true
	}
	refusesRcpt := t.Stage == stageRcpt && refuses(&v) && !t.DryRun
	if !refusesRcpt || t.Failed { // the verdict after a failure is that of the message, too
		f.Verdict = v
	}
	if n := len(m.Recipients); refusesRcpt && n > 0 && !m.Recipients[n-1].ByMTA {
		m.Recipients[n-1].Refusal = &v
	}
	return nil
}

// failure decodes an error of a filter, or of other code.
func (d *decoder) failure(t tape.Failure) error {
	if err := d.r.Err(); err != nil || d.brief {
		return err
	}
	name := ""
	if t.Filter >= 0 {
		f, err := d.filterAt(t.Filter)
		if err != nil {
			return err
		}
		name = f.Name
	}
	_, call := d.callAt(t.Stage, name)
	call.Error = valid(t.Text)
	return nil
}
