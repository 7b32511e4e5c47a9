package dmarc_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/authres"
	"github.com/sluicemail/sluice/contrib/dmarc"
	"github.com/sluicemail/sluice/contrib/resolver"
	"github.com/sluicemail/sluice/contrib/resolver/resolvertest"
)

// input returns the input for an author domain and results in the form "spf=pass example.org,
// helo=pass mx.example.org, dkim=fail example.org, null".
func input(author, results string) dmarc.Input {
	in := dmarc.Input{From: []string{" Ann <ann@" + author + ">"}}
	for text := range strings.SplitSeq(results, ",") {
		text = strings.TrimSpace(text)
		result, domain, _ := strings.Cut(text, " ")
		method, value, _ := strings.Cut(result, "=")
		switch method {
		case "spf":
			in.SPF = append(in.SPF, dmarc.SPF{Result: value, Domain: domain})
		case "helo":
			in.SPF = append(in.SPF, dmarc.SPF{Result: value, Domain: domain, Identity: dmarc.HELO})
		case "dkim":
			in.DKIM = append(in.DKIM, dmarc.DKIM{Result: value, Domain: domain, Selector: "s1"})
		case "null":
			in.NullSender = true
		case "":
		default:
			panic(text)
		}
	}
	return in
}

// outcome returns a result as text: the status, with the policy and its tag if it is fail.
func outcome(r *dmarc.Result) string {
	if r.Status == dmarc.StatusFail {
		return fmt.Sprintf("fail %s %s", r.Policy, r.PolicyTag)
	}
	return string(r.Status)
}

// aligned returns the methods with an aligned identity.
func aligned(r *dmarc.Result) string {
	var methods []string
	for _, method := range []string{"spf", "dkim"} {
		if r.Aligned(method) != nil {
			methods = append(methods, method)
		}
	}
	return strings.Join(methods, " ")
}

