package corpus_test

import (
	"bytes"
	"net/mail"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-msgauth/dkim"
	"github.com/miekg/dns"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/benchmarks/internal/corpus"
)

const (
	letters = 100
	domains = 7
)

// shared returns a corpus that all tests read.
var shared = sync.OnceValues(func() (*corpus.Corpus, error) { return corpus.New(letters, domains) })

// newCorpus returns the corpus and the TXT records of its zone by their names.
func newCorpus(t *testing.T) (*corpus.Corpus, map[string]string) {
	t.Helper()
	c, err := shared()
	require.NoError(t, err)
	texts := make(map[string]string)
	p := dns.NewZoneParser(strings.NewReader(c.Zone), ".", "")
	p.SetDefaultTTL(1)
	for rr, more := p.Next(); more; rr, more = p.Next() {
		if txt, ok := rr.(*dns.TXT); ok {
			texts[strings.TrimSuffix(rr.Header().Name, ".")] = strings.Join(txt.Txt, "")
		}
	}
	require.NoError(t, p.Err())
	return c, texts
}

// TestNew checks with another library that every signature verifies with the key of the zone.
func TestNew(t *testing.T) {
	t.Parallel()
	c, texts := newCorpus(t)
	require.Len(t, c.Letters, letters)
	lookup := func(name string) ([]string, error) { return []string{texts[name]}, nil }
	for i, l := range c.Letters {
		domain := corpus.DomainName(i % domains)
		list, err := dkim.VerifyWithOptions(bytes.NewReader(l.Data), &dkim.VerifyOptions{LookupTXT: lookup})
		require.NoError(t, err)
		require.Len(t, list, 1)
		require.NoError(t, list[0].Err, "letter %d", i)
		assert.Equal(t, domain, list[0].Domain)
		assert.Equal(t, "ann@"+domain, l.Sender)
	}
}

func TestZone(t *testing.T) {
	t.Parallel()
	c, texts := newCorpus(t)
	for _, l := range c.Letters {
		_, domain, _ := strings.Cut(l.Sender, "@")
		assert.Equal(t, "v=spf1 ip4:"+l.Client.String()+" -all", texts[domain])
		assert.Equal(t, "v=spf1 ip4:"+l.Client.String()+" -all", texts[l.Host])
		assert.Equal(t, "v=DMARC1; p=reject; rua=mailto:dmarc@"+domain, texts["_dmarc."+domain])
	}
	assert.Len(t, texts, 4*domains, "each domain has three records, and each host one")
}

func TestSizes(t *testing.T) {
	t.Parallel()
	c, _ := newCorpus(t)
	number := make(map[int]int)
	for i, l := range c.Letters {
		_, unsigned, found := bytes.Cut(l.Data, []byte("\r\nFrom: "))
		require.True(t, found)
		number[len(unsigned)+len("From: ")]++
		m, err := mail.ReadMessage(bytes.NewReader(l.Data))
		require.NoError(t, err, "letter %d", i)
		assert.Equal(t, "Ann Example <"+l.Sender+">", m.Header.Get("From"))
		assert.Len(t, m.Header["Dkim-Signature"], 1)
	}
	assert.InDelta(t, 2, number[1<<20], 1, number)
	assert.InDelta(t, 30, number[30<<10], 6, number)
	assert.Equal(t, letters, number[1<<20]+number[30<<10]+number[4<<10], number)
}

// TestFirstLetters checks that the first letters, which are sent when no answer is cached,
// are one of each domain.
func TestFirstLetters(t *testing.T) {
	t.Parallel()
	c, _ := newCorpus(t)
	senders := make(map[string]bool)
	for _, l := range c.Letters[:domains] {
		senders[l.Sender] = true
	}
	assert.Len(t, senders, domains)
}
