package framework

import (
	"log/slog"

	"github.com/sluicemail/sluice/framework/internal/loglimit"
	"github.com/sluicemail/sluice/framework/printable"
)

// journal writes the framework's log lines about a session. The lines of one MTA are bounded.
type journal struct{ s *Session }

// logger returns the session's logger with a bound on its lines.
func (j journal) logger() *slog.Logger {
	return j.bound("", j.s.Logger().Handler(), j.s.shared.cfg.Logger.Handler())
}

// ofServer returns the server's logger with the same bound.
func (j journal) ofServer() *slog.Logger {
	base := j.s.shared.cfg.Logger.Handler()
	return j.bound("", base, base)
}

// bound returns a logger that bounds the lines of the session's MTA. Lines that name no
// filter count as those of the given filter.
func (j journal) bound(filter string, next, out slog.Handler) *slog.Logger {
	peer := loglimit.Peer(j.s.conn.RemoteAddr(), j.s.log.peer)
	return slog.New(j.s.shared.lines.Handler(peer, filter, next, out))
}

// running returns the name of the filter whose handler runs, or "".
func (j journal) running() string {
	if lane := j.s.lanes.running; lane != nil {
		return lane.plan.name
	}
	return ""
}

// logs reports whether lines of the level are written.
func (j journal) logs(level slog.Level) bool {
	return j.s.shared.cfg.Logger.Enabled(j.s.shared.base, level)
}

// redacted returns what a line shows of a value that came from the client or the mail.
func (j journal) redacted(key, value string) string {
	if redact := j.s.shared.cfg.Redact; redact != nil && value != "" {
		value = redact(key, value)
	}
	return printable.Short(value, maxLoggedValue)
}

// filterLines is the number of lines about what a filter modified, or would have done in a
// dry run, in one message. The rest is counted.
const filterLines = 20

// dryRun logs what a lane or a handler decided in a dry run.
func (j journal) dryRun(lane *laneState, stage Stage, v Verdict, err error) {
	if !lane.admits() {
		return
	}
	attrs := []any{"filter", lane.plan.name, "stage", stage.String(), "verdict", v.String()}
	if err != nil {
		attrs = append(attrs, "error", err)
	}
	j.logger().Info("dry run: verdict", j.s.messageAttrs(attrs...)...)
}

// dryEdits logs what a lane or a handler would modify.
func (j journal) dryEdits(lane *laneState, edits []edit) {
	for i := range edits {
		if lane.admits() {
			j.logger().Info("dry run: modification", j.s.messageAttrs(j.editAttrs(lane, &edits[i])...)...)
		}
	}
}

// edits logs what a lane modifies, at level DEBUG.
func (j journal) edits(lane *laneState) {
	if !j.logs(slog.LevelDebug) {
		return
	}
	log := j.s.Logger()
	for i := range lane.edits {
		if i == filterLines {
			log.Debug("further modifications", j.s.messageAttrs("filter", lane.plan.name, "suppressed", len(lane.edits)-i)...)
			return
		}
		log.Debug("modification", j.s.messageAttrs(j.editAttrs(lane, &lane.edits[i])...)...)
	}
}

// editAttrs returns the attributes of a line about a modification: its kind, the name of
// the field or the address, and the first bytes of the value.
func (j journal) editAttrs(lane *laneState, e *edit) []any {
	attrs := []any{"filter", lane.plan.name, "kind", e.kind.String()}
	show := func(key, value string) {
		if value != "" {
			attrs = append(attrs, key, value)
		}
	}
	switch e.kind {
	case editAddRcpt, editAddRcptPar, editDelRcpt:
		show("name", j.redacted("recipient", e.name))
	case editSender:
		show("name", j.redacted("sender", e.name))
	case editChange, editDelete:
		show("name", j.fieldName(&e.handle))
	case editRename:
		show("field", j.fieldName(&e.handle))
		show("name", e.name)
	case editBody:
		if e.reader == nil {
			attrs = append(attrs, "bytes", len(e.body))
		}
	default:
		show("name", printable.Short(e.name, maxLoggedValue))
	}
	show("value", j.redacted("value", e.value))
	return attrs
}

// fieldName returns the name of the field that a handle stands for, or "" if the header is
// not kept.
func (j journal) fieldName(h *HeaderHandle) string {
	name := h.name
	if h.id != 0 && j.s.content.recorded() {
		name = j.s.content.book.Name(h.id)
	}
	return printable.Short(name, maxLoggedValue)
}

// further logs how many lines about dry runs were not written, at the end of a message
// or of a session.
func (j journal) further() {
	for i := range j.s.lanes.all {
		lane := &j.s.lanes.all[i]
		if n := lane.dryLines - filterLines; n > 0 {
			j.logger().Info("dry run: further lines", j.s.messageAttrs("filter", lane.plan.name, "suppressed", n)...)
		}
		lane.dryLines = 0
	}
}

// received notes a verdict that the MTA receives, if it refuses a recipient, the client or
// DATA. It logs the first one of each at once: an MTA may tell much later that the message
// has ended, because Postfix sends that only with its next command.
func (j journal) received(stage Stage, v Verdict, filter string) {
	s := j.s
	r := &s.message.refusals
	switch {
	case !v.Refuses():
	case stage == StageRcpt && rcptRejected(s): // by the MTA, already
	case stage == StageRcpt:
		if r.refuse(v, filter, s.event.rcpt.msg.Recipient) && j.logs(slog.LevelInfo) {
			j.refusedRecipient(v, filter)
		}
	case stage == StageData:
		if !r.data && j.logs(slog.LevelInfo) {
			j.refusedMessage(v, filter, stage)
		}
		r.data = true
	case stage == StageConnect || stage == StageHelo:
		s.smtp.refusals++
		if s.smtp.refusals == 1 && j.logs(slog.LevelInfo) {
			j.logger().Info("client refused", verdictAttrs(j.clientAttrs(stage), v, filter, stage)...)
		}
	}
}

