package record

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sluicemail/sluice/framework/internal/tape"
	"github.com/sluicemail/sluice/wire"
)

// ErrMalformed reports bytes that are no record. Errors of this package wrap it.
var ErrMalformed = errors.New("record: malformed record")

// malformedError is [ErrMalformed] with its cause, whose text says that a record is malformed.
type malformedError struct{ cause error }

func (e malformedError) Error() string { return "record: " + e.cause.Error() }

func (malformedError) Is(target error) bool { return target == ErrMalformed }

func (e malformedError) Unwrap() error { return e.cause }

// Decode decodes a record: the bytes of a framework.Recording, or what an Inspector keeps.
// It does not retain them. What is in the message is bounded by a multiple of their
// length.
func Decode(rec []byte) (*Message, error) {
	d := decoder{msg: new(Message)}
	if err := d.decode(rec); err != nil {
		return nil, malformedError{err}
	}
	return d.msg, nil
}

// DecodeSummary decodes only what a list shows of a record. It is faster than Decode.
func DecodeSummary(rec []byte) (*Summary, error) {
	d := decoder{msg: new(Message), brief: true}
	if err := d.decode(rec); err != nil {
		return nil, malformedError{err}
	}
	return &d.msg.Summary, nil
}

// Bounds of what is decoded of one record. What exceeds them is left out, and
// [Message.Cut] says so.
const (
	maxFrames  = 50_000
	maxEntries = 20_000 // of another kind
)

// decoder decodes one record.
type decoder struct {
	msg   *Message
	brief bool // the summary only
	r     tape.Reader
	end   tape.End

	now     time.Duration   // of the entries that follow, since the message began
	last    time.Duration   // the time before now, or now if the wait until now is counted
	stage   int             // of the last command, or -1
	before  []time.Duration // for each stage, how long the filters waited before it
	rcptRej bool            // the MTA shows recipients that it has refused
	macros  [numStages][]byte
	repeat  Frame          // the last macros of the MTA
	repeats int            // bytes of the words of frames that repeat it
	results []filterResult // as Message.Filters
	entries int
	ended   bool // the last entry was the end
}

// filterResult is what a record tells about the header and body of a filter.
type filterResult struct {
	edits  []tape.Edit
	fields []Field // the whole header, if placed
	placed bool
}

func (d *decoder) decode(rec []byte) error {
	if err := tape.LastEnd(rec, &d.end); err != nil {
		return err
	}
	d.r, d.stage = tape.NewReader(rec), noStage
	d.summarize()
	for d.r.Next() {
		if err := d.entry(); err != nil {
			return err
		}
	}
	if err := d.r.Err(); err != nil {
		return err
	}
	if !d.ended {
		return errNoEnd
	}
	d.finish()
	return nil
}

// summarize takes over what the end of a record says.
func (d *decoder) summarize() {
	e, m := &d.end, d.msg
	m.Number, m.Cut = e.Number, e.Cut
	m.Took = time.Duration(e.Ended) - time.Duration(e.Began) //nolint:gosec // checked by the reader
	m.Outcome = Outcome{State: stateOf(e.State), Verdict: verdictOf(&e.Decision), Quarantine: valid(e.Quarantine)}
	m.Outcome.Verdict.Filter = valid(e.Filter)
	if !e.Aborted {
		m.Outcome.Verdict.Stage = stageName(e.Stage)
	}
}

// entry decodes one entry.
func (d *decoder) entry() error {
	r, m := &d.r, d.msg
	d.ended = false
	switch r.Kind() {
	case tape.KindID:
		d.id(r.ID())
	case tape.KindSession:
		s := r.Session()
		m.Session, m.MTA = valid(s.ID), valid(s.Peer)
		m.Began = time.Unix(0, s.Epoch+int64(min(d.end.Began, 1<<61))).UTC()
	case tape.KindFilter:
		name, dryRun := r.Filter()
		d.filter(name, dryRun)
	case tape.KindOnly:
		m.OnlyRecorded = wire.Protocol(r.OnlyRecorded()).Names()
	case tape.KindTime:
		d.time(r.Time())
	case tape.KindCommand, tape.KindCommandSize:
		f := r.Frame()
		return d.command(&f)
	case tape.KindAgain:
		d.again()
	case tape.KindReply, tape.KindReplySize:
		f := r.Frame()
		d.reply(&f)
	case tape.KindCall:
		return d.call(r.Call())
	case tape.KindVerdict:
		return d.verdict(r.Verdict())
	case tape.KindError:
		return d.failure(r.Failure())
	case tape.KindAttr:
		if key, value := r.Attr(); d.more() {
			m.Attributes = append(m.Attributes, Attribute{valid(key), valid(value)})
		}
	case tape.KindNote:
		return d.note(r.Note())
	case tape.KindEdit, tape.KindField, tape.KindBody, tape.KindApplied, tape.KindMissing:
		return d.edited()
	case tape.KindEnd:
		r.End(new(tape.End))
		d.ended = true
	default: // a later version may write other entries
	}
	return r.Err()
}

// more counts an entry, and reports whether to decode it.
func (d *decoder) more() bool {
	d.entries++
	if d.entries > maxEntries {
		d.msg.Cut = true
		return false
	}
	return true
}

