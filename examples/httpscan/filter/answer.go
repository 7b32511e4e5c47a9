package filter

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/message"
)

// answer is what the filter uses of the scanner's answer.
type answer struct {
	Action, Subject string
	Messages        map[string]any
	Milter          struct {
		Add    map[string]any     `json:"add_headers"`
		Remove map[string]float64 `json:"remove_headers"` // the n-th field, or all for 0
	}

	fields []framework.Field // that the scanner saw
}

// editor does what the scanner answers.
type editor struct {
	header framework.KeptHeader
	insert framework.HeaderInserter
	change framework.HeaderChanger
}

// apply returns the verdict for an answer, and edits the message.
func (e editor) apply(s *framework.Session, a answer) (_ framework.Verdict, err error) {
	text, _ := a.Messages["smtp_message"].(string)
	switch a.Action {
	case "reject":
		return refuse(554, "5.7.1", cmp.Or(text, "spam message rejected"))
	case "soft reject":
		return refuse(451, "4.7.1", cmp.Or(text, "try again later"))
	case "add header":
		err = e.add(s, "X-Spam", "Yes")
	case "rewrite subject":
		subject, _ := message.EncodeText(a.Subject)
		err = e.change.Change(s, framework.NthHeader("Subject", 1), message.CleanFieldValue(subject))
		if errors.Is(err, framework.ErrNoHeader) {
			err = e.add(s, "Subject", subject)
		}
	case "no action", "greylist": // a module of rspamd that greylists answers "soft reject"
	default:
		err = fmt.Errorf("the scanner answers with the action %.50q", a.Action)
	}
	for name, n := range a.Milter.Remove {
		others := func(field framework.Field) bool { return !field.Is(name) }
		for i, field := range slices.DeleteFunc(slices.Clone(a.fields), others) {
			// What an earlier filter of the router added stays.
			if (n == 0 || n == float64(i+1)) && !field.Origin.Added() {
				err = cmp.Or(err, e.change.Delete(s, field.Handle))
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(a.Milter.Add)) {
		err = cmp.Or(err, e.add(s, name, a.Milter.Add[name]))
	}
	return framework.Continue, err
}

// refuse returns a reply with a foreign text.
func refuse(code int, status, text string) (framework.Verdict, error) {
	code, status, lines := message.CleanReply(code, status, text)
	return framework.Reply(code, status, lines...)
}

// add adds fields of a name: a text, an object with a text and its place, or a list.
func (e editor) add(s *framework.Session, name string, value any) (err error) {
	switch value := value.(type) {
	case string:
		err = e.insert.Append(s, name, message.CleanFieldValue(value))
	case map[string]any:
		text, _ := value["value"].(string)
		if order, ok := value["order"].(float64); ok && order >= 0 {
			return e.insert.Insert(s, max(0, int(min(order, 1e6))-1), name, message.CleanFieldValue(text))
		}
		err = e.add(s, name, text)
	case []any:
		for _, one := range value {
			err = cmp.Or(err, e.add(s, name, one))
		}
	}
	return err
}
