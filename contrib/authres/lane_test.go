package authres_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/authres"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

const (
	id      = "mx.example.net"
	letter  = "From: ann@example.org\nSubject: hello\n\nHow are you?\n"
	spoofed = "Authentication-Results: mx.example.net; dkim=pass header.d=bank.example\n"
)

// checker is a filter that checks mail: it removes forged fields and adds results.
type checker struct {
	name    string
	judge   authres.Judge
	results results
	err     error
}

func (c checker) Name() string { return c.name }

func (c checker) Register(r *framework.Router) error {
	forged, collector := authres.NewRemover(r), authres.NewCollector(r)
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		if _, err := forged.Remove(s, c.judge); err != nil {
			return framework.Continue, err
		}
		return framework.Continue, errors.Join(collector.Write(s, id, c.results...), c.err)
	})
	return nil
}

func check(method string) checker {
	return checker{name: method, judge: authres.Judge{IDs: []string{id}}, results: results{pass(method, property("header", "from", "example.org"))}}
}

// other is a filter that adds a field without the package.
func other(name, value string) framework.Filter {
	return miltertest.FilterFunc(name, func(r *framework.Router) error {
		add := r.GrantAddHeader()
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			return framework.Continue, add.InsertTop(s, authres.FieldName, value)
		})
		return nil
	})
}

// run sends a message through filters and returns its Authentication-Results fields.
func run(t *testing.T, p miltertest.Personality, text string, filters ...framework.Filter) []string {
	t.Helper()
	r := framework.NewRouter()
	for _, f := range filters {
		r.Mount(f)
	}
	res := miltertest.RunRouter(t, r, miltertest.Message(text, miltertest.Client("198.51.100.7")), miltertest.As(p))
	require.NotNil(t, res.Edited, "%s", res.Reply())
	return res.HeaderValues(authres.FieldName)
}

func mtas() []miltertest.Personality {
	return []miltertest.Personality{miltertest.Postfix(), miltertest.Sendmail()}
}

// TestOneField runs filters in every order. Their results are in one field, and what the
// sender wrote is gone.
func TestOneField(t *testing.T) {
	t.Parallel()
	const spf, dkim, dmarc = ";\n\tspf=pass header.from=example.org", ";\n\tdkim=pass header.from=example.org", ";\n\tdmarc=pass header.from=example.org"
	lines := map[string]string{"spf": spf, "dkim": dkim, "dmarc": dmarc}
	for _, p := range mtas() {
		for _, order := range []string{"spf", "spf dkim", "dkim spf", "spf dkim dmarc", "dmarc spf dkim", "dkim dmarc spf", "dkim spf dmarc"} {
			t.Run(order+" on "+p.Name, func(t *testing.T) {
				t.Parallel()
				var filters []framework.Filter
				want := id
				for name := range strings.FieldsSeq(order) {
					filters, want = append(filters, check(name)), want+lines[name]
				}
				for _, text := range []string{letter, spoofed + letter, spoofed + letter[:22] + "Authentication-Results: other.example; none\n" + letter[22:]} {
					got := run(t, p, text, filters...)
					assert.Equal(t, want, got[0])
					assert.Len(t, got, 1+strings.Count(text, "other.example"))
				}
			})
		}
	}
}

// TestCollectorBeside runs a filter behind others that write fields.
func TestCollectorBeside(t *testing.T) {
	t.Parallel()
	const dkim = ";\n\tdkim=pass header.from=example.org"
	long := id + "; x=pass" + strings.Repeat("\n\t (comment)", 5338)
	none := checker{name: "nothing", judge: authres.Judge{IDs: []string{id}}}
	tests := map[string]struct {
		filters []framework.Filter
		want    []string
	}{
		"a field of this host":            {[]framework.Filter{other("spf", "mx.example.net; spf=pass (good) a.b=c;"), check("dkim")}, []string{"mx.example.net; spf=pass (good) a.b=c" + dkim}},
		"in another spelling":             {[]framework.Filter{other("spf", `(x) "MX.example.net"; spf=pass`), check("dkim")}, []string{`(x) "MX.example.net"; spf=pass` + dkim}},
		"another name":                    {[]framework.Filter{other("spf", "spf.example.net; spf=pass"), check("dkim")}, []string{id + dkim, "spf.example.net; spf=pass"}},
		"another version":                 {[]framework.Filter{other("spf", "mx.example.net 2; spf=pass"), check("dkim")}, []string{id + dkim, "mx.example.net 2; spf=pass"}},
		"a malformed field":               {[]framework.Filter{other("spf", "mx.example.net; spf"), check("dkim")}, []string{id + dkim, "mx.example.net; spf"}},
		"a field with none":               {[]framework.Filter{none, check("dkim")}, []string{id + dkim}},
		"without results, alone":          {[]framework.Filter{none}, []string{id + "; none"}},
		"without results, behind results": {[]framework.Filter{check("dkim"), none}, []string{id + dkim}},
		"without results, twice":          {[]framework.Filter{none, checker{name: "second"}}, []string{id + "; none"}},
		"a field that cannot grow":        {[]framework.Filter{other("spf", long), check("dkim")}, []string{id + dkim, long}},
		"the topmost of two":              {[]framework.Filter{other("a", "mx.example.net; a=pass"), other("b", "mx.example.net; b=pass"), check("dkim")}, []string{"mx.example.net; b=pass" + dkim, "mx.example.net; a=pass"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tt.want, run(t, miltertest.Postfix(), letter, tt.filters...))
		})
	}
}

