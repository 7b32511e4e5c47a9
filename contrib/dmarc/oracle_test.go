//go:build oracle

package dmarc_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/dmarc"
	"github.com/sluicemail/sluice/contrib/resolver"
)

var (
	worldSeed = flag.Uint64("seed", 9989, "the seed of the worlds of TestMailauth")
	worlds    = flag.Int("worlds", 2000, "the number of the worlds of TestMailauth")
)

// oracleWorld is a DNS and a message in it, in the form that testdata/mailauth.js reads.
type oracleWorld struct {
	Texts  map[string][]string `json:"texts"`
	Exist  []string            `json:"exist"`
	Broken []string            `json:"broken"`
	From   []string            `json:"from"` // addresses
	SPF    []string            `json:"spf"`  // domains with the result pass
	DKIM   []string            `json:"dkim"`
}

// existing is a resolver for which some names exist.
type existing struct {
	plain
	names []string
}

func (e *existing) LookupA(ctx context.Context, name string) ([]netip.Addr, error) {
	if plainName := strings.TrimSuffix(name, "."); slices.Contains(e.names, plainName) && !e.broken[plainName] {
		e.ask(name)
		return nil, resolver.ErrNoData
	}
	return e.plain.LookupA(ctx, name)
}

// oracleResult is a result in the form that testdata/mailauth.js writes.
type oracleResult struct {
	Result       string `json:"result"`
	Policy       string `json:"policy"`
	PolicyDomain string `json:"policyDomain"`
	Organization string `json:"organization"`
	SPF          bool   `json:"spf"`
	DKIM         bool   `json:"dkim"`
}

// TestMailauth compares results with those of npm mailauth, which implements RFC 9989 too. "make
// dmarc-oracle" installs it and runs the test. Each difference must be of a kind that judge
// knows.
func TestMailauth(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(*worldSeed, 0))
	var lines bytes.Buffer
	list := make([]*oracleWorld, *worlds)
	for i := range list {
		list[i] = newOracleWorld(rnd)
		require.NoError(t, json.NewEncoder(&lines).Encode(list[i]))
	}
	node := exec.CommandContext(t.Context(), "node", "testdata/mailauth.js")
	node.Stdin = &lines
	out, err := node.Output()
	require.NoError(t, err)
	answers := json.NewDecoder(bytes.NewReader(out))
	kinds := make(map[string]int)
	results := make(map[string]int)
	for i, w := range list {
		var theirs oracleResult
		require.NoError(t, answers.Decode(&theirs))
		r := w.evaluate(t)
		ours := ourResult(r, theirs)
		results[string(r.Status)]++
		if ours == theirs {
			continue
		}
		kind := w.judge(t, r, theirs)
		if kind == "" {
			text, _ := json.MarshalIndent(w, "", " ")
			assert.Failf(t, "an unknown difference", "world %d: ours %+v, theirs %+v, reasons %q\n%s", i, ours, theirs, r.Reasons, text)
		}
		kinds[kind]++
	}
	t.Logf("results: %v", results)
	t.Logf("judged differences: %v", kinds)
}

// ourResult returns a result in the form of the oracle.
func ourResult(r *dmarc.Result, theirs oracleResult) oracleResult {
	ours := oracleResult{Result: string(r.Status), Organization: theirs.Organization, SPF: r.Aligned("spf") != nil, DKIM: r.Aligned("dkim") != nil}
	if r.OrganizationalDomain != "" {
		ours.Organization = r.OrganizationalDomain
	}
	if r.Status == dmarc.StatusPass || r.Status == dmarc.StatusFail {
		ours.Policy, ours.PolicyDomain = string(r.FailPolicy), r.PolicyDomain
	} else {
		ours.Policy, ours.PolicyDomain = theirs.Policy, theirs.PolicyDomain
	}
	return ours
}

// judge returns the kind of a difference, with the section of RFC 9989 that decides, or "" if the
// kind is not known.
func (w *oracleWorld) judge(t *testing.T, r *dmarc.Result, theirs oracleResult) string {
	t.Helper()
	switch {
	case theirs.Result == "refused" && len(r.AuthorDomains) > 1:
		return "several author domains: mailauth refuses, Sluice takes the worst (5.3.1 and 11.5 allow both)"
	case theirs.Result == "refused" && r.Status == dmarc.StatusPermError:
		return "no author domain: mailauth refuses, Sluice says permerror (5.3.1: validation is not possible)"
	case theirs.Result == "none" && r.Status == dmarc.StatusPermError && strings.ContainsAny(r.AuthorDomain, "[0123456789"):
		return "an address in place of the author domain: mailauth says none, Sluice permerror (5.3.1: zero domains)"
	case theirs.Result == "pass" && r.Status == dmarc.StatusPass && r.FailPolicy == "":
		return "a pass, and the lookup of the author domain's existence failed: mailauth names the milder policy, Sluice none (5.3.6: no policy is applied)"
	case theirs.Result == "temperror" && r.Status == dmarc.StatusFail && (slices.Contains(w.Broken, "_dmarc.com") || slices.Contains(w.Broken, "_dmarc.org")):
		return "the lookup of the top-level domain fails, and a signature shares only that: mailauth says temperror, Sluice fail (5.3.6: another organization in every case but one)"
	case w.lastTags(t, theirs) == theirs:
		return "a tag twice: mailauth takes the last, Sluice the first (4.8: the remainder of the record is ignored)"
	default:
		return ""
	}
}

