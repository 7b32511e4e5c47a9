package edit_test

import (
	"encoding/base64"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/message/parts"
	"github.com/sluicemail/sluice/framework/message/parts/edit"
)

const (
	armored = "hello\n-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nhello\n"
	signed  = "Content-Type: multipart/signed; boundary=s; protocol=\"application/pgp-signature\"\n\n--s\n\nsigned\n--s\nContent-Type: application/pgp-signature\n\nx\n--s--\n"
)

// among returns a message that contains a text, a part, and an image.
func among(part string) string {
	return mixed + "--b\n\ntext\n--b\n" + part + "\n--b\nContent-Type: image/png\n\nx\n--b--\n"
}

func inBase64(kind, text string) string {
	return "Content-Type: " + kind + "\nContent-Transfer-Encoding: base64\n\n" + base64.StdEncoding.EncodeToString([]byte(text)) + "\n"
}

func TestRefused(t *testing.T) {
	t.Parallel()
	x := &edit.Part{Text: "x"}
	add := edit.Change{After: []*edit.Part{x}}
	remove := edit.Change{Remove: true}
	transform := edit.Change{Transform: upper}
	attachment := among("Content-Type: message/rfc822\n\n" + mixed + "--b2\n--b--\n")
	for name, c := range map[string]struct {
		message, path string
		change        edit.Change
		want          error
		allow         edit.Allow // with it the change is allowed
	}{
		"before a signed part":          {among(signed), "1", add, edit.ErrSigned, edit.BesideSigned},
		"behind a signed part":          {among(signed), "3", remove, edit.ErrSigned, edit.BesideSigned},
		"a signed part goes":            {among(signed), "2", remove, edit.ErrSigned, edit.BesideSigned},
		"in a signed part":              {among(signed), "2.1", transform, edit.ErrSigned, edit.InSigned},
		"append to a signed part":       {among(signed), "2", edit.Change{Append: add.After}, edit.ErrSigned, edit.InSigned},
		"all that is in a message":      {among(signed), "", transform, edit.ErrSigned, edit.InSigned},
		"a signed message is wrapped":   {"MIME-Version: 1.0\n" + signed, "", add, edit.ErrSigned, edit.BesideSigned},
		"a signed message is replaced":  {"MIME-Version: 1.0\n" + signed, "", edit.Change{Replace: x}, edit.ErrSigned, edit.BesideSigned},
		"encrypted by PGP":              {among(strings.ReplaceAll(signed, "signed", "encrypted")), "1", transform, edit.ErrSigned, edit.BesideSigned},
		"encrypted by S/MIME":           {"MIME-Version: 1.0\nContent-Type: application/pkcs7-mime; name=x\n\nx\n", "", transform, edit.ErrSigned, edit.InSigned},
		"encrypted, old type":           {among("Content-Type: application/x-pkcs7-mime\n\nx\n"), "3", remove, edit.ErrSigned, edit.BesideSigned},
		"encrypted, by its name":        {among("Content-Type: application/octet-stream; name=SMIME.P7M\n\nx\n"), "3", remove, edit.ErrSigned, edit.BesideSigned},
		"inline PGP elsewhere":          {among("\n" + armored), "1", transform, edit.ErrSigned, edit.BesideSigned},
		"inline PGP in it":              {among("\n" + armored), "2", transform, edit.ErrSigned, edit.InSigned},
		"inline PGP, its header":        {among("\n" + armored), "2", edit.Change{Fields: []parts.Field{{Name: "X", Value: "y"}}}, edit.ErrSigned, edit.InSigned},
		"inline PGP goes":               {among("\n" + armored), "2", remove, edit.ErrSigned, edit.BesideSigned},
		"inline PGP in HTML":            {among("Content-Type: text/html\n\n" + armored), "2", remove, edit.ErrSigned, edit.BesideSigned},
		"inline PGP in base64":          {among(inBase64("text/plain", armored)), "2", transform, edit.ErrSigned, edit.InSigned},
		"inline PGP, quoted-printable":  {among("Content-Transfer-Encoding: quoted-printable\n\n" + strings.ReplaceAll(armored, "-----BEGIN", "=2D=2D---BE=\nGIN")), "2", transform, edit.ErrSigned, edit.InSigned},
		"inline PGP, encrypted":         {"\n-----BEGIN PGP MESSAGE-----\n\nx\n", "", transform, edit.ErrSigned, edit.InSigned},
		"inline PGP, CRLF":              {"\r\n-----BEGIN PGP MESSAGE-----\r\n\r\nx\r\n", "", transform, edit.ErrSigned, edit.InSigned},
		"in an attached message":        {attachment, "2.1", transform, edit.ErrAttached, edit.InMessages | edit.Unreadable},
		"signed in an attached message": {among("Content-Type: message/rfc822\n\n" + signed), "2.1.1", transform, edit.ErrSigned, edit.InMessages | edit.InSigned},
		"unreadable at once":            {"Content-Type: multipart/mixed\n\nx\n", "", edit.Change{Replace: x}, edit.ErrUnreadable, edit.Unreadable},
		"unreadable before":             {among("Content-Type: multipart/x\n\n"), "3", remove, edit.ErrUnreadable, edit.Unreadable},
		"unreadable afterwards":         {among("\n") + "--b\n\nmore\n--b--\n", "1", remove, edit.ErrUnreadable, edit.Unreadable},
		"unreadable header":             {"no field\n\nx\n", "", transform, edit.ErrUnreadable, edit.Unreadable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := func() edit.Config {
				config := edit.Config{Decide: changeAll(map[string]edit.Change{c.path: c.change})}
				if errors.Is(c.want, edit.ErrSigned) {
					config.Allow = c.allow & edit.InMessages
				}
				return config
			}
			_, err := read(t, c.message, config)
			var partError *edit.PartError
			require.ErrorAs(t, err, &partError)
			require.ErrorIs(t, err, c.want)
			if errors.Is(c.want, edit.ErrAttached) || c.allow&edit.InSigned != 0 && c.allow&edit.InMessages == 0 {
				less := config()
				less.Allow = edit.BesideSigned | edit.Unreadable
				_, err = editWith(c.message, less)
				require.ErrorIs(t, err, c.want)
			}
			got, err := read(t, c.message, func() edit.Config {
				allowed := config()
				allowed.Allow = c.allow
				return allowed
			})
			require.NoError(t, err)
			assert.NotEqual(t, c.message, got)
		})
	}
}