func TestEvaluate(t *testing.T) {
	t.Parallel()
	const reject = "example.com p=reject"
	for _, c := range []struct {
		section, name, zone, author, results string
		want, aligned                        string
	}{
		// Alignment, table 1 of section 4.4 and appendix B.1.
		{"4.4 table 1", "relaxed", reject, "news.example.com", "dkim=pass foo.example.com", "pass", "dkim"},
		{"4.4 table 1", "strict", reject, "news.example.com", "dkim=pass news.example.com", "pass", "dkim"},
		{"4.4 table 1", "none", reject, "news.example.com", "dkim=pass foo.example.net", "fail reject p", ""},
		{"B.1.1 example 1", "SPF strict", reject, "example.com", "spf=pass example.com", "pass", "spf"},
		{"B.1.1 example 2", "SPF relaxed", reject, "example.com", "spf=pass child.example.com", "pass", "spf"},
		{"B.1.1 example 3", "SPF not aligned", reject, "child.example.com", "spf=pass example.net", "fail reject p", ""},
		{"B.1.2 example 1", "DKIM strict", reject, "example.com", "dkim=pass example.com", "pass", "dkim"},
		{"B.1.2 example 2", "DKIM relaxed", reject, "child.example.com", "dkim=pass example.com", "pass", "dkim"},
		{"B.1.2 example 3", "DKIM not aligned", reject, "child.example.com", "dkim=pass sample.net", "fail reject p", ""},
		{"B.3.1", "both", "example.com p=reject; aspf=r", "example.com", "spf=pass mail.example.com, dkim=pass example.com", "pass", "spf dkim"},
		{"B.4.1", "simple", "example.com p=none\nsigning.example.com p=none", "example.com", "spf=pass example.com, dkim=pass signing.example.com", "pass", "spf dkim"},
		{"B.4.2", "deep", "example.com p=none\nsigning.example.com p=none", "a.b.c.d.e.f.g.h.i.j.k.example.com", "spf=pass example.com, dkim=pass signing.example.com", "pass", "spf dkim"},
		{"4.4", "case does not matter", reject, "Example.COM", "spf=PASS EXAMPLE.com", "pass", "spf"},
		{"5.3.1", "A-labels and U-labels", "xn--bcher-kva.example p=reject", "bücher.example", "dkim=pass mail.xn--bcher-kva.example, spf=pass BÜCHER.example", "pass", "spf dkim"},
		{"4.10.2", "a dot at the end", reject, "example.com", "dkim=pass example.com.", "pass", "dkim"},

		// Strict alignment.
		{"3.2.10.2", "adkim=s: a subdomain", "example.com p=reject; adkim=s", "example.com", "dkim=pass a.example.com", "fail reject p", ""},
		{"3.2.10.2", "adkim=s: the same", "example.com p=reject; adkim=s", "example.com", "dkim=pass example.com", "pass", "dkim"},
		{"3.2.10.2", "adkim=s is not aspf=s", "example.com p=reject; adkim=s", "example.com", "spf=pass a.example.com, dkim=pass a.example.com", "pass", "spf"},
		{"3.2.10.2", "aspf=s: a subdomain", "example.com p=reject; aspf=s", "example.com", "spf=pass a.example.com", "fail reject p", ""},
		{"3.2.10.2", "aspf=s: the same", "example.com p=reject; aspf=s", "example.com", "spf=pass example.com", "pass", "spf"},
		{"4.10.2", "the mode is that of the record that applies", "a.example.com p=reject\nexample.com p=reject; adkim=s", "a.example.com", "dkim=pass example.com", "pass", "dkim"},
		{"4.10.2", "strict mode of the organizational domain", "example.com p=reject; adkim=s", "a.example.com", "dkim=pass example.com", "fail reject p", ""},
		{"3.2.10.2", "strict, the same subdomain without a record", "example.com p=reject; adkim=s", "a.example.com", "dkim=pass a.example.com", "pass", "dkim"},

		// Which results count.
		{"4.4.1", "one of several signatures suffices", reject, "example.com", "dkim=pass example.net, dkim=fail example.com, dkim=pass a.example.com", "pass", "dkim"},
		{"4.4.1", "a signature that is not valid", reject, "example.com", "dkim=fail example.com", "fail reject p", ""},
		{"4.4.1", "policy, neutral and permerror", reject, "example.com", "dkim=policy example.com, dkim=neutral example.com, dkim=permerror example.com", "fail reject p", ""},
		{"4.4.2", "softfail, neutral, none", reject, "example.com", "spf=softfail example.com", "fail reject p", ""},
		{"11.1", "neutral, by the qualifier ?", reject, "example.com", "spf=neutral example.com", "fail reject p", ""},
		{"4.4.2", "SPF permerror", reject, "example.com", "spf=permerror example.com", "fail reject p", ""},
		{"4.4.2", "HELO does not count", reject, "example.com", "helo=pass example.com", "fail reject p", ""},
		{"4.4.2", "HELO beside MAIL FROM", reject, "example.com", "helo=pass example.com, spf=pass example.net", "fail reject p", ""},
		{"4.4.2", "HELO of the null sender", reject, "example.com", "helo=pass mx.example.com, null", "pass", "spf"},
		{"4.4.2", "HELO of the null sender, strict", "example.com p=reject; aspf=s", "example.com", "helo=pass mx.example.com, null", "fail reject p", ""},
		{"4.4.2", "postmaster at HELO as MAIL FROM", reject, "example.com", "spf=pass mx.example.com, null", "pass", "spf"},
		{"5.3.5", "no result at all", reject, "example.com", "", "fail reject p", ""},
		{"5.3.5", "no SPF record and no signature", reject, "example.com", "spf=none example.com, dkim=none", "fail reject p", ""},
		{"4.4", "an address as domain", reject, "example.com", "spf=pass [192.0.2.1], helo=pass 192.0.2.1, null", "fail reject p", ""},
		{"4.4", "no domain", reject, "example.com", "spf=pass, dkim=pass .", "fail reject p", ""},

		// Organizational domains.
		{"4.10.2", "siblings without a record above", "a.example.com p=reject", "a.example.com", "dkim=pass b.example.com", "fail reject p", ""},
		{"4.10.2", "the parent without a record", "a.example.com p=reject", "a.example.com", "dkim=pass example.com", "fail reject p", ""},
		{"4.10.2", "a child without a record", "a.example.com p=reject", "a.example.com", "dkim=pass b.a.example.com", "pass", "dkim"},
		{"4.10.2", "psd=n separates a child", "example.com p=reject\nb.example.com p=none; psd=n", "example.com", "dkim=pass x.b.example.com", "fail reject p", ""},
		{"4.10.2", "psd=n separates an author", "example.com p=none\nb.example.com p=reject; psd=n", "b.example.com", "dkim=pass example.com", "fail reject p", ""},
		{"4.10.2", "within psd=n", "example.com p=none\nb.example.com p=reject; psd=n", "x.b.example.com", "dkim=pass y.b.example.com", "pass", "dkim"},
		{"4.10.2", "psd=y separates its children", "co.example p=reject; psd=y", "a.co.example", "dkim=pass b.co.example", "fail reject p", ""},
		{"4.10.2", "within a child of psd=y", "co.example p=reject; psd=y", "x.a.co.example", "dkim=pass a.co.example", "pass", "dkim"},
		{"4.10.2", "the public suffix as the author, its own", "co.example p=reject; psd=y", "co.example", "dkim=pass co.example", "pass", "dkim"},
		{"4.10.2", "the public suffix as the author, a child", "co.example p=reject; psd=y", "co.example", "dkim=pass a.co.example", "fail reject p", ""},
		{"4.10.2", "the public suffix does not sign for others", "co.example p=reject; psd=y", "a.co.example", "dkim=pass co.example", "fail reject p", ""},
		{"11.8", "the attacker of the example", "mail.example.com p=reject; psd=n\nexample.com p=reject", "evil.example.com", "dkim=pass mail.example.com", "fail reject p", ""},
		{"11.8", "a subdomain of others under relaxed alignment", reject, "example.com", "spf=pass evil.example.com", "pass", "spf"},
		{"4.10", "a name that only ends alike", reject, "example.com", "dkim=pass notexample.com, spf=pass xexample.com", "fail reject p", ""},

		// Policy.
		{"4.10.1", "no record", "", "example.com", "spf=pass example.com", "none", ""},
		{"4.10.1", "two records", "example.com p=reject\nexample.com p=none", "example.com", "", "none", ""},
		{"4.10.1", "two records, and one above", "example.com p=reject\nexample.com p=none\ncom p=quarantine", "example.com", "", "fail quarantine p", ""},
		{"4.7 p", "none", "example.com p=none", "example.com", "", "fail none p", ""},
		{"4.7 p", "quarantine", "example.com p=quarantine", "example.com", "", "fail quarantine p", ""},
		{"4.7 sp", "not for the domain itself", "example.com p=reject; sp=none", "example.com", "", "fail reject p", ""},
		{"4.7 sp", "for an existing subdomain", "example.com p=reject; sp=quarantine\na.example.com A 192.0.2.1", "a.example.com", "", "fail quarantine sp", ""},
		{"4.7 sp", "absent: p", "example.com p=reject\na.example.com A 192.0.2.1", "a.example.com", "", "fail reject p", ""},
		{"4.7 sp", "ignored below the organizational domain", "a.example.com p=none; sp=reject\nexample.com p=quarantine", "b.a.example.com", "", "fail quarantine p", ""},
		{"4.7 np", "for a subdomain that does not exist", "example.com p=none; sp=quarantine; np=reject", "a.example.com", "", "fail reject np", ""},
		{"4.7 np", "not for an existing one", "example.com p=none; sp=quarantine; np=reject\na.example.com A 192.0.2.1", "a.example.com", "", "fail quarantine sp", ""},
		{"4.7 np", "absent, sp", "example.com p=none; sp=quarantine", "a.example.com", "", "fail quarantine sp", ""},
		{"4.7 np", "absent, p", "example.com p=reject", "a.example.com", "", "fail reject p", ""},
		{"4.7 np", "milder than p", "example.com p=reject; np=none", "a.example.com", "", "fail none np", ""},
		{"4.7 np", "sp absent, existing", "example.com p=none; np=reject\na.example.com MX 10 mx.example.com.", "a.example.com", "", "fail none p", ""},
		{"4.7 np", "not for the domain itself", "example.com p=none; np=reject", "example.com", "", "fail none p", ""},
		{"A.4", "any record makes a name exist", `example.com p=none; np=reject` + "\n" + `a.example.com TXT "x"`, "a.example.com", "", "fail none p", ""},
		{"A.4", "AAAA alone", "example.com p=none; np=reject\na.example.com AAAA 2001:db8::1", "a.example.com", "", "fail none p", ""},
		{"3.2.13", "a name above another exists", "example.com p=none; np=reject\nb.a.example.com A 192.0.2.1", "a.example.com", "", "fail none p", ""},
		{"3.2.13", "a name below a missing one is missing", "example.com p=none; np=reject", "b.a.example.com", "", "fail reject np", ""},
		{"4.10.1", "np of a public suffix", "com p=none; psd=y; sp=quarantine; np=reject", "example.com", "", "fail reject np", ""},
		{"4.10.1", "sp of a public suffix", "com p=none; psd=y; sp=quarantine; np=reject\nexample.com A 192.0.2.1", "example.com", "", "fail quarantine sp", ""},
		{"4.10.1", "not the public suffix if there is a record", "com p=reject; psd=y\nexample.com p=none", "a.example.com", "", "fail none p", ""},
		{"4.10.1", "the public suffix itself", "com p=reject; psd=y; sp=none", "com", "", "fail reject p", ""},

		{"4.7 t", "reject becomes quarantine", "example.com p=reject; t=y", "example.com", "", "fail quarantine p", ""},
		{"4.7 t", "quarantine becomes none", "example.com p=quarantine; t=y", "example.com", "", "fail none p", ""},
		{"4.7 t", "none stays", "example.com p=none; t=y", "example.com", "", "fail none p", ""},
		{"4.7 t", "for sp too", "example.com p=none; sp=reject; t=y", "a.example.com", "", "fail quarantine sp", ""},
		{"4.7 t", "for np too", "example.com p=none; np=reject; t=y", "a.example.com", "", "fail quarantine np", ""},
		{"4.7 t", "a pass is a pass", "example.com p=reject; t=y", "example.com", "dkim=pass example.com", "pass", "dkim"},
		{"B.2.5", "testing", "test.example.com p=quarantine; rua=mailto:a@example.com; t=y", "test.example.com", "", "fail none p", ""},

		{"4.10.1", "no valid p, rua", "example.com p=x; rua=mailto:a@example.com", "example.com", "", "fail none p", ""},
		{"4.10.1", "no valid p, rua, aligned", "example.com rua=mailto:a@example.com", "example.com", "spf=pass example.com", "pass", "spf"},
		{"4.10.1", "no valid p, no rua", "example.com p=x", "example.com", "spf=pass example.com", "none", ""},
		{"4.10.1", "no valid p, no rua: not the one above", "a.example.com p=x\nexample.com p=reject", "a.example.com", "", "none", ""},
		{"4.10.1", "the one above without effect", "example.com p=reject; np=x", "a.example.com", "", "none", ""},
		{"4.10.1", "sp not valid, rua", "example.com p=reject; sp=x; rua=mailto:a@example.com", "a.example.com", "", "fail none p", ""},
	} {
		t.Run(c.section+" "+c.name, func(t *testing.T) {
			t.Parallel()
			r := dmarc.Evaluate(t.Context(), resolvertest.New(t, records(c.zone)), input(c.author, c.results))
			require.Equal(t, c.want, outcome(r), "%q", r.Reasons)
			assert.Equal(t, c.aligned, aligned(r), "%+v", r.Identities)
			checkResult(t, r)
		})
	}
}

