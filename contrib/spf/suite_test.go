package spf_test

import (
	"errors"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v4"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/sluicemail/sluice/contrib/spf"
)

// scenario is a document of the suite: a zone, and checks with their results.
type scenario struct {
	Description string               `yaml:"description"`
	Tests       map[string]suiteTest `yaml:"tests"`
	Zone        map[string][]any     `yaml:"zonedata"`
}

type suiteTest struct {
	Helo        string `yaml:"helo"`
	Host        string `yaml:"host"`
	MailFrom    string `yaml:"mailfrom"`
	Result      any    `yaml:"result"` // one or a list
	Explanation string `yaml:"explanation"`
}

// results returns the results that the suite allows.
func (s suiteTest) results() []spf.Status {
	if one, ok := s.Result.(string); ok {
		return []spf.Status{spf.Status(one)}
	}
	var list []spf.Status
	for _, r := range s.Result.([]any) {
		list = append(list, spf.Status(r.(string)))
	}
	return list
}

// suiteCases is the number of checks in the suite.
const suiteCases = 203

// openSuite opens a file in the folder of public suites. They are data of others, and no part
// of this project.
func openSuite(t *testing.T, path string) *os.File {
	t.Helper()
	folder := os.Getenv("SLUICE_SUITES")
	if folder == "" {
		t.Skip("rfc7208-tests.yml: set SLUICE_SUITES to a folder with spf/rfc7208-tests.yml, " +
			"the suite of openspf.org: CONTRIBUTING.md says where to find it")
	}
	f, err := os.Open(filepath.Join(folder, path))
	require.NoError(t, err, "SLUICE_SUITES is set")
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// TestSuite runs the suite of RFC 7208.
func TestSuite(t *testing.T) {
	t.Parallel()
	documents := yaml.NewDecoder(openSuite(t, "spf/rfc7208-tests.yml"))
	cases := 0
	for {
		var s scenario
		err := documents.Decode(&s)
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		cases += len(s.Tests)
		t.Run(s.Description, func(t *testing.T) {
			t.Parallel()
			s.run(t)
		})
	}
	assert.Equal(t, suiteCases, cases)
}

func (s *scenario) run(t *testing.T) {
	t.Helper()
	dns := s.zone().serve(t)
	for name, test := range s.Tests {
		r := spf.Check(t.Context(), dns, spf.Query{
			IP: netip.MustParseAddr(test.Host), Helo: test.Helo, MailFrom: test.MailFrom, Receiver: "mx.example.net",
		}).MailFrom
		assert.Contains(t, test.results(), r.Status, "%s: %+v", name, r)
		explanation := test.Explanation
		if explanation == "DEFAULT" {
			explanation = "" // the program's own
		}
		if test.Explanation != "" {
			assert.Equal(t, explanation, r.Explanation, name)
		}
	}
}

// zone returns the zone of the scenario. A record of the obsolete type SPF stands for one of
// TXT, unless the name has records of TXT.
func (s *scenario) zone() zone {
	z := make(zone)
	for name, records := range s.Zone {
		n := z.node(name)
		hasTXT := false
		for _, r := range records {
			if fields, ok := r.(map[string]any); ok && fields["TXT"] != nil {
				hasTXT = true
			}
		}
		for _, r := range records {
			fields, ok := r.(map[string]any)
			if !ok {
				n.fails = true // TIMEOUT
				continue
			}
			for kind, value := range fields {
				if kind != "SPF" || !hasTXT {
					addRecord(z, name, kind, value)
				}
			}
		}
	}
	return z
}

func addRecord(z zone, name, kind string, value any) {
	switch kind {
	case "SPF", "TXT":
		if value != "NONE" {
			z.txt(name, texts(value)...)
		}
	case "A":
		z.addr(name, dnsmessage.TypeA, value.(string))
	case "AAAA":
		z.addr(name, dnsmessage.TypeAAAA, value.(string))
	case "MX":
		list := value.([]any)
		z.add(name, dnsmessage.TypeMX, &dnsmessage.MXResource{Pref: uint16(list[0].(int)), MX: dnsName(list[1].(string))})
	case "PTR":
		z.add(name, dnsmessage.TypePTR, &dnsmessage.PTRResource{PTR: dnsName(value.(string))})
	case "CNAME":
		z.add(name, dnsmessage.TypeCNAME, &dnsmessage.CNAMEResource{CNAME: dnsName(value.(string))})
	default:
		panic("unknown type " + strconv.Quote(kind))
	}
}

// texts returns the strings of a record.
func texts(value any) []string {
	if one, ok := value.(string); ok {
		return []string{one}
	}
	var list []string
	for _, part := range value.([]any) {
		list = append(list, part.(string))
	}
	return list
}