// editWith edits a message.
func editWith(message string, c edit.Config) (string, error) {
	e, err := edit.NewMessage(strings.NewReader(message), c)
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(e)
	return string(text), err
}

// TestNotRefused tests mail that is as hostile, and changes that are allowed.
func TestNotRefused(t *testing.T) {
	t.Parallel()
	remove := edit.Change{Remove: true}
	for name, c := range map[string]struct{ message, path string }{
		"a key":                            {among("\n-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nx\n"), "1"},
		"a quoted message":                 {among("\n> -----BEGIN PGP MESSAGE-----\n\nx\n"), "1"},
		"no text":                          {among("Content-Type: x/y\n\n" + armored), "1"},
		"a signed message, attached":       {among("Content-Type: message/rfc822\n\n" + signed), "1"},
		"a signed message, attached, goes": {among("Content-Type: message/rfc822\n\n" + signed), "2"},
	} {
		got, err := read(t, c.message, func() edit.Config {
			return edit.Config{Decide: changeAll(map[string]edit.Change{c.path: remove})}
		})
		require.NoError(t, err, name)
		assert.Less(t, len(got), len(c.message), name)
	}
}

// TestInvalid tests changes that cannot be made of any message.
func TestInvalid(t *testing.T) {
	t.Parallel()
	x := &edit.Part{Text: "x"}
	field := func(name, value string) edit.Change {
		return edit.Change{Fields: []parts.Field{{Name: name, Value: value}}}
	}
	message := among("Content-Type: message/rfc822\n\nSubject: x\n\ninner\n")
	for name, c := range map[string]struct {
		path   string
		change edit.Change
		want   error
	}{
		"two at once":               {"1", edit.Change{Remove: true, Replace: x}, edit.ErrChange},
		"remove and transform":      {"1", edit.Change{Remove: true, Transform: upper}, edit.ErrChange},
		"replace, and fields":       {"1", edit.Change{Replace: x, Fields: []parts.Field{{Name: "X"}}}, edit.ErrChange},
		"the message":               {"", edit.Change{Remove: true}, edit.ErrMessage},
		"the message by many":       {"", edit.Change{Replace: x, Before: []*edit.Part{x}}, edit.ErrMessage},
		"a message in a part":       {"2.1", edit.Change{Remove: true}, edit.ErrNoMultipart},
		"beside a message":          {"2.1", edit.Change{After: []*edit.Part{x}}, edit.ErrNoMultipart},
		"append to a text":          {"1", edit.Change{Append: []*edit.Part{x}}, edit.ErrNoMultipart},
		"a name with a space":       {"1", field("X y", "z"), edit.ErrFields},
		"a name that is a boundary": {"1", field("--b", "z"), edit.ErrFields},
		"a value with a NUL":        {"1", field("X", "a\x00"), edit.ErrFields},
		"a value with a CR":         {"1", field("X", "a\rb"), edit.ErrFields},
		"the type of a multipart":   {"", field("content-type", "text/plain"), edit.ErrFields},
		"the encoding of a message": {"2", field("Content-Transfer-Encoding", "base64"), edit.ErrFields},
		"no type":                   {"1", edit.Change{Replace: &edit.Part{Type: "text"}}, edit.ErrPart},
		"a type that is not ASCII":  {"1", edit.Change{Replace: &edit.Part{Type: "text/plain; x=ü"}}, edit.ErrPart},
		"a multipart":               {"1", edit.Change{Before: []*edit.Part{{Type: "Multipart/mixed; boundary=x"}}}, edit.ErrPart},
		"a long name":               {"1", edit.Change{Replace: &edit.Part{Name: strings.Repeat("x", 256)}}, edit.ErrPart},
		"a name in two lines":       {"1", edit.Change{Replace: &edit.Part{Name: "a\nb"}}, edit.ErrPart},
		"a disposition":             {"1", edit.Change{Replace: &edit.Part{Disposition: "inline; x=y"}}, edit.ErrPart},
		"a field of a part":         {"1", edit.Change{Replace: &edit.Part{Fields: []parts.Field{{Name: "Content-Type", Value: "x/y"}}}}, edit.ErrFields},
		"another field of a part":   {"1", edit.Change{Replace: &edit.Part{Fields: []parts.Field{{Name: "X\n", Value: "x/y"}}}}, edit.ErrFields},
		"a delimiter":               {"1", edit.Change{Transform: func(io.Reader) io.Reader { return strings.NewReader("x\n--b--\n") }}, edit.ErrBoundary},
		"a delimiter at once":       {"1", edit.Change{Transform: func(io.Reader) io.Reader { return iotest.OneByteReader(strings.NewReader("--b")) }}, edit.ErrBoundary},
		"a delimiter behind a CR":   {"1", edit.Change{Transform: func(io.Reader) io.Reader { return strings.NewReader("x\r--bc\r\n") }}, edit.ErrBoundary},
		"a delimiter in a message":  {"1", edit.Change{Replace: &edit.Part{Type: "message/rfc822", Text: "\n--b\n"}}, edit.ErrBoundary},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := read(t, message, func() edit.Config {
				return edit.Config{Decide: changeAll(map[string]edit.Change{c.path: c.change}), Allow: edit.InMessages}
			})
			require.ErrorIs(t, err, c.want)
			var partError *edit.PartError
			require.ErrorAs(t, err, &partError)
			assert.Equal(t, c.path, partError.Path)
		})
	}
}