// checkResult checks what is true of every result.
func checkResult(t *testing.T, r *dmarc.Result) {
	t.Helper()
	require.NotEmpty(t, r.Reasons)
	for _, reason := range r.Reasons {
		assert.True(t, strings.HasSuffix(reason, ".") && !strings.ContainsFunc(reason, unicode.IsControl), "%q", reason)
	}
	assert.Equal(t, r.Status == dmarc.StatusPass, aligned(r) != "")
	if r.Status != dmarc.StatusFail {
		assert.Equal(t, dmarc.PolicyNone, r.Policy)
	}
	if r.Status == dmarc.StatusPass || r.Status == dmarc.StatusFail {
		assert.NotNil(t, r.Record)
	}
	_, err := authres.Format(authres.Field{ID: "mx.example.org", Results: []authres.Result{r.AuthRes()}})
	require.NoError(t, err)
}

// A lookup that fails is a temperror if its answer could change the result (section 5.3.6).
func TestFailures(t *testing.T) {
	t.Parallel()
	const zone = `
		example.com p=reject
		a.example.com A 192.0.2.1`
	for _, c := range []struct{ name, zone, author, results, broken, want string }{
		{"the author domain", zone, "example.com", "dkim=pass example.com", "_dmarc.example.com", "temperror"},
		{"the author domain without a record", zone, "a.example.com", "", "_dmarc.a.example.com", "temperror"},
		{"above an author domain without a record", zone, "a.example.com", "dkim=pass a.example.com", "_dmarc.com", "temperror"},
		{"above an author domain with a record, names equal", zone, "example.com", "dkim=pass example.com", "_dmarc.com", "pass"},
		{"above an author domain with a record, nothing to compare", zone, "example.com", "", "_dmarc.com", "fail reject p"},
		{"above an author domain with a record, another organization", zone, "example.com", "dkim=pass example.net", "_dmarc.com", "fail reject p"},
		{"above an author domain with a record, a subdomain", zone, "example.com", "dkim=pass a.example.com", "_dmarc.com", "temperror"},
		{"above an author domain with a record, another organization of the same top-level domain", zone, "example.com", "dkim=pass evil.com", "_dmarc.com", "fail reject p"},
		{"above an author domain with a record, the same and a temperror", zone, "example.com", "dkim=temperror evil.com", "_dmarc.com", "fail reject p"},
		{"above an author domain with a record, one below a public suffix", "example.co.uk p=reject", "example.co.uk", "dkim=pass evil.co.uk", "_dmarc.uk", "temperror"},
		{"above an author domain with a record, the suffix", "example.co.uk p=reject", "example.co.uk", "dkim=pass evil.org.uk", "_dmarc.co.uk", "temperror"},
		{"above an author domain with a record, strict", "example.com p=reject; adkim=s", "example.com", "dkim=pass a.example.com", "_dmarc.com", "fail reject p"},
		{"above psd=n", "example.com p=reject; psd=n", "a.example.com", "dkim=pass example.com", "_dmarc.com", "pass"},
		{"an identity", zone, "example.com", "dkim=pass b.example.com", "_dmarc.b.example.com", "temperror"},
		{"an identity, and another is aligned", zone, "example.com", "dkim=pass b.example.com, spf=pass c.example.com", "_dmarc.b.example.com", "pass"},
		{"an identity that did not pass", zone, "example.com", "dkim=fail b.example.com", "_dmarc.b.example.com", "fail reject p"},
		{"an identity outside of the organization", zone, "example.com", "dkim=pass b.example.org", "_dmarc.b.example.org", "fail reject p"},
		{"existence", "example.com p=none; np=reject", "a.example.com", "", "a.example.com", "temperror"},
		{"existence, and it passes", "example.com p=none; np=reject", "a.example.com", "dkim=pass example.com", "a.example.com", "pass"},
		{"existence, and np is like sp", "example.com p=none; sp=reject; np=reject", "a.example.com", "", "a.example.com", "fail reject sp"},
	} {
		dns := failing{resolvertest.New(t, records(c.zone)), c.broken + ".", resolver.ErrServer}
		r := dmarc.Evaluate(t.Context(), dns, input(c.author, c.results))
		assert.Equal(t, c.want, outcome(r), "%s: %q", c.name, r.Reasons)
		assert.Equal(t, c.want == "temperror", errors.Is(r.Err, resolver.ErrServer), c.name)
		checkResult(t, r)
	}
}

