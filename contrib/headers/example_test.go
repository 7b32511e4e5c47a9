package headers_test

import (
	"fmt"
	"testing"

	"github.com/sluicemail/sluice/contrib/headers"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// Rules in Go. In a file the same would be
//
//	rules:
//	  - name: external
//	    when:
//	      all: [{not: {client: 10.0.0.0/8}}, {authenticated: false}]
//	    do:
//	      - prefix: {name: Subject, text: "[external] "}
//	      - add: {name: X-Client, value: "{{ .Client.Addr }}"}
func ExampleNew() {
	filter, err := headers.New(headers.Config{Rules: []headers.Rule{{
		Name: "external",
		When: headers.All{
			headers.Not{Condition: headers.Client{Networks: []string{"10.0.0.0/8"}}},
			headers.Not{Condition: headers.Authenticated{}},
		},
		Do: []headers.Action{
			headers.Prefix{Name: "Subject", Text: "[external] "},
			headers.Add{Name: "X-Client", Value: "{{ .Client.Addr }}"},
		},
	}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	r := framework.NewRouter()
	r.Mount(filter)
	plan, err := r.Plan()
	fmt.Println(plan.Actions, err)
	// Output: SMFIF_ADDHDRS|SMFIF_CHGHDRS <nil>
}

// Users may write as themselves only. The login is the address or its local part. In a
// file the same would be
//
//	rules:
//	  - name: author
//	    when:
//	      authenticated: true
//	      not: {equal: {of: '{{ .Address "From" }}', to: ["{{ .Auth }}", "{{ .Auth }}@example.org"]}}
//	    do: [{reject: "the address in From is not yours"}]
func ExampleEqual() {
	filter, err := headers.New(headers.Config{Rules: []headers.Rule{{
		Name: "author",
		When: headers.All{
			headers.Authenticated{},
			headers.Not{Condition: headers.Equal{
				Of: `{{ .Address "From" }}`,
				To: []string{"{{ .Auth }}", "{{ .Auth }}@example.org"},
			}},
		},
		Do: []headers.Action{headers.Reject{Text: "the address in From is not yours"}},
	}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	r := framework.NewRouter()
	r.Mount(filter)
	plan, err := r.Plan()
	for _, list := range plan.Macros {
		fmt.Println(list.Stage, list.Names)
	}
	fmt.Println(err)
	// Output:
	// SMFIM_ENVFROM {auth_authen}
	// <nil>
}

// Load reports all mistakes in a file at once, each with its line and column.
func ExampleParse() {
	_, err := headers.Parse("rules.yaml", []byte(`rules:
- do:
  - delete: "X Seen"
- when: {sender: "<ann>"}
  do:
  - add: {name: X, value: "{{ .Password }}"}
`))
	fmt.Println(err)
	// Output:
	// rules.yaml:3:13: rule 1: Delete: Name: "X Seen" is not a valid field name; write printable ASCII characters without space and colon
	// rules.yaml:4:18: rule 2: Sender: In/1: "<ann>" is neither an address nor a domain; write it without angle brackets
	// rules.yaml:6:27: rule 2: Add: Value: unknown fact .Password; the facts are .Address, .Auth, .Client.Addr, .Client.Name, .Client.Port, .Date, .Domain, .Group, .Helo, .Macro, .Match, .QueueID, .Recipients, .Rule, .Sender, .ShownRecipients, .Size, .Time, .Unique, .Value
}

// TestExternal shows how to test a rule.
func TestExternal(t *testing.T) {
	t.Parallel()
	res := miltertest.Run(t, parsed(t, "rules: [{when: {not: {client: 10.0.0.0/8}}, do: [{prefix: {name: Subject, text: '[external] '}}]}]"),
		miltertest.Message("Subject: hello\n\nHow are you?\n", miltertest.Client("192.0.2.7")))
	res.AssertAccepted(t)
	if got := res.Header("Subject"); got != "[external] hello" {
		t.Error(got)
	}
}
