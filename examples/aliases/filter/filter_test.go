package filter_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire/mta"
)

func to(rcpts ...string) *mta.Message {
	return miltertest.Message("Subject: hello\n\nHow are you?\n",
		miltertest.From("ann@client.example"), miltertest.To(rcpts...))
}

func samples() []row {
	return []row{
		{"one@example.org", "target@example.net"},
		{"many@example.org", "a@example.net"},
		{"many@example.org", "b@example.net"},
		{"many+private@example.org", "c@example.net"},
		{"copy@example.org", "copy@example.org"},
		{"copy@example.org", "archive@example.org"},
		{"same@example.org", "same@example.org"},
		{"chain@example.org", "one@example.org"},
		{"left@example.org", "right@example.org"},
		{"right@example.org", "left@example.org"},
		{"case@example.org", "John.Doe@Example.NET"},
		{"one@xn--mller-kva.example", "info@grüße.example"},
		{"@catch.example", "all@catch.example"},
		{"known@catch.example", "known@example.net"},
		{"postmaster@", "admin@example.org"},
		{`"a b"@example.org`, "quoted@example.org"},
		{"a b@example.org", "blank@example.org"},
	}
}

func TestRecipients(t *testing.T) {
	t.Parallel()
	f := with(t, samples()...)
	for name, c := range map[string]struct{ rcpts, want []string }{
		"no row":                      {[]string{"bob@example.org"}, []string{"bob@example.org"}},
		"one target":                  {[]string{"one@example.org"}, []string{"target@example.net"}},
		"several":                     {[]string{"many@example.org"}, []string{"a@example.net", "b@example.net"}},
		"other recipients stay":       {[]string{"bob@example.org", "one@example.org", "eve@example.org"}, []string{"bob@example.org", "eve@example.org", "target@example.net"}},
		"a target is there":           {[]string{"a@example.net", "many@example.org"}, []string{"a@example.net", "b@example.net"}},
		"a target of two":             {[]string{"one@example.org", "one+x@example.org"}, []string{"target@example.net"}},
		"capitals":                    {[]string{"ONE@Example.ORG"}, []string{"target@example.net"}},
		"capitals of a target":        {[]string{"case@example.org"}, []string{"John.Doe@example.net"}},
		"a tag":                       {[]string{"one+tag@example.org"}, []string{"target@example.net"}},
		"two tags":                    {[]string{"one+tag+more@example.org"}, []string{"target@example.net"}},
		"a tag with rows":             {[]string{"many+Private@example.org"}, []string{"c@example.net"}},
		"a part of such a tag":        {[]string{"many+privat@example.org"}, []string{"a@example.net", "b@example.net"}},
		"a tag alone":                 {[]string{"+one@example.org"}, []string{"+one@example.org"}},
		"itself and another":          {[]string{"copy@example.org"}, []string{"archive@example.org", "copy@example.org"}},
		"itself in capitals":          {[]string{"Copy@example.org"}, []string{"archive@example.org", "copy@example.org"}},
		"itself alone":                {[]string{"same@example.org"}, []string{"same@example.org"}},
		"a target with a row":         {[]string{"chain@example.org"}, []string{"one@example.org"}},
		"which is a recipient":        {[]string{"chain@example.org", "one@example.org"}, []string{"one@example.org", "target@example.net"}},
		"the other order":             {[]string{"one@example.org", "chain@example.org"}, []string{"one@example.org", "target@example.net"}},
		"a circle":                    {[]string{"left@example.org"}, []string{"right@example.org"}},
		"both of a circle":            {[]string{"left@example.org", "right@example.org"}, []string{"left@example.org", "right@example.org"}},
		"a domain in Unicode":         {[]string{"one@Müller.example"}, []string{"info@xn--gre-6ka8l.example"}},
		"a domain in ASCII":           {[]string{"one@XN--MLLER-KVA.example"}, []string{"info@xn--gre-6ka8l.example"}},
		"a domain with a row":         {[]string{"nobody@catch.example"}, []string{"all@catch.example"}},
		"its own target":              {[]string{"all@catch.example"}, []string{"all@catch.example"}},
		"an address of it with a row": {[]string{"known+x@catch.example"}, []string{"known@example.net"}},
		"a subdomain":                 {[]string{"nobody@sub.catch.example"}, []string{"nobody@sub.catch.example"}},
		"no domain":                   {[]string{"Postmaster"}, []string{"admin@example.org"}},
		"a quoted local part":         {[]string{`"a b"@example.org`}, []string{"blank@example.org"}},
		"unnecessary quotes":          {[]string{`"one"@example.org`}, []string{"target@example.net"}},
		"a source route":              {[]string{"@relay.example:one@example.org"}, []string{"target@example.net"}},
		"SQL":                         {[]string{`"' OR 1=1 --"@example.org`}, []string{`"' OR 1=1 --"@example.org`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res := miltertest.Run(t, f, to(c.rcpts...))
			res.AssertAccepted(t)
			got := res.Recipients()
			slices.Sort(got)
			assert.Equal(t, c.want, got)
		})
	}
}

// The next message on a connection has answers of its own.
func TestMessages(t *testing.T) {
	t.Parallel()
	conn := miltertest.NewServer(t, with(t, samples()...)).Dial(t)
	for range 2 {
		assert.Equal(t, []string{"target@example.net"}, conn.Run(t, to("one@example.org")).Recipients())
		assert.Equal(t, []string{"bob@example.org"}, conn.Run(t, to("bob@example.org")).Recipients())
	}
}

// A recipient that another filter adds is replaced. The targets of one that is refused or
// deleted are not added.
func TestBesideOtherFilters(t *testing.T) {
	t.Parallel()
	adds := miltertest.FilterFunc("adds", func(r *framework.Router) error {
		add, del := r.GrantAddRecipient(), r.GrantDeleteRecipient()
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			if err := del.Delete(s, "many@example.org"); err != nil {
				return framework.Continue, err
			}
			return framework.Continue, add.Add(s, "one@example.org")
		})
		return nil
	})
	refuses := miltertest.FilterFunc("refuses", func(r *framework.Router) error {
		r.OnRcpt(func(_ *framework.Session, e *framework.Rcpt) (framework.Verdict, error) {
			if e.Recipient() == "chain@example.org" {
				return framework.Reject, nil
			}
			return framework.Continue, nil
		})
		return nil
	})
	for name, order := range map[string][]framework.Filter{
		"behind":  {adds, refuses, with(t, samples()...)},
		"between": {adds, with(t, samples()...), refuses},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := framework.NewRouter()
			for _, f := range order {
				r.Mount(f)
			}
			res := miltertest.RunRouter(t, r, to("bob@example.org", "many@example.org", "chain@example.org"))
			res.AssertAccepted(t)
			assert.ElementsMatch(t, []string{"bob@example.org", "target@example.net"}, res.Recipients())
		})
	}
}

// TestConformance shows that the filter has the same result on every MTA.
func TestConformance(t *testing.T) {
	t.Parallel()
	f := with(t, samples()...)
	miltertest.TestFilter(t, f, miltertest.Messages(
		to("one@example.org"), to("many@example.org", "a@example.net"), to("chain@example.org", "one@example.org"),
		to("bob@example.org", "postmaster"), to("copy@example.org"), to("nobody@catch.example")))
}
