package parts_test

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/message/parts"
	"github.com/sluicemail/sluice/framework/message/parts/banner"
	"github.com/sluicemail/sluice/framework/message/parts/edit"
)

// corpusMail is a mail of the corpus as an MTA has it: its lines end with CRLF, unless it
// is there to have others.
type corpusMail struct {
	name   string
	header string // without the empty line behind it
	fields []parts.Field
	body   string
}

// corpusMails returns the mails of testdata/corpus, which are hostile, broken or of all kinds of
// structure, and those that the tests of headerd have, which programs write. The mails in
// files named .raw have the bytes of their files.
func corpusMails(t testing.TB) (all []corpusMail) {
	t.Helper()
	own, err := filepath.Glob("testdata/corpus/*")
	require.NoError(t, err)
	require.Greater(t, len(own), 95)
	for _, file := range own {
		all = append(all, readMail(t, file, filepath.Base(file)))
	}
	written, err := filepath.Glob("../../../examples/headerd/testdata/corpus/*/*.eml")
	require.NoError(t, err)
	require.Greater(t, len(written), 60)
	for _, file := range written {
		name := filepath.Base(filepath.Dir(file)) + "/" + filepath.Base(file)
		m := readMail(t, file, name)
		m.fields = m.fields[1:] // the sender of the envelope
		_, m.header, _ = strings.Cut(m.header, "\n")
		all = append(all, m)
	}
	return all
}

func readMail(t testing.TB, file, name string) corpusMail {
	t.Helper()
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	text := string(content)
	if filepath.Ext(file) == ".eml" {
		text = strings.ReplaceAll(text, "\n", "\r\n")
	}
	m := corpusMail{name: name}
	for line := range strings.Lines(text) {
		if strings.TrimRight(line, "\r\n") == "" {
			m.body = text[len(m.header)+len(line):]
			break
		}
		m.header += line
	}
	m.fields = fieldsOf(m.header)
	return m
}

// TestCorpusUnchanged tests that an edit that changes nothing gives the same bytes: one of
// the body and one of the message, with no decision and with new content for each leaf
// that is the old one.
func TestCorpusUnchanged(t *testing.T) {
	t.Parallel()
	const all = edit.InSigned | edit.InMessages | edit.Unreadable
	same := func(p *parts.Part) (c edit.Change, err error) {
		if !p.IsMultipart() && !p.IsMessage() && p.Flaws&parts.NoBlankLine == 0 {
			c.Transform = func(old io.Reader) io.Reader { return old }
		}
		return c, nil
	}
	for _, m := range corpusMails(t) {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			for name, config := range map[string]edit.Config{"none": {}, "same": {Decide: same, Allow: all}} {
				e, err := edit.New(strings.NewReader(m.body), m.fields, config)
				require.NoError(t, err, name)
				body, err := io.ReadAll(e)
				if e.Flaws()&parts.LooseDelimiter != 0 && config.Decide != nil {
					require.ErrorIs(t, err, edit.ErrBoundary) // the old content has a delimiter
					continue
				}
				require.NoError(t, err, name)
				assert.Equal(t, m.body, string(body), name)

				message := m.header + "\r\n" + m.body
				e, err = edit.NewMessage(strings.NewReader(message), config)
				require.NoError(t, err, name)
				text, err := io.ReadAll(e)
				require.NoError(t, err, name)
				assert.Equal(t, message, string(text), name)
			}
		})
	}
}

// corpusBanner is what the tests add. Its first line is the delimiter of two mails.
func corpusBanner(t testing.TB, place banner.Place, addPart bool) *banner.Banner {
	t.Helper()
	b, err := banner.New(banner.Config{Text: "----\n" + bannerWords + "\n----", Place: place, AddPart: addPart})
	require.NoError(t, err)
	return b
}

const bannerWords = "From outside of example.org"

// plan plans a banner for a mail.
func (m corpusMail) plan(b *banner.Banner) (*banner.Plan, error) {
	return b.Plan(banner.Message{Header: m.fields, Body: func() io.Reader { return strings.NewReader(m.body) }})
}

// apply returns the mail as a plan has it.
func (m corpusMail) apply(t testing.TB, p *banner.Plan) corpusMail {
	t.Helper()
	body, err := io.ReadAll(p.Body())
	require.NoError(t, err)
	changed := corpusMail{name: m.name, header: m.header, fields: m.fields, body: string(body)}
	if len(p.Header()) == 0 {
		return changed
	}
	changed.header, changed.fields = "", nil
	fields := m.fields
	for _, f := range p.Header() {
		fields = without(fields, f.Name)
	}
	for _, f := range append(fields, p.Header()...) {
		if f.Value != "" {
			changed.fields = append(changed.fields, f)
			changed.header += f.Name + ": " + strings.TrimLeft(f.Value, " ") + "\r\n"
		}
	}
	return changed
}

func without(fields []parts.Field, name string) (rest []parts.Field) {
	for _, f := range fields {
		if !strings.EqualFold(f.Name, name) {
			rest = append(rest, f)
		}
	}
	return rest
}