// failing is a resolver that answers the lookups of a name with an error.
type failing struct {
	dmarc.Resolver
	name string
	err  error
}

func (f failing) LookupTXT(ctx context.Context, name string) ([]string, error) {
	if name == f.name {
		return nil, f.err
	}
	return f.Resolver.LookupTXT(ctx, name)
}

func (f failing) LookupA(ctx context.Context, name string) ([]netip.Addr, error) {
	if name == f.name {
		return nil, f.err
	}
	return f.Resolver.LookupA(ctx, name)
}

// The error decides whether a later attempt may succeed.
func TestKindsOfFailures(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err    error
		status dmarc.Status
		reason string
	}{
		{resolver.ErrServer, dmarc.StatusTempError, "The lookup of _dmarc.example.com (TXT) failed: no name server gave a usable answer. Later, it may succeed."},
		{resolver.ErrBusy, dmarc.StatusTempError, "The lookup of _dmarc.example.com (TXT) failed: this host has too many lookups at the same time. Later, it may succeed."},
		{resolver.ErrBudget, dmarc.StatusTempError, "The lookup of _dmarc.example.com (TXT) failed: the message has used up its lookups. Later, it may succeed."},
		{context.DeadlineExceeded, dmarc.StatusTempError, "The lookup of _dmarc.example.com (TXT) failed: the time for the message is over. Later, it may succeed."},
		{context.Canceled, dmarc.StatusTempError, "The lookup of _dmarc.example.com (TXT) failed: the time for the message is over. Later, it may succeed."},
		{errors.New("read udp 10.0.0.1:53"), dmarc.StatusTempError, "The lookup of _dmarc.example.com (TXT) failed: no name server gave a usable answer. Later, it may succeed."},
		{resolver.ErrTooLarge, dmarc.StatusPermError, "The lookup of _dmarc.example.com (TXT) failed: the answer is too large. It will fail until the owner of the name removes records."},
		{resolver.ErrName, dmarc.StatusNone, "Neither example.com nor a domain above it publishes a DMARC record that applies."},
		{resolver.ErrNoData, dmarc.StatusNone, "Neither example.com nor a domain above it publishes a DMARC record that applies."},
		{resolver.ErrNXDomain, dmarc.StatusNone, "Neither example.com nor a domain above it publishes a DMARC record that applies."},
	} {
		dns := failing{resolvertest.New(t, ""), "_dmarc.example.com.", fmt.Errorf("wrapped: %w", c.err)}
		r := dmarc.Evaluate(t.Context(), dns, input("example.com", "dkim=pass example.com"))
		assert.Equal(t, c.status, r.Status, c.err)
		assert.Equal(t, []string{c.reason}, r.Reasons)
		checkResult(t, r)
	}
}

