package framework_test

import (
	"errors"
	"fmt"
	"os"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// tagSubject is a filter that puts a tag before the subject.
func tagSubject(tag string) framework.Filter {
	return miltertest.FilterFunc("tag", func(r *framework.Router) error {
		headers, change := r.WantHeaders(), r.GrantChangeHeader()
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			subject, ok := headers.First(s, "Subject")
			if !ok {
				return framework.Continue, nil
			}
			return framework.Continue, change.Change(s, subject.Handle, tag+" "+subject.Value)
		})
		return nil
	})
}

// watch is a filter that only passes the subject to tell.
func watch(name string, tell func(subject string)) framework.Filter {
	return miltertest.FilterFunc(name, func(r *framework.Router) error {
		headers := r.WantHeaders()
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			subject, _ := headers.First(s, "Subject")
			tell(subject.Value)
			return framework.Accept, nil // ends only this lane
		})
		return nil
	})
}

// broken is a filter whose handler fails.
func broken() framework.Filter {
	return miltertest.FilterFunc("broken", func(r *framework.Router) error {
		r.OnMail(func(*framework.Session, *framework.Mail) (framework.Verdict, error) {
			return framework.Continue, errors.New("the database is away")
		})
		return nil
	})
}

// Each filter has a lane, and sees the message as those mounted before it leave
// it, as if each were a separate milter.
func ExampleRouter_Mount() {
	r := framework.NewRouter()
	r.Mount(watch("first", func(subject string) { fmt.Println("before:", subject) }))
	r.Mount(tagSubject("[list]"))
	r.Mount(watch("last", func(subject string) { fmt.Println("behind:", subject) }))

	t := miltertest.ExampleT(os.Stdout)
	defer t.Finish()
	res := miltertest.RunRouter(t, r, miltertest.Message("Subject: hello\n\nHow are you?\n"))
	fmt.Println("delivered:", res.Header("Subject"))
	// Output:
	// before: hello
	// behind: [list] hello
	// delivered: [list] hello
}

// If a filter fails, the message is refused temporarily, unless the filter was
// mounted with FailOpen.
func ExampleFailOpen() {
	closed, open := framework.NewRouter(), framework.NewRouter()
	closed.Mount(broken())
	open.Mount(broken(), framework.FailOpen())

	t := miltertest.ExampleT(os.Stdout)
	defer t.Finish()
	msg := miltertest.Message("Subject: hello\n\nHow are you?\n")
	fmt.Println(miltertest.RunRouter(t, closed, msg).Reply())
	fmt.Println(miltertest.RunRouter(t, open, msg).Delivered())
	// Output:
	// 451 4.3.0 mail filter failed, try again later
	// true
}

// A dry-run filter returns verdicts as usual. They are logged and have no other
// effect.
func ExampleDryRun() {
	r := framework.NewRouter()
	r.Mount(tagSubject("[list]"), framework.DryRun())

	t := miltertest.ExampleT(os.Stdout)
	defer t.Finish()
	res := miltertest.RunRouter(t, r, miltertest.Message("Subject: hello\n\nHow are you?\n"))
	fmt.Println(res.Header("Subject"))
	line, _ := res.Logs.Find("dry run: modification")
	fmt.Println(line.Message)
	// Output:
	// hello
	// dry run: modification
}
