package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/sluicemail/sluice/examples/testmilter/filter"
	"github.com/sluicemail/sluice/framework"
)

// stageNamed returns the stage with a name of test-milter. An empty name stands
// for the default one.
func stageNamed(name, defaultName string) (framework.Stage, bool) {
	if name == "" {
		name = defaultName
	}
	stages := map[string]framework.Stage{
		"connect": framework.StageConnect, "helo": framework.StageHelo, "mail": framework.StageMail,
		"rcpt": framework.StageRcpt, "data": framework.StageData, "header": framework.StageHeader,
		"eoh": framework.StageEndOfHeaders, "body": framework.StageBody, "eom": framework.StageEndOfMessage,
		"unknown": framework.StageUnknown, "close": framework.StageClose, "abort": framework.StageAbort,
	}
	stage, ok := stages[name]
	return stage, ok
}

// isOptional reports whether a filter can ask the MTA not to send the stage.
func isOptional(s framework.Stage) bool {
	return !slices.Contains([]framework.Stage{
		framework.StageEndOfMessage, framework.StageAbort, framework.StageClose,
	}, s)
}

func hasMacros(s framework.Stage) bool {
	return slices.Contains([]framework.Stage{
		framework.StageConnect, framework.StageHelo, framework.StageMail, framework.StageRcpt,
		framework.StageData, framework.StageEndOfHeaders, framework.StageEndOfMessage,
	}, s)
}

// parseAction parses the name of a verdict, or a reply: its code, its enhanced
// status and its text, whose lines are separated by LF.
func parseAction(action string) (framework.Verdict, error) {
	named := map[string]framework.Verdict{
		"accept": framework.Accept, "tempfail": framework.TempFail, "reject": framework.Reject,
		"discard": framework.Discard, "skip": framework.SkipBody,
	}
	if v, ok := named[action]; ok {
		return v, nil
	}
	digits, rest, _ := strings.Cut(action, " ")
	code, err := strconv.Atoi(digits)
	if err != nil {
		return framework.Verdict{}, errors.New("want accept, tempfail, reject, discard, skip or 'ddd x.y.z text'")
	}
	enhanced, text, _ := strings.Cut(rest, " ")
	if text == "" {
		return framework.Reply(code, enhanced)
	}
	return framework.Reply(code, enhanced, strings.Split(text, "\n")...)
}

// parseField parses 'index name value'. If raw is set, the value begins right
// after the name and includes the space between them, as a field's raw value
// begins right after the colon. If a colon follows the name, the value begins
// after the colon.
func parseField(text string, raw bool) (*filter.Field, error) {
	if text == "" {
		return nil, nil
	}
	digits, rest, _ := strings.Cut(strings.TrimLeft(text, " "), " ")
	index, err := strconv.Atoi(digits)
	if err != nil || index < 0 {
		return nil, fmt.Errorf("%q does not begin with an index", text)
	}
	name, value := splitField(strings.TrimLeft(rest, " "), raw)
	if name == "" {
		return nil, fmt.Errorf("%q has no name", text)
	}
	return &filter.Field{Index: index, Name: name, Value: value}, nil
}

func splitField(text string, raw bool) (name, value string) {
	if !raw {
		name, value, _ = strings.Cut(text, " ")
		return name, strings.TrimLeft(value, " ")
	}
	at := strings.IndexAny(text, " :")
	switch {
	case at < 0:
		return text, ""
	case text[at] == ':':
		return text[:at], text[at+1:]
	}
	return text[:at], text[at:]
}