func (d *decoder) id(id tape.ID) {
	m := d.msg
	m.ID = fmt.Sprintf("%016x-%04x", id.Time, id.Tag)
	m.Shortened = id.Shortened
	if int(id.Content) < len(contents) {
		m.Content = contents[id.Content]
	}
	if int(id.Kept) < len(kepts) {
		m.Kept = kepts[id.Kept]
	}
}

func (d *decoder) filter(name string, dryRun bool) {
	if len(d.results) >= tape.MaxFilters {
		return
	}
	d.results = append(d.results, filterResult{})
	f := Filter{Name: valid(name), DryRun: dryRun, Verdict: Verdict{Kind: "continue"}}
	if i := len(d.msg.Filters); i < len(d.end.Filters) {
		e := &d.end.Filters[i]
		f.Called, f.Failed, f.Working = e.Called, e.Failed, time.Duration(e.Work) //nolint:gosec // checked by the reader
	}
	d.msg.Filters = append(d.msg.Filters, f)
}

// filterAt returns a filter by its number.
func (d *decoder) filterAt(i int) (*Filter, error) {
	if i < 0 || i >= len(d.msg.Filters) {
		return nil, errNoFilter
	}
	return &d.msg.Filters[i], nil
}

var errNoEnd = errors.New("its last entry is not its end")

var errNoFilter = errors.New("it names a filter that it does not have")

// time sets the time of the entries that follow.
func (d *decoder) time(t uint64) {
	d.last = d.now
	d.now = time.Duration(t) - time.Duration(min(d.end.Began, 1<<62)) //nolint:gosec // bounded
}

// note decodes a note.
func (d *decoder) note(n tape.Note) error {
	if err := d.r.Err(); err != nil || d.brief || !d.more() {
		return err
	}
	out := Note{
		At:   time.Duration(n.Began) - time.Duration(min(d.end.Began, 1<<62)), //nolint:gosec // bounded
		Took: time.Duration(n.Took),                                           //nolint:gosec // checked by the reader
		Kind: valid(n.Kind), Text: valid(n.Text), Error: valid(n.Error),
	}
	if n.Filter >= 0 {
		f, err := d.filterAt(n.Filter)
		if err != nil {
			return err
		}
		out.Filter = f.Name
	}
	d.msg.Notes = append(d.msg.Notes, out)
	return nil
}

// finish completes the message when all entries are decoded.
func (d *decoder) finish() {
	m := d.msg
	d.finishMacros()
	d.finishTimes()
	d.sortCalls()
	for i := range m.Filters {
		f := &m.Filters[i]
		m.Working += f.Working
		if f.Working > m.SlowestWork {
			m.Slowest, m.SlowestWork = f.Name, f.Working
		}
		if f.Failed {
			m.FailedIn = append(m.FailedIn, f.Name)
		}
		if f.Applied && len(d.results[i].edits) > 0 {
			m.EditedBy = append(m.EditedBy, f.Name)
		}
	}
	d.finishHeaders()
	m.Subject = subject(m.Header)
	if d.brief {
		m.Header = nil
	}
}

// sortCalls puts the calls of each stage into the order of the filters.
func (d *decoder) sortCalls() {
	order := map[string]int{"": len(d.msg.Filters)} // other code
	for i := range d.msg.Filters {
		order[d.msg.Filters[i].Name] = i
	}
	for i := range d.msg.Stages {
		slices.SortStableFunc(d.msg.Stages[i].Calls, func(a, b Call) int { return order[a.Filter] - order[b.Filter] })
	}
}

// finishMacros takes over the macros that the MTA sent last at each stage.
func (d *decoder) finishMacros() {
	m := d.msg
	lookup := func(name string) string {
		for i := range d.macros {
			if v, ok := wire.LookupMacro(d.macros[len(d.macros)-1-i], name); ok {
				return text(v)
			}
		}
		return ""
	}
	m.QueueID, m.Software, m.Client.User = lookup("i"), lookup("v"), lookup("auth_authen")
	if d.brief {
		return
	}
	for stage, list := range d.macros {
		for name, value := range wire.Macros(list) {
			if !d.more() {
				return
			}
			m.Macros = append(m.Macros, Macro{stageName(byte(stage)), text(name), text(value)}) //nolint:gosec // an index
		}
	}
}

// verdictOf returns a decision as a verdict.
func verdictOf(d *tape.Decision) Verdict {
	v := Verdict{Kind: "unknown", Code: d.Code}
	if int(d.Kind) < len(verdictKinds) {
		v.Kind = verdictKinds[d.Kind]
	}
	if d.Text != "" {
		reply := wire.SMTPReply{Text: d.Text}
		lines := reply.Lines()
		for i, line := range lines {
			lines[i] = withoutCode(line)
		}
		v.Text = strings.ToValidUTF8(strings.Join(lines, "\n"), "�")
	}
	return v
}

// withoutCode returns a line of a reply without its code, and without what separates them.
func withoutCode(line string) string {
	const digits = 3
	if len(line) < digits || strings.Trim(line[:digits], "0123456789") != "" {
		return line
	}
	if line = line[digits:]; line != "" && (line[0] == ' ' || line[0] == '-') {
		line = line[1:]
	}
	return line
}

// text returns bytes of a frame as valid UTF-8.
func text(b []byte) string { return strings.ToValidUTF8(string(b), "�") }
