package framework_test

import (
	"fmt"
	"os"
	"strings"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// Fields are appended at the bottom of the header, or inserted at the top, below
// the Received of the MTA.
func ExampleHeaderAdder() {
	r := framework.NewRouter()
	add := r.GrantAddHeader()
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		if err := add.InsertTop(s, "X-First", "top"); err != nil {
			return framework.Continue, err
		}
		return framework.Continue, add.Append(s, "X-Last", "bottom")
	})

	t := miltertest.ExampleT(os.Stdout)
	defer t.Finish()
	res := miltertest.RunRouter(t, r, miltertest.Message("Subject: hello\n\nHow are you?\n"))
	fmt.Print(strings.ReplaceAll(string(res.Edited.Bytes()), "\r", ""))
	// Output:
	// X-First: top
	// Subject: hello
	// X-Last: bottom
	//
	// How are you?
}

// A handle identifies a field, even after other fields were added or deleted.
func ExampleHeaderChanger() {
	r := framework.NewRouter()
	change := r.GrantChangeHeader()
	r.ObserveHeader(func(s *framework.Session, h *framework.Header) error {
		switch {
		case h.Is("X-Spam"):
			return change.Delete(s, h.Handle())
		case h.Is("Subject"):
			return change.Change(s, h.Handle(), "[list] "+h.Value())
		}
		return nil
	})

	t := miltertest.ExampleT(os.Stdout)
	defer t.Finish()
	res := miltertest.RunRouter(t, r, miltertest.Message("X-Spam: no\nSubject: hello\nX-Spam: never\n\nHow are you?\n"))
	fmt.Printf("%q %q\n", res.Header("Subject"), res.HeaderValues("X-Spam"))
	// Output: "[list] hello" []
}

func ExampleBodyReplacer() {
	r := framework.NewRouter()
	replace := r.GrantReplaceBody()
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		return framework.Continue, replace.Replace(s, []byte("The content was removed.\r\n"))
	})

	t := miltertest.ExampleT(os.Stdout)
	defer t.Finish()
	res := miltertest.RunRouter(t, r, miltertest.Message("Subject: hello\n\nHow are you?\n"))
	fmt.Printf("%q\n", res.Body())
	// Output: "The content was removed.\r\n"
}

// The envelope is modified like the header: there is a grant for each kind of
// change.
func ExampleRecipientAdder() {
	r := framework.NewRouter()
	add, remove, sender := r.GrantAddRecipient(), r.GrantDeleteRecipient(), r.GrantChangeSender()
	r.ObserveRcpt(func(s *framework.Session, e *framework.Rcpt) error {
		if e.Recipient() != "sales@example.net" {
			return nil
		}
		if err := remove.Delete(s, e.Raw()); err != nil {
			return err
		}
		if err := sender.Change(s, "sales-owner@example.net"); err != nil {
			return err
		}
		return add.Add(s, "ann@example.net")
	})

	t := miltertest.ExampleT(os.Stdout)
	defer t.Finish()
	res := miltertest.RunRouter(t, r, miltertest.Message("Subject: offer\n\nBuy!\n", miltertest.To("sales@example.net")))
	fmt.Println(res.Sender(), res.Recipients())
	// Output: sales-owner@example.net [ann@example.net]
}

func ExampleQuarantiner() {
	r := framework.NewRouter()
	hold := r.GrantQuarantine()
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		return framework.Continue, hold.Quarantine(s, "looks odd")
	})

	t := miltertest.ExampleT(os.Stdout)
	defer t.Finish()
	res := miltertest.RunRouter(t, r, miltertest.Message("Subject: hello\n\nHow are you?\n"))
	fmt.Println(res.Quarantined, res.Quarantine)
	// Output: true looks odd
}

// A wish is served where the mail server grants it. Any other grant that it
// refuses ends the connection.
func ExampleOptional() {
	r := framework.NewRouter()
	hold := r.GrantQuarantine(framework.Optional())
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		if !hold.Granted(s) {
			return framework.TempFail, nil
		}
		return framework.Continue, hold.Quarantine(s, "looks odd")
	})

	t := miltertest.ExampleT(os.Stdout)
	defer t.Finish()
	offer := mta.PostfixOffer(wire.MaxVersion)
	offer.Actions &^= wire.ActionQuarantine
	res := miltertest.RunRouter(t, r, miltertest.Message("Subject: hello\n\nHow are you?\n"),
		miltertest.MTA(mta.Config{Offer: offer}))
	fmt.Println(res.Reply())
	// Output: 451 4.7.1 Service unavailable - try again later
}
