package main_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/examples/internal/replaying"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire/mta"
)

// tagger adds a field to mail of one sender, and refuses that of another.
func tagger(name, tags, refuses string) framework.Filter {
	return miltertest.FilterFunc(name, func(r *framework.Router) error {
		add, env := r.GrantAddHeader(), r.WantEnvelope()
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			switch env.Sender(s) {
			case refuses:
				return framework.TempFail, nil
			case tags:
				return framework.Continue, add.Append(s, "X-"+name, "yes")
			}
			return framework.Continue, nil
		})
		return nil
	})
}

// reader asks for all that authenticate asks for.
func reader() framework.Filter {
	return miltertest.FilterFunc("reader", func(r *framework.Router) error {
		r.WantRawHeaders()
		r.ObserveConnect(func(*framework.Session, *framework.Connect) error { return nil })
		r.ObserveHelo(func(*framework.Session, *framework.Helo) error { return nil })
		r.ObserveMail(func(*framework.Session, *framework.Mail) error { return nil })
		r.ObserveRcpt(func(*framework.Session, *framework.Rcpt) error { return nil })
		r.ObserveHeader(func(*framework.Session, *framework.Header) error { return nil })
		r.ObserveBody(func(*framework.Session, *framework.Body) error { return nil })
		return nil
	})
}

// The new file runs in this process, without the filters elsewhere, without limits, and offline
// without names.
func TestCheckReplay(t *testing.T) {
	t.Parallel()
	r := framework.NewRouter()
	r.Mount(tagger("rate_limit", "", "bulk@example.com"))
	r.Mount(tagger("Privacy", "ann@example.org", ""))
	r.Mount(tagger("virus", "bob@example.org", ""))
	r.Mount(reader())
	from := func(sender, id string) *mta.Message {
		return miltertest.Message("Subject: hello\nX-Client: 1\n\n.\n", miltertest.From(sender), miltertest.QueueID(id))
	}
	folder := t.TempDir()
	require.NoError(t, replaying.Record(t.Context(), folder, r, mta.Config{}, from("ann@example.org", "Q1"), from("bob@example.org", "Q2"), from("bulk@example.com", "Q3"),
		from("cy@example.org", "Q4")))

	const around = "middleware: [{rate_limit: {rate: 1/1h, by: client}}]\nfilters:\n" +
		"- {name: virus, remote: {addresses: [unix:/nonexistent/x], if_away: start}}\n"
	const same = around + "- {name: Privacy, headers: {rules: [{when: {sender: [ann@example.org]}, do: [{add: {name: X-Privacy, value: \"yes\"}}]}]}}\n"
	for name, c := range map[string]struct {
		text   string
		args   []string
		status int
		says   []string
	}{
		"the same": {same, nil, 5, []string{
			"Left out, because no mail is sent to other servers: virus.", "Left out, because it depends on the number of messages in a time: rate_limit.",
			"Names are looked up now", "0 of 4 messages would be treated differently",
			"1  the filter virus is left out, and it had decided or edited: Q2", "1  the filter rate_limit is left out, and it had decided or edited: Q3",
		}},
		"a field less": {around + "- {name: Privacy, headers: {rules: [{do: [{add: {name: X-Other, value: \"yes\"}}]}]}}\n", nil, 4, []string{
			"2 of 4 messages would be treated differently:\n      2  header: Q1, Q4\n",
		}},
		"offline": {same + "- authenticate: {authserv_id: mx.example.org}\n", []string{"-offline", "-assume"}, 5, []string{
			"No name is looked up.", "2  the filters look up a name, which -offline does not do: Q1, Q4",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, stdout, stderr := run(t, append([]string{"-config", write(t, "sluiced.yaml", c.text), "-check", "-replay", folder}, c.args...)...)
			assert.Equal(t, c.status, status, stdout+stderr)
			for _, text := range c.says {
				assert.Contains(t, stdout, text)
			}
		})
	}
}
