package framework_test

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/netip"
	"os"
	"regexp"
	"strings"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// SubjectTag marks the subject of external mail: mail from a client that is
// outside the given networks and has not authenticated.
type SubjectTag struct{ Inside []netip.Prefix }

const tag = "[EXTERNAL]"

// tagged matches a subject that has the tag, and the subject of a reply to it.
var tagged = regexp.MustCompile(`(?i)^((re|aw|sv|fwd?|wg)(\[\d+\])?:\s*)*` + regexp.QuoteMeta(tag))

func (SubjectTag) Name() string { return "subjecttag" }

func (f SubjectTag) Register(r *framework.Router) error {
	headers, change, add := r.WantHeaders(), r.GrantChangeHeader(), r.GrantAddHeader()
	login := r.WantMacro(framework.StageMail, "{auth_authen}")

	r.OnConnect(func(_ *framework.Session, c *framework.Connect) (framework.Verdict, error) {
		for _, network := range f.Inside {
			if network.Contains(c.Addr().Unmap()) {
				return framework.Accept, nil // applies to the whole session
			}
		}
		return framework.Continue, nil
	})
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		if user, _ := login.Value(s); user != "" {
			return framework.Continue, nil
		}
		if _, ok := headers.First(s, "Subject"); !ok {
			return framework.Continue, add.Append(s, "Subject", tag)
		}
		// Mail must have only one subject. If it has two, mail programs
		// differ in which one they show.
		for field := range headers.All(s) {
			if !strings.EqualFold(field.Name, "Subject") || tagged.MatchString(readable(field.Value)) {
				continue
			}
			// The existing text stays unchanged, including encoded
			// words and folds. A bare CR can be received, but
			// cannot be sent back.
			subject := strings.TrimSpace(strings.ReplaceAll(field.Value, "\r", " "))
			value := strings.TrimSpace(tag + " " + subject)
			err := change.Change(s, field.Handle, value)
			if _, ok := errors.AsType[*framework.ValueError](err); ok { // 64 KiB long
				return framework.Reply(550, "5.6.0", "This subject is no subject")
			}
			if err != nil {
				return framework.Continue, err
			}
		}
		return framework.Continue, nil
	})
	return nil
}

// readable unfolds and decodes a subject, as far as necessary to find ASCII
// text in it.
func readable(value string) string {
	words := mime.WordDecoder{CharsetReader: func(_ string, r io.Reader) (io.Reader, error) { return r, nil }}
	text, err := words.DecodeHeader(strings.ReplaceAll(value, "\n", ""))
	if err != nil {
		text = value
	}
	return strings.TrimSpace(text)
}

// A filter that marks the subject of external mail.
func Example_subjectTag() {
	t := miltertest.ExampleT(os.Stdout)
	defer t.Finish()
	filter := SubjectTag{Inside: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}
	send := func(header string, opts ...miltertest.MessageOption) {
		msg := miltertest.Message(header+"From: ann@example.org\n\nHow are you?\n", opts...)
		res := miltertest.Run(t, filter, msg)
		fmt.Println(cmp.Or(res.Reply(), fmt.Sprintf("%q", res.HeaderValues("Subject"))))
	}
	send("Subject: hello\n")
	send("Subject: [EXTERNAL] hello\n")
	send("Subject: Re: [external] hello\n")
	send("Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\n =?utf-8?q?_aus_Berlin?=\n")
	send("Subject: =?windows-1252?q?Re=3A_=5BEXTERNAL=5D_Gr=FC=DFe?=\n")
	send("Subject:\n a subject\n\tin lines\n")
	send("Subject:\n")
	send("")
	send("Subject: one\nSubject: two\n")
	send("Subject: a\rb\n")
	send("Subject: " + strings.Repeat("long ", 13_000) + "\n")
	send("Subject: from the office\n", miltertest.Client("10.1.2.3"))
	send("Subject: from home\n", miltertest.Auth("ann"))
	// Output:
	// ["[EXTERNAL] hello"]
	// ["[EXTERNAL] hello"]
	// ["Re: [external] hello"]
	// ["[EXTERNAL] =?utf-8?q?Gr=C3=BC=C3=9Fe?=\n =?utf-8?q?_aus_Berlin?="]
	// ["=?windows-1252?q?Re=3A_=5BEXTERNAL=5D_Gr=FC=DFe?="]
	// ["[EXTERNAL] a subject\n\tin lines"]
	// ["[EXTERNAL]"]
	// ["[EXTERNAL]"]
	// ["[EXTERNAL] one" "[EXTERNAL] two"]
	// ["[EXTERNAL] a b"]
	// 550 5.6.0 This subject is no subject
	// ["from the office"]
	// ["from home"]
}