// refusedRecipient logs that the recipient of the event was refused.
func (j journal) refusedRecipient(v Verdict, filter string) {
	var attrs []any
	if name := j.redacted("recipient", j.s.event.rcpt.Raw()); name != "" {
		attrs = append(attrs, "recipient", name)
	}
	attrs = verdictAttrs(attrs, v, filter, StageRcpt)
	j.logger().Info("recipient refused", j.s.messageAttrs(attrs...)...)
}

// clientAttrs returns the attributes of a log line that name the client, as far as it is
// known at Connect or Helo.
func (j journal) clientAttrs(stage Stage) (attrs []any) {
	show := func(key, value string) {
		if value = j.redacted(key, value); value != "" {
			attrs = append(attrs, key, value)
		}
	}
	if stage == StageConnect {
		if addr := j.s.event.connect.Addr(); addr.IsValid() {
			show("client", addr.String())
		}
		show("client_name", j.s.event.connect.Host())
		return attrs
	}
	addr, _ := j.s.macros.lookup("client_addr")
	show("client", string(addr))
	show("helo", j.s.event.helo.Name())
	return attrs
}

// refusals logs at the end of a message which further recipients were refused, and whether
// the message was.
func (j journal) refusals() {
	r, result := &j.s.message.refusals, &j.s.message.result
	if !j.logs(slog.LevelInfo) {
		return
	}
	for i := range r.refused {
		if of := &r.refused[i]; of.further.count > 0 {
			j.furtherRecipients(verdictAttrs(of.further.attrs(j.redacted), of.verdict, of.filter, StageRcpt))
		}
	}
	if r.others > 0 {
		j.furtherRecipients([]any{"recipients", r.others})
	}
	if !result.Aborted && result.Verdict.ends() && (result.Stage != StageData || !r.data) {
		j.refusedMessage(result.Verdict, result.Filter, result.Stage)
	}
}

func (j journal) furtherRecipients(attrs []any) {
	j.logger().Info("further recipients refused", j.s.messageAttrs(attrs...)...)
}

// refusedMessage logs that the message was refused or discarded.
func (j journal) refusedMessage(v Verdict, filter string, stage Stage) {
	r, line := &j.s.message.refusals, "message refused"
	if !v.Refuses() {
		line = "message discarded"
	}
	var attrs []any
	if sender := j.redacted("sender", string(r.sender)); sender != "" {
		attrs = append(attrs, "sender", sender)
	}
	attrs = verdictAttrs(append(attrs, r.recipients.attrs(j.redacted)...), v, filter, stage)
	j.logger().Info(line, j.s.messageAttrs(attrs...)...)
}

// repeatedRefusals logs at the end of a session how often the client was refused again.
func (j journal) repeatedRefusals() {
	if n := j.s.smtp.refusals; n > 1 {
		j.logger().Info("client refused again", "refusals", n-1)
	}
}

// verdictAttrs appends the attributes of a log line that say what the MTA received, from
// which filter, and when.
func verdictAttrs(attrs []any, v Verdict, filter string, stage Stage) []any {
	attrs = append(attrs, "verdict", printable.Short(v.String(), 4*maxLoggedValue))
	if code := v.Code(); code != 0 {
		attrs = append(attrs, "code", code)
	}
	if filter != "" {
		attrs = append(attrs, "filter", filter)
	}
	return append(attrs, "stage", stage.String())
}

// limit logs that a limit was exceeded, once for each message, lane and part: a client
// that names ever more recipients exceeds a limit with each of them. A client can exceed the
// limits of one message at any time, so that a line about these is no warning.
func (j journal) limit(lane *laneState, outcome string, hit *limitHit) {
	if lane.exceeded&hit.part == hit.part {
		return
	}
	lane.exceeded |= hit.part
	level := slog.LevelWarn
	if hit.total == &j.s.shared.counters.tooLarge {
		level = slog.LevelInfo
	}
	attrs := []any{"filter", lane.plan.name, "outcome", outcome, "limit", hit.limit, "most", hit.most}
	if hit.err != nil {
		attrs = append(attrs, "error", hit.err)
	}
	j.logger().Log(j.s.shared.base, level, hit.part.String()+" not kept", j.s.messageAttrs(attrs...)...)
}

// wrongStage logs that the running handler calls a method at a stage at which the
// method has no result or no effect, whatever the mail is. Middleware and tests may call
// it at any stage: a function of AfterMessage and a handler of Abort see what was there.
// Package miltertest reports the line as an error of the filter.
func (j journal) wrongStage(call, reason string) {
	s := j.s
	lane, stage := s.lanes.running, s.watch.stage
	if lane == nil || stage == StageAbort {
		return
	}
	if !s.shared.wrongStages.first(lane.plan.name, stage, call) {
		return
	}
	attrs := s.messageAttrs("filter", lane.plan.name, "stage", stage.String(), "call", call, "reason", reason)
	s.Logger().Warn("call at the wrong stage", attrs...)
}