// If a check of SPF or DKIM ended with a temperror, it may pass later. So the message does not
// fail now (section 5.3.6), unless the domain is not aligned anyway.
func TestTemporaryResults(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ results, want string }{
		{"dkim=temperror example.com", "temperror"},
		{"dkim=temperror a.example.com", "temperror"},
		{"spf=temperror a.example.com", "temperror"},
		{"spf=temperror example.com, dkim=pass example.com", "pass"},
		{"dkim=temperror example.net", "fail reject p"},
		{"spf=temperror example.net, dkim=fail example.com", "fail reject p"},
		{"helo=temperror example.com", "fail reject p"},
		{"helo=temperror example.com, null", "temperror"},
	} {
		r := dmarc.Evaluate(t.Context(), resolvertest.New(t, records("example.com p=reject")), input("example.com", c.results))
		assert.Equal(t, c.want, outcome(r), "%s: %q", c.results, r.Reasons)
		checkResult(t, r)
	}
}

func TestReasons(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, zone, author, results string
		want                        []string
	}{
		{"pass", "example.com p=reject", "a.example.com", "spf=pass bounce.example.com, dkim=fail example.com", []string{
			"SPF has the result pass for bounce.example.com, which has the same organizational domain example.com as a.example.com.",
			"DKIM has the result fail for example.com, and only pass counts.",
		}},
		{"fail", "example.com p=reject; sp=quarantine; np=none; t=y; aspf=s\na.example.com A 192.0.2.1", "a.example.com", "helo=pass mx.example.com, spf=pass a.b.example.com, dkim=pass list.example, dkim=pass list.com", []string{
			"No domain that SPF or DKIM has authenticated is aligned with the author domain a.example.com.",
			"SPF checked mx.example.com for HELO (pass), which does not count, because the sender is not null.",
			"SPF has the result pass for a.b.example.com, and the DMARC record demands the author domain a.example.com itself (strict alignment).",
			"DKIM has the result pass for list.example, which is not of the same organization as a.example.com.",
			"DKIM has the result pass for list.com, which is not within the organizational domain example.com.",
			"The DMARC record of example.com wants the policy quarantine for mail of subdomains (tag sp).",
			"It tests the policy (t=y), and so none applies, one step milder.",
		}},
		{"nothing", "example.com p=none", "example.com", "", []string{
			"No domain that SPF or DKIM has authenticated is aligned with the author domain example.com.",
			"There is no result of SPF, and no DKIM signature.",
			"The DMARC record of example.com wants the policy none for mail of the domain itself (tag p).",
		}},
		{"another organization below", "example.com p=none; np=reject\nb.example.com p=none; psd=n", "a.example.com", "dkim=pass b.example.com, spf=x\x1b, dkim=none", []string{
			"No domain that SPF or DKIM has authenticated is aligned with the author domain a.example.com.",
			`SPF has the result "x\x1b" for "", and only pass counts.`,
			"DKIM has the result pass for b.example.com, whose organizational domain is b.example.com and not example.com.",
			"There is nothing that DKIM could check.",
			"The DMARC record of example.com wants the policy reject for mail of subdomains that do not exist (tag np).",
		}},
		{"two records", "example.com p=reject\nexample.com p=none", "example.com", "", []string{
			"Neither example.com nor a domain above it publishes a DMARC record that applies.",
			"_dmarc.example.com has 2 DMARC records, and so none of them counts: remove all but one.",
		}},
		{"a record without effect", "example.com p=rejct", "example.com", "", []string{
			"The DMARC record of example.com has no effect, because it has no valid policy and no valid address for reports.",
			`The tag p has the value "rejct": it must be none, quarantine or reject.`,
		}},
		{"temperror of a signature", "example.com p=reject", "example.com", "dkim=temperror example.com", []string{
			"DKIM has the result temperror for example.com, the author domain.",
		}},
	} {
		r := dmarc.Evaluate(t.Context(), resolvertest.New(t, records(c.zone)), input(c.author, c.results))
		assert.Equal(t, c.want, r.Reasons, c.name)
		checkResult(t, r)
	}
}

