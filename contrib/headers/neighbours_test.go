package headers_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// TestStripInLanes keeps what an earlier filter of the router added, and deletes what such a
// filter only changed, and what an earlier rule added.
func TestStripInLanes(t *testing.T) {
	t.Parallel()
	before := miltertest.FilterFunc("before", func(r *framework.Router) error {
		add, change := r.GrantAddHeader(), r.GrantChangeHeader()
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			return framework.Continue, errors.Join(
				change.Change(s, framework.NthHeader("X-Client-IP", 1), "changed"),
				add.InsertTop(s, "X-Client-IP", "added"),
				add.Append(s, "Received", "by webmail.example; added"),
			)
		})
		return nil
	})
	const rules = "rules: [{do: [{add: {name: X-Mailer, value: rule}}, {strip: {names: [X-Client-IP, X-Mailer], received: webmail}}]}]"
	for flavor, option := range flavors() {
		r := framework.NewRouter()
		r.Mount(before)
		r.Mount(parsed(t, rules))
		msg := miltertest.Message("X-Client-IP: 10.0.0.1\nReceived: by webmail.example; sent\nX-Client-IP: 10.0.0.2\nA: 1\n\nbody\n")
		res := miltertest.RunRouter(t, r, msg, option)
		assert.Equal(t, "X-Client-IP: added\nA: 1\nReceived: by webmail.example; added\n", headerOf(res), flavor)
	}
}

// TestNeighbours checks the rules beside other filters. Rules that remove fields by their
// name remove those of other filters, too.
func TestNeighbours(t *testing.T) {
	t.Parallel()
	msgs := miltertest.Messages(
		miltertest.Message("X-Mailer: m\nSubject: hello\nX-Old: 1\nTo: a@example.net\nTo: b@example.net\n\nbody\n"),
		miltertest.Message(ourResults+"Received: by a\nReceived: by b\n\nbody\n"),
	)
	for name, tt := range map[string]struct {
		rules string
		opts  []miltertest.Option
	}{
		"spare": {"[{do: [{strip: {}}, {strip_auth_results: mx.example.org}, {prefix: {name: Subject, text: '[ext] '}}, {add: {name: X-Seen, value: 'yes'}}, {replace: {name: X-Old, value: '2', or_add: true}}, {insert: {name: X-Top, value: 'yes', top: true}}]}]", nil},
		"by name": {
			"[{do: [{delete: X-Old}, {limit: {name: Received, max: 1}}, {rename: {name: X-Mailer, to: X-Old-Mailer}}, {join: To}]}]",
			[]miltertest.Option{miltertest.Except("fields of others")},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			miltertest.TestFilter(t, parsed(t, "rules: "+tt.rules), append(tt.opts, msgs)...)
		})
	}
}
