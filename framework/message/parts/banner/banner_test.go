package banner_test

import (
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/message"
	"github.com/sluicemail/sluice/framework/message/parts"
	"github.com/sluicemail/sluice/framework/message/parts/banner"
)

// mail is a message, divided.
type mail struct {
	header []parts.Field
	body   string
}

// divide divides a message, whose lines end with LF here and with CRLF in the mail.
func divide(text string) mail { return divideBytes(strings.ReplaceAll(text, "\n", "\r\n")) }

// divideBytes divides a message as it is.
func divideBytes(text string) (m mail) {
	for text != "" {
		line, rest, _ := strings.Cut(text, "\n")
		if strings.TrimSuffix(line, "\r") == "" {
			m.body = rest
			break
		}
		text = rest
		name, value, ok := strings.Cut(strings.TrimSuffix(line, "\r"), ":")
		switch n := len(m.header); {
		case n > 0 && (line[0] == ' ' || line[0] == '\t'):
			m.header[n-1].Value += "\n" + strings.TrimSuffix(line, "\r")
		case ok:
			m.header = append(m.header, parts.Field{Name: name, Value: strings.TrimPrefix(value, " ")})
		}
	}
	return m
}

func (m mail) message() banner.Message {
	return banner.Message{Header: m.header, Body: func() io.Reader { return strings.NewReader(m.body) }}
}

// apply makes the changes of a plan.
func (m mail) apply(t testing.TB, p *banner.Plan) mail {
	t.Helper()
	body, err := io.ReadAll(p.Body())
	require.NoError(t, err)
	changed := mail{body: string(body)}
	for _, f := range m.header {
		if !isIn(p.Header(), f.Name) {
			changed.header = append(changed.header, f)
		}
	}
	for _, f := range p.Header() {
		if f.Value != "" {
			changed.header = append(changed.header, f)
		}
	}
	return changed
}

func isIn(list []parts.Field, name string) bool {
	for _, f := range list {
		if strings.EqualFold(f.Name, name) {
			return true
		}
	}
	return false
}

// text returns the message in one, as the MTA has it.
func (m mail) text() string {
	var b strings.Builder
	for _, f := range m.header {
		_, _ = b.WriteString(f.Name + ": " + strings.ReplaceAll(message.Fold(f.Name, f.Value), "\n", "\r\n") + "\r\n")
	}
	return b.String() + "\r\n" + m.body
}

func newBanner(t testing.TB, c banner.Config) *banner.Banner {
	t.Helper()
	b, err := banner.New(c)
	require.NoError(t, err)
	return b
}

// add adds a banner to a message.
func add(t testing.TB, c banner.Config, m mail) mail {
	t.Helper()
	p, err := newBanner(t, c).Plan(m.message())
	require.NoError(t, err)
	return m.apply(t, p)
}

// Of these the tests ask for the right place.
func plainAt(place banner.Place) banner.Config {
	return banner.Config{Text: "External sender", HTML: "<p>External sender</p>", Place: place}
}
