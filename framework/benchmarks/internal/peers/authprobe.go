package peers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/sluicemail/sluice/framework/miltertest/realmta"

	"github.com/sluicemail/sluice/framework/benchmarks/internal/corpus"
)

// probe sends a good message and a forged one, and checks that the results say so. The forged
// one may also be refused.
func (a *auth) probe(t testing.TB, s *stack) error {
	t.Helper()
	if !checks(s.name) {
		return nil
	}
	good := a.mail.Letters[0]
	forged := good
	forged.Client = forged.Client.Next()
	forged.Data = append(bytes.Clone(good.Data), "What the signature does not cover.\r\n"...)
	for name, letter := range map[string]corpus.Letter{"pass": good, "fail": forged} {
		results, err := a.results(t, s, &letter, name)
		if refused := new(smtpError); errors.As(err, &refused) && name == "fail" && refused.code/100 == 5 {
			continue
		}
		if err != nil {
			return fmt.Errorf("%s: the message that should %s: %w\n%s", s.name, name, err, s.output())
		}
		for _, method := range a.methods(s) {
			if !strings.Contains(results, method+"="+name) {
				return fmt.Errorf("%s: no %s=%s in %q\n%s", s.name, method, name, results, s.output())
			}
		}
	}
	return nil
}

// methods returns the methods that a stack must report. The benchmark's own program does not
// know DMARC.
func (a *auth) methods(s *stack) []string {
	if s.name == Ours && a.standIn() {
		return []string{"spf", "dkim"}
	}
	return []string{"spf", "dkim", "dmarc"}
}

// results sends a letter and returns the Authentication-Results fields that it arrives with,
// on one line.
func (a *auth) results(t testing.TB, s *stack, letter *corpus.Letter, name string) (string, error) {
	t.Helper()
	to := name + "@example.test"
	err := smtpClient{s.route.mta.Addr(), a.Proxy}.deliver(context.Background(), letter, to)
	if err != nil {
		return "", err
	}
	got := s.route.mta.Sink().Await(t, realmta.ToRecipient(to))
	return resultsIn(got.Data), nil
}

// resultsIn returns the values of the Authentication-Results fields of a message.
func resultsIn(message []byte) string {
	header, _, _ := bytes.Cut(message, []byte("\r\n\r\n"))
	unfolded := strings.NewReplacer("\r\n\t", " ", "\r\n ", " ").Replace(string(header))
	var values []string
	for line := range strings.Lines(unfolded) {
		if name, value, _ := strings.Cut(line, ":"); strings.EqualFold(name, "Authentication-Results") {
			values = append(values, strings.Join(strings.Fields(value), " "))
		}
	}
	return strings.Join(values, " | ")
}