// lastTags returns the result if of a tag that occurs twice in a record the last counts.
func (w *oracleWorld) lastTags(t *testing.T, theirs oracleResult) oracleResult {
	t.Helper()
	changed := *w
	changed.Texts = make(map[string][]string)
	for name, texts := range w.Texts {
		for _, text := range texts {
			var kept []string
			names := make(map[string]bool)
			tags := strings.Split(text, ";")
			for _, tag := range slices.Backward(tags) {
				name, _, _ := strings.Cut(tag, "=")
				if name = strings.TrimSpace(name); name == "" || !names[name] {
					kept = append(kept, tag)
				}
				names[name] = true
			}
			slices.Reverse(kept)
			changed.Texts[name] = append(changed.Texts[name], strings.Join(kept, ";"))
		}
	}
	return ourResult(changed.evaluate(t), theirs)
}

func (w *oracleWorld) evaluate(t *testing.T) *dmarc.Result {
	t.Helper()
	dns := &existing{plain{texts: w.Texts, broken: make(map[string]bool)}, w.Exist}
	for _, name := range w.Broken {
		dns.broken[name] = true
	}
	in := dmarc.Input{From: []string{strings.Join(w.From, ", ")}}
	for _, domain := range w.SPF {
		in.SPF = append(in.SPF, dmarc.SPF{Result: "pass", Domain: domain})
	}
	for _, domain := range w.DKIM {
		in.DKIM = append(in.DKIM, dmarc.DKIM{Result: "pass", Domain: domain})
	}
	r := dmarc.Evaluate(t.Context(), dns, in)
	checkResult(t, r)
	return r
}

// newOracleWorld returns a world whose names are related, with records of all kinds.
func newOracleWorld(rnd *rand.Rand) *oracleWorld {
	w := &oracleWorld{Texts: make(map[string][]string), Exist: []string{}, Broken: []string{}, SPF: []string{}, DKIM: []string{}}
	for range 2 + rnd.IntN(12) {
		name := "_dmarc." + randomName(rnd, pick(rnd, 2, 3, 3, 4, 4, 10))
		if w.Texts[name] == nil || rnd.IntN(6) == 0 {
			w.Texts[name] = append(w.Texts[name], oracleText(rnd))
		}
	}
	for range rnd.IntN(4) {
		w.Exist = append(w.Exist, randomName(rnd, 5))
	}
	if rnd.IntN(5) == 0 {
		w.Broken = append(w.Broken, pick(rnd, "", "_dmarc.", "_dmarc.")+randomName(rnd, 5))
	}
	for range 1 + rnd.IntN(12)/11 {
		w.From = append(w.From, "ann@"+w.name(rnd))
	}
	for range rnd.IntN(2) {
		w.SPF = append(w.SPF, w.name(rnd))
	}
	for range rnd.IntN(4) {
		w.DKIM = append(w.DKIM, w.name(rnd))
	}
	return w
}

// name returns a domain as a message may have it. Most are near a record.
func (w *oracleWorld) name(rnd *rand.Rand) string {
	name := randomName(rnd, pick(rnd, 3, 4, 6, 12))
	if rnd.IntN(3) > 0 {
		near := slices.Sorted(maps.Keys(w.Texts))
		name = pick(rnd, "", "", "a.", "b.", "a.b.") + strings.TrimPrefix(pick(rnd, near...), "_dmarc.")
	}
	switch rnd.IntN(24) {
	case 0:
		return strings.ToUpper(name)
	case 1:
		return "Bücher." + name
	case 2:
		return "xn--bcher-kva." + name
	case 3:
		return pick(rnd, "[192.0.2.1]", "com", "org")
	default:
		return name
	}
}

// oracleText returns the text of a record, and sometimes of none.
func oracleText(rnd *rand.Rand) string {
	if rnd.IntN(12) == 0 {
		return pick(rnd, "v=spf1 -all", "v=dmarc1; p=reject", "v=DMARC1 p=reject", "p=reject; v=DMARC1", "v=DMARC10; p=none", "v=DMARC1", " v = DMARC1 ;p=reject", "V=DMARC1; P=REJECT")
	}
	tags := []string{"v=DMARC1"}
	add := func(chance int, name string, values ...string) {
		if rnd.IntN(chance) == 0 {
			tags = append(tags, fmt.Sprintf("%s%s=%s%s", pick(rnd, "", " ", " "), name, pick(rnd, "", "", " "), pick(rnd, values...)))
		}
	}
	policies := []string{"none", "quarantine", "reject", "Reject", "QUARANTINE", "none", "reject", "x"}
	if rnd.IntN(12) != 0 {
		add(1, "p", policies...)
	}
	add(3, "sp", policies...)
	add(3, "np", policies...)
	add(4, "psd", "y", "n", "u", "Y", "x")
	add(4, "t", "y", "n", "Y", "x")
	add(4, "adkim", "s", "r", "S", "x")
	add(4, "aspf", "s", "r", "S", "x")
	add(3, "rua", "mailto:a@example.com", "a@example.com", "a@b,mailto:a@b", "mailto:a@b!10m", "mailto:a!b@c", "https://x/y", "", ":")
	add(9, "pct", "0", "100")
	add(9, "unknown", "x")
	add(40, "p", policies...)
	add(40, "rua", "mailto:a@example.com")
	rnd.Shuffle(len(tags)-1, func(i, j int) { tags[i+1], tags[j+1] = tags[j+1], tags[i+1] })
	return strings.Join(tags, ";") + pick(rnd, "", ";", " ; ")
}
