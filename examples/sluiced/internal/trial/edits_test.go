package trial_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/contrib/authres"
	"github.com/sluicemail/sluice/examples/sluiced/internal/trial"
	"github.com/sluicemail/sluice/framework"
)

// editing is what a filter modifies, and what the result says about it.
type editing struct {
	filter  register
	want    trial.Edits
	results []string
	header  string // the names and values that are delivered, or "" if they stay
}

const header = "Authentication-Results: mx.example.org; spf=pass|From: Ann <ann@example.org>|X-Spam: no|X-Spam: NO|Subject: hello"

func field(name, value string) trial.Field { return trial.Field{Name: name, Value: " " + value} }

// editings returns filters with all modifications.
func editings() map[string]editing {
	forged := field("Authentication-Results", "mx.example.org; spf=pass")
	return map[string]editing{
		"add": {
			edit(func(s *framework.Session, g *grants) error { return g.add.Append(s, "X-New", "one\n two") }),
			trial.Edits{Added: []trial.Field{field("X-New", "one\n two")}},
			nil, header + "|X-New: one\n two",
		},
		"insert": {
			edit(func(s *framework.Session, g *grants) error { return g.add.InsertTop(s, "X-New", "1") }),
			trial.Edits{Added: []trial.Field{field("X-New", "1")}},
			nil, "X-New: 1|" + header,
		},
		"insert between": {
			edit(func(s *framework.Session, g *grants) error {
				return g.add.InsertAbove(s, framework.NthHeader("X-Spam", 2), "X-Spam", "no")
			}),
			trial.Edits{Added: []trial.Field{field("X-Spam", "no")}},
			nil,
			strings.Replace(header, "X-Spam: NO", "X-Spam: no|X-Spam: NO", 1),
		},
		"change": {
			edit(func(s *framework.Session, g *grants) error {
				return g.change.Change(s, framework.NthHeader("X-Spam", 2), "yes")
			}),
			trial.Edits{Changed: []trial.Change{{Before: field("X-Spam", "NO"), After: field("X-Spam", "yes")}}},
			nil,
			strings.Replace(header, "X-Spam: NO", "X-Spam: yes", 1),
		},
		"delete": {
			edit(func(s *framework.Session, g *grants) error {
				return g.change.Delete(s, framework.NthHeader("X-Spam", 1))
			}),
			trial.Edits{Deleted: []trial.Field{field("X-Spam", "no")}},
			nil, strings.Replace(header, "X-Spam: no|", "", 1),
		},
		"delete and change": {
			edit(func(s *framework.Session, g *grants) error {
				if err := g.change.Delete(s, framework.NthHeader("X-Spam", 1)); err != nil {
					return err
				}
				return g.change.Change(s, framework.NthHeader("Subject", 1), "bye")
			}),
			trial.Edits{
				Deleted: []trial.Field{field("X-Spam", "no")},
				Changed: []trial.Change{{Before: field("Subject", "hello"), After: field("Subject", "bye")}},
			},
			nil, strings.NewReplacer("X-Spam: no|", "", "hello", "bye").Replace(header),
		},
		"results": {
			func(r *framework.Router) {
				forged, results := authres.NewRemover(r), authres.NewCollector(r)
				atEnd(func(s *framework.Session) (framework.Verdict, error) {
					if _, err := forged.Remove(s, authres.Judge{IDs: []string{"mx.example.org"}}); err != nil {
						return framework.Continue, err
					}
					return framework.Continue, results.Write(s, "mx.example.org", authres.Result{Method: "spf", Value: "fail"})
				})(r)
			},
			trial.Edits{Added: []trial.Field{field("Authentication-Results", "mx.example.org;\n\tspf=fail")}, Deleted: []trial.Field{forged}},
			[]string{"mx.example.org;\n\tspf=fail"},
			strings.Replace(header, "; spf=pass", ";\n\tspf=fail", 1),
		},
		"recipients": {
			edit(func(s *framework.Session, g *grants) error {
				if err := g.addRcpt.Add(s, "dan@example.net"); err != nil {
					return err
				}
				return g.delRcpt.Delete(s, "bob@example.net")
			}),
			trial.Edits{AddedRecipients: []string{"dan@example.net"}, DeletedRecipients: []string{"bob@example.net"}},
			nil, header,
		},
		"sender": {
			edit(func(s *framework.Session, g *grants) error { return g.sender.Change(s, "eve@example.org") }),
			trial.Edits{Sender: true},
			nil, header,
		},
		"body": {
			edit(func(s *framework.Session, g *grants) error { return g.body.Replace(s, []byte("gone\r\n")) }),
			trial.Edits{Body: true},
			nil, header,
		},
		"hold": {edit(func(s *framework.Session, g *grants) error { return g.hold.Quarantine(s, "odd") }), trial.Edits{}, nil, header},
	}
}

// TestEdits runs a message through filters with all modifications.
func TestEdits(t *testing.T) {
	t.Parallel()
	for name, e := range editings() {
		for _, flavor := range flavors {
			t.Run(name+", "+flavor.String(), func(t *testing.T) {
				t.Parallel()
				result := run(t, e.filter, flavor, text)
				assert.Equal(t, e.want, result.Edits)
				assert.Equal(t, e.results, result.Results)
				assert.Equal(t, e.header, joined(result.Header))
				wantBody, wantSender, wantTo := "How are you?\r\n", "ann@example.org", "bob@example.net cy@example.net"
				if e.want.Body {
					wantBody = "gone\r\n"
				}
				if e.want.Sender {
					wantSender = "eve@example.org"
				}
				if e.want.AddedRecipients != nil {
					wantTo = "cy@example.net dan@example.net"
				}
				assert.Equal(t, wantBody, string(result.Body))
				assert.Equal(t, wantSender, result.Sender)
				assert.Equal(t, wantTo, strings.Join(result.Recipients, " "))
			})
		}
	}
}

func joined(fields []trial.Field) string {
	var lines []string
	for _, f := range fields {
		lines = append(lines, f.Name+":"+f.Value)
	}
	return strings.Join(lines, "|")
}

// TestManyEqualFields deletes one of many equal fields, and changes another.
func TestManyEqualFields(t *testing.T) {
	t.Parallel()
	message := strings.Repeat("X-Same: 1\n", 1000) + "\nbody\n"
	for _, flavor := range flavors {
		result := run(t, edit(func(s *framework.Session, g *grants) error {
			if err := g.change.Delete(s, framework.NthHeader("X-Same", 500)); err != nil {
				return err
			}
			return g.change.Change(s, framework.NthHeader("X-Same", 900), "2")
		}), flavor, message)
		assert.Equal(t, []trial.Field{field("X-Same", "1")}, result.Edits.Deleted, flavor)
		assert.Equal(t, []trial.Change{{Before: field("X-Same", "1"), After: field("X-Same", "2")}}, result.Edits.Changed, flavor)
		assert.Len(t, result.Header, 999)
	}
}
