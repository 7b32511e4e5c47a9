package miltertest

import (
	"slices"
	"strings"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/message"
	"github.com/sluicemail/sluice/wire/mta"
)

// adder is a filter that adds two fields of each name: one at the top, one at the bottom.
type adder []string

const (
	addedField = "Miltertest-Neighbour"
	addedLine  = "miltertest-neighbour:" // in an answer
)

// Name implements framework.Filter.
func (adder) Name() string { return "miltertest: adding neighbour" }

// Register implements framework.Filter.
func (a adder) Register(r *framework.Router) error {
	add := r.GrantAddHeader()
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		for _, name := range a {
			if err := add.InsertTop(s, name, "miltertest-top"); err != nil {
				return framework.Continue, err
			}
			if err := add.Append(s, name, "miltertest-bottom"); err != nil {
				return framework.Continue, err
			}
		}
		return framework.Continue, nil
	})
	return nil
}

// beforeAdder mounts a filter that adds fields behind the filter under test.
func (s *suite) beforeAdder(t T, want []answer) {
	t.Helper()
	for i, msg := range s.msgs {
		got := s.answerBeside(t, msg, adder{addedField}, false)
		got.text = withoutAdded(got.text)
		if !equal(t, want[i], got, "a filter behind this one added fields; message %d:\n%.500s", i, msg.Bytes()) {
			return
		}
	}
}

// behindAdder mounts a filter that adds fields before the filter under test, which has no
// reason to do anything else because of them.
func (s *suite) behindAdder(t T) {
	t.Helper()
	for i, msg := range s.msgs {
		want, got := s.answer(t, msg), s.answerBeside(t, msg, adder{addedField}, true)
		if len(failures(got.srv)) > len(failures(want.srv)) {
			assert.Fail(t, "a handler failed because a filter before this one added fields", "message %d:\n%.500s", i, msg.Bytes())
			return
		}
		got.text = withoutAdded(got.text)
		if !equal(t, want, got, "a filter before this one added fields; message %d:\n%.500s", i, msg.Bytes()) {
			return
		}
	}
}

// withoutAdded returns the text of an answer without the adder's fields.
func withoutAdded(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, addedLine) {
			b.WriteString(line)
		}
	}
	return b.String()
}

// fieldsStay mounts a filter before the filter under test that adds fields: of a name of
// its own, and of the names whose fields the filter under test edits when it is alone. The
// filter under test must neither delete nor rename them.
func (s *suite) fieldsStay(t T) {
	t.Helper()
	for i, msg := range s.msgs {
		names := append(editedNames(msg, s.answer(t, msg).edited), addedField)
		before, behind := &fieldList{name: "miltertest: before"}, &fieldList{name: "miltertest: behind"}
		r := framework.NewRouter()
		r.Mount(adder(names))
		r.Mount(before)
		r.Mount(s.filter(), s.settings.lane...)
		r.Mount(behind)
		srv := s.serveRouter(t, r)
		_ = sendOnce(t, srv, msg)
		srv.Close(t)
		if gone := before.gone(behind); len(gone) > 0 {
			assert.Fail(t, "the filter removes fields that a filter before it added: see framework.Origin",
				"fields %s; message %d:\n%.500s", strings.Join(gone, ", "), i, msg.Bytes())
			return
		}
	}
}

// editedNames returns the names, in lower case, of the fields that a filter adds, changes,
// renames or deletes, as far as a filter can add a field of the name.
func editedNames(msg, edited *mta.Message) (names []string) {
	if edited == nil {
		return nil
	}
	before, after := valuesByName(msg.Header), valuesByName(edited.Header)
	for _, values := range []map[string][]string{before, after} {
		for name := range values {
			if !slices.Equal(before[name], after[name]) && message.CheckFieldName(name) == nil {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// valuesByName returns the values of fields by their names in lower case.
func valuesByName(fields []mta.Field) map[string][]string {
	values := make(map[string][]string)
	for _, f := range fields {
		name := strings.ToLower(f.Name)
		values[name] = append(values[name], f.Value)
	}
	return values
}

// fieldList is a filter that records the header of a message at its end.
type fieldList struct {
	name   string
	ran    bool
	fields []framework.Field
}

// Name implements framework.Filter.
func (l *fieldList) Name() string { return l.name }

// Register implements framework.Filter.
func (l *fieldList) Register(r *framework.Router) error {
	headers := r.WantHeaders()
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		l.ran, l.fields = true, slices.Collect(headers.All(s))
		return framework.Continue, nil
	})
	return nil
}

// gone returns the names of the fields that a filter had added and that a later list of the
// same message lacks.
func (l *fieldList) gone(later *fieldList) (names []string) {
	if !later.ran { // the message was refused
		return nil
	}
	for _, f := range l.fields {
		stays := func(g framework.Field) bool { return g.Handle == f.Handle }
		if f.Origin.Added() && !slices.ContainsFunc(later.fields, stays) {
			names = append(names, f.Name)
		}
	}
	return names
}
