//go:build integration

package arc_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/arc"
)

// mutant is a valid chain with one change.
type mutant struct {
	how, message string
	harmless     bool // the canonical form is the same, and so the chain still passes
}

// headerOf returns the fields of a message, each with its line end, and the body.
func headerOf(message string) (fields []string, body string) {
	header, body, _ := strings.Cut(message, "\r\n\r\n")
	for line := range strings.SplitSeq(header, "\r\n") {
		if line[0] == ' ' || line[0] == '\t' {
			fields[len(fields)-1] += line + "\r\n"
			continue
		}
		fields = append(fields, line+"\r\n")
	}
	return fields, body
}

// mutate returns the message with one change of a kind.
func mutate(rnd *rand.Rand, message string) mutant {
	fields, body := headerOf(message)
	at := rnd.IntN(len(fields))
	f := fields[at]
	var m mutant
	switch rnd.IntN(12) {
	case 0:
		name, value, _ := strings.Cut(f, ":")
		fields[at], m = pickCase(rnd, name)+":"+value, mutant{how: "case of a name", harmless: true}
	case 1:
		fields[at], m = widen(rnd, f, "  ", "\t", " \t "), mutant{how: "more white space", harmless: true}
	case 2:
		fields[at], m = widen(rnd, f, "\r\n ", "\r\n\t"), mutant{how: "another fold", harmless: true}
	case 3:
		body, m = body+strings.Repeat("\r\n", 1+rnd.IntN(3)), mutant{how: "empty lines at the end", harmless: true}
	case 4:
		fields[at], m = strings.ReplaceAll(f, "\r\n", " \r\n"), mutant{how: "space at ends of lines", harmless: true}
	case 5:
		i := strings.Index(fields[0], "b=") + 2 + rnd.IntN(20)
		fields[0], m = fields[0][:i]+" "+fields[0][i:], mutant{how: "a space in b= of the newest seal", harmless: true}
	case 6:
		fields[at], m = "", mutant{how: "a field less: " + f[:8]}
	case 7:
		fields = slices.Insert(fields, rnd.IntN(len(fields)), f)
		m = mutant{how: "a field twice: " + f[:8]}
	case 8:
		other := rnd.IntN(len(fields))
		fields[at], fields[other], m = fields[other], f, mutant{how: "two fields in another order", harmless: true}
	case 9:
		old := "i=" + string('1'+rune(rnd.IntN(3)))
		fresh := []string{"i=0", "i=01", "i=4", "i=51", "i= 2", "I=1", "i=1 ", "i=2;i=2"}[rnd.IntN(8)]
		fields[at], m = strings.Replace(f, old, fresh, 1), mutant{how: old + " is " + fresh}
	case 10:
		old := []string{"cv=pass", "cv=none", "a=rsa-sha256", "s=arc", "c=relaxed/relaxed", "d=two.example", "t=17"}[rnd.IntN(7)]
		fresh := []string{"cv=fail", "cv=none", "cv=PASS", "a=rsa-sha1", "a=RSA-SHA256", "c=simple/simple", "", "l=1", "h=from", "d=one.example", "t=18"}[rnd.IntN(11)]
		fields[at], m = strings.Replace(f, old, fresh, 1), mutant{how: old + " is " + fresh}
	default:
		i := strings.IndexByte(f, ':') + 2
		if i += rnd.IntN(len(f) - 2 - i); strings.ContainsAny(f[i:i+1], " \t\r\n") {
			i = strings.IndexByte(f, ':') + 2
		}
		fields[at], m = f[:i]+string(rune(33+rnd.IntN(94)))+f[i+1:], mutant{how: fmt.Sprintf("byte %d of %s", i, f[:8])}
	}
	m.message = strings.Join(fields, "") + "\r\n" + body
	return m
}

func pickCase(rnd *rand.Rand, name string) string {
	return []string{strings.ToLower(name), strings.ToUpper(name), name[:1] + strings.ToUpper(name[1:])}[rnd.IntN(3)]
}

// widen replaces a space in the value of a field.
func widen(rnd *rand.Rand, field string, by ...string) string {
	name, value, _ := strings.Cut(field, ":")
	parts := strings.Split(value, " ")
	if len(parts) < 3 {
		return field
	}
	i := 2 + rnd.IntN(len(parts)-2)
	if strings.HasSuffix(parts[i-1], "\n") {
		return field // the place of a fold
	}
	return name + ":" + strings.Join(parts[:i], " ") + by[rnd.IntN(len(by))] + strings.Join(parts[i:], " ")
}

// TestMutantsWithDkimpy changes valid chains at one place each, and compares what this package and
// dkimpy say.
func TestMutantsWithDkimpy(t *testing.T) {
	t.Parallel()
	p, z, rnd := newDkimpy(t), published(t, domains...), rand.New(rand.NewPCG(8617, 0))
	chain := sealed(t, 3, letter)
	mutants := make(map[string]mutant)
	ours := make(map[string]arc.Result)
	for i := range 600 {
		name := fmt.Sprintf("%03d.eml", i)
		m := mutate(rnd, chain)
		mutants[name], ours[name] = m, verify(t, z, m.message)
		p.write(t, "mutants/"+name, m.message)
		if m.harmless {
			assert.Equal(t, arc.Pass, ours[name].Status, "%s: %s\n%s", m.how, ours[name].Reason, m.message)
		}
	}
	compared, judged := 0, 0
	for line := range strings.Lines(p.run(t, "verify", "mutants")) {
		name, theirs, _ := strings.Cut(strings.TrimSpace(line), " ")
		m, r := mutants[name], ours[name]
		compared++
		switch {
		case string(r.Status) == theirs:
		case theirs == "fail" && m.how == "two fields in another order":
			judged++ // dkimpy needs the sets in order; RFC 8617 section 5.2 collects them by instance
		case theirs == "fail" && m.how == "a field twice: From: an":
			judged++ // dkimpy wants RFC 5322 obeyed; for RFC 8617 the signed From is the lowest one
		default:
			assert.Failf(t, "a difference", "%s (%s): ours %s %s, theirs %s", name, m.how, r.Status, r.Reason, theirs)
		}
	}
	require.Equal(t, len(mutants), compared)
	t.Logf("%d mutants, %d judged differences", compared, judged)
}
