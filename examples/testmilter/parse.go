package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/sluicemail/sluice/framework"
)

// stageNamed returns the stage that test-milter calls by a name, or by the
// other one where the name is empty.
func stageNamed(name, otherwise string) (framework.Stage, bool) {
	if name == "" {
		name = otherwise
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

// canBeLeftOut reports whether an MTA can be told not to send the stage.
func canBeLeftOut(s framework.Stage) bool {
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

// parseAction reads a verdict by its name, or the words of a reply. Lines of a
// reply are separated by LF.
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

// Field is an edit of the header, as test-milter and libmilter count.
type Field struct {
	// Index is the field among those of its name, from 1, for a change, and
	// the place for an insertion: 0 is above the MTA's own Received, 1 right
	// below.
	Index int
	Name  string
	// Value is "" for a deletion. With Orders.RawHeaders it begins right after
	// the colon.
	Value string
}

// parseField reads 'index name value'. With raw, the value is all that follows
// the name, as the field's is all that follows the colon: the space between them
// is a part of it. A name that ends in a colon has a value without one.
func parseField(text string, raw bool) (*Field, error) {
	if text == "" {
		return nil, nil
	}
	digits, rest, _ := strings.Cut(strings.TrimLeft(text, " "), " ")
	index, err := strconv.Atoi(digits)
	if err != nil || index < 0 {
		return nil, fmt.Errorf("%q begins with no index", text)
	}
	name, value := splitField(strings.TrimLeft(rest, " "), raw)
	if name == "" {
		return nil, fmt.Errorf("%q has no name", text)
	}
	return &Field{Index: index, Name: name, Value: value}, nil
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