func TestAuthRes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, zone, author, results, want string }{
		{"pass", "example.com p=reject", "a.example.com", "dkim=pass example.com", "dmarc=pass header.from=a.example.com policy.dmarc=reject"},
		{"fail", "example.com p=reject; t=y", "example.com", "", "dmarc=fail reason=\"No domain that SPF or DKIM has authenticated is aligned with the author domain example.com\" header.from=example.com policy.dmarc=quarantine"},
		{"none", "", "Bücher.example", "", "dmarc=none reason=\"Neither xn--bcher-kva.example nor a domain above it publishes a DMARC record that applies\" header.from=xn--bcher-kva.example"},
		{"temperror", "example.com p=reject", "example.com", "dkim=temperror example.com", "dmarc=temperror reason=\"DKIM has the result temperror for example.com, the author domain\" header.from=example.com"},
		{"permerror", "", "[192.0.2.1]", "", "dmarc=permerror reason=\"The author has the IP address \\\"[192.0.2.1]\\\" in place of a domain, and so no DMARC record can apply\" header.from=\"[192.0.2.1]\""},
	} {
		r := dmarc.Evaluate(t.Context(), resolvertest.New(t, records(c.zone)), input(c.author, c.results))
		value, err := authres.Format(authres.Field{ID: "mx.example.org", Results: []authres.Result{r.AuthRes()}})
		require.NoError(t, err, c.name)
		assert.Equal(t, "mx.example.org; "+c.want, strings.Join(strings.Fields(value), " "), c.name)
	}
}