func TestPartError(t *testing.T) {
	t.Parallel()
	assert.EqualError(t, &edit.PartError{Type: "text/plain", Err: edit.ErrMessage},
		"edit: the message itself cannot be removed; replace it, or refuse the message: the message itself, text/plain")
	assert.EqualError(t, &edit.PartError{Path: "1.2", Type: "text/plain", Err: edit.ErrFields},
		"edit: the field cannot be written: part 1.2, text/plain")
}

// TestFails tests the errors of what an editor reads and calls. Read goes on to return them.
func TestFails(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	fails := edit.Change{Transform: func(io.Reader) io.Reader { return iotest.ErrReader(broken) }}
	passes := edit.Change{Transform: func(old io.Reader) io.Reader { return old }}
	whole := strings.NewReader
	for name, c := range map[string]struct {
		source io.Reader
		decide func(p *parts.Part) (edit.Change, error)
		want   error
	}{
		"source":              {io.MultiReader(whole(mixed+"--b\n\none\n"), iotest.ErrReader(broken)), nil, broken},
		"source, transformed": {io.MultiReader(whole(mixed+"--b\n\none\n"), iotest.ErrReader(broken)), changeAll(map[string]edit.Change{"1": passes}), broken},
		"header":              {io.MultiReader(whole("Subject: x\n"), iotest.ErrReader(broken)), nil, broken},
		"header without end":  {io.MultiReader(whole(strings.Repeat("Subject: x\n", 100_000)), iotest.ErrReader(broken)), nil, edit.ErrHeader},
		"decide":              {whole(among("")), func(*parts.Part) (edit.Change, error) { return edit.Change{}, broken }, broken},
		"decide, later":       {whole(among("")), func(p *parts.Part) (edit.Change, error) { return edit.Change{}, failAt(p, "2", broken) }, broken},
		"transform":           {whole(among("")), changeAll(map[string]edit.Change{"1": fails}), broken},
		"part":                {whole(among("")), changeAll(map[string]edit.Change{"1": {Replace: &edit.Part{Reader: iotest.ErrReader(broken)}}}), broken},
		"reads nothing": {whole(among("")), changeAll(map[string]edit.Change{"1": {Transform: func(io.Reader) io.Reader {
			return nothing{}
		}}}), io.ErrNoProgress},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, err := edit.NewMessage(c.source, edit.Config{Decide: c.decide})
			if err == nil {
				_, err = io.Copy(io.Discard, e)
				_, again := e.Read(make([]byte, 1))
				assert.Equal(t, err, again)
			}
			assert.ErrorIs(t, err, c.want)
		})
	}
}

type nothing struct{}

func (nothing) Read([]byte) (int, error) { return 0, nil }

func failAt(p *parts.Part, path string, err error) error {
	if p.Path() == path {
		return err
	}
	return nil
}