// TestCollectorTwice writes results twice for a message. The second call writes nothing.
func TestCollectorTwice(t *testing.T) {
	t.Parallel()
	r := framework.NewRouter()
	var first, second []error
	r.Mount(miltertest.FilterFunc("twice", func(r *framework.Router) error {
		c := authres.NewCollector(r)
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			first, second = append(first, c.Write(s, id, pass("spf"))), append(second, c.Write(s, id, pass("dkim")))
			return framework.Continue, nil
		})
		return nil
	}))
	res := miltertest.RunRouter(t, r, miltertest.Message(letter))
	assert.Equal(t, []string{id + ";\n\tspf=pass"}, res.HeaderValues(authres.FieldName))
	assert.Equal(t, []error{nil}, first)
	assert.Equal(t, []error{authres.ErrWritten}, second)
}

// TestCollectorOfLanes checks that the results of a filter whose edits are dropped are in no
// field.
func TestCollectorOfLanes(t *testing.T) {
	t.Parallel()
	broken := check("broken")
	broken.err = errors.New("no")
	r := framework.NewRouter()
	r.Mount(check("trial"), framework.DryRun())
	r.Mount(broken, framework.FailOpen())
	r.Mount(check("spf"))
	r.Mount(check("dry"), framework.DryRun())
	r.Mount(check("dkim"))
	res := miltertest.RunRouter(t, r, miltertest.Message(letter))
	assert.Equal(t, []string{id + ";\n\tspf=pass header.from=example.org;\n\tdkim=pass header.from=example.org"}, res.HeaderValues(authres.FieldName))
	var insertions int
	for _, m := range res.Modifications {
		insertions += strings.Count(m.String(), authres.FieldName)
	}
	assert.Equal(t, 1, insertions, "the MTA learns of one field")
}

// TestForged judges fields by where they come from.
func TestForged(t *testing.T) {
	t.Parallel()
	nets := []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("::ffff:203.0.113.0/120")}
	field := framework.Field{Name: "authentication-results ", Value: "mx.example.net; spf=pass"}
	of := func(o framework.Origin) framework.Field { f := field; f.Origin = o; return f }
	tests := map[string]struct {
		field  framework.Field
		client string
		want   bool
	}{
		"of the mail":                {field, "198.51.100.1", true},
		"of another name":            {framework.Field{Name: "Authentication-Re\u017fults", Value: field.Value}, "198.51.100.1", false},
		"of a relay":                 {field, "192.0.2.7", false},
		"of a mapped relay":          {field, "::ffff:192.0.2.7", false},
		"of a mapped network":        {field, "203.0.113.9", false},
		"beside a mapped network":    {field, "203.0.114.9", true},
		"of a relay with a zone":     {field, "2001:db8::1%eth0", false},
		"of an unknown client":       {field, "", true},
		"of a filter before":         {of(framework.Origin{Filter: "spf"}), "198.51.100.1", false},
		"changed by a filter before": {of(framework.Origin{Filter: "fold", Changed: true}), "198.51.100.1", true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, _ := netip.ParseAddr(tt.client)
			assert.Equal(t, tt.want, authres.Judge{IDs: []string{id}, Relays: nets}.Forged(tt.field, client))
			assert.False(t, authres.Judge{Relays: nets}.Forged(tt.field, client), "no name, no claim")
		})
	}
}

// TestRemover removes forged fields, but those of relays. A filter that changes fields in
// general does not make them its own.
func TestRemover(t *testing.T) {
	t.Parallel()
	remover := func(nets ...netip.Prefix) framework.Filter {
		return checker{name: "remover", judge: authres.Judge{IDs: []string{id, "old.example.net"}, Relays: nets}, results: results{pass("x")}}
	}
	folder := miltertest.FilterFunc("folder", func(r *framework.Router) error {
		headers, change := r.WantHeaders(), r.GrantChangeHeader()
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			for f := range headers.All(s) {
				if err := change.Change(s, f.Handle, f.Value+"\n\t(folded)"); err != nil {
					return framework.Continue, err
				}
			}
			return framework.Continue, nil
		})
		return nil
	})
	relay := netip.MustParsePrefix("198.51.100.0/24")
	text := spoofed + "authentication-results : (x) OLD.example.net; spf=pass\nAuthentication-Results: other.example; none\n" + letter
	for _, p := range mtas() {
		assert.Equal(t, []string{id + ";\n\tx=pass", "other.example; none"}, run(t, p, text, remover()))
		assert.Equal(t, []string{id + ";\n\tx=pass", "other.example; none\n\t(folded)"}, run(t, p, text, folder, remover()))
		assert.Len(t, run(t, p, text, remover(relay)), 4)
	}
}

// TestRemoverOnTheHost removes the fields of a program on the host unless it is a relay.
func TestRemoverOnTheHost(t *testing.T) {
	t.Parallel()
	c := check("x")
	c.judge.Relays = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	for name, want := range map[string]int{"localhost": 2, "client.example": 1} {
		msg := miltertest.Message(spoofed + letter)
		msg.Client.Host, msg.Client.Addr = name, ""
		res := miltertest.Run(t, c, msg)
		assert.Len(t, res.HeaderValues(authres.FieldName), want, name)
	}
}

func TestFilter(t *testing.T) {
	t.Parallel()
	miltertest.TestFilter(t, check("spf"), miltertest.Messages(miltertest.Message(spoofed+letter)))
}
