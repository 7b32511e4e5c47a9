package main

import (
	"errors"
	"slices"
	"strings"

	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// macroFlag is the value of one -macro flag.
type macroFlag struct {
	stage wire.MacroStage
	macro mta.Macro
}

func (o *options) addMacro(s string) error {
	stage, rest, ok := strings.Cut(s, ":")
	name, value, equals := strings.Cut(rest, "=")
	if !ok || !equals || strings.Trim(name, "{}") == "" {
		return errors.New("want STAGE:NAME=VALUE")
	}
	number, ok := macroStage(stage)
	if !ok {
		return errors.New("unknown stage " + stage)
	}
	o.macros = append(o.macros, macroFlag{number, mta.Macro{Name: braced(name), Value: value}})
	return nil
}

func macroStage(name string) (wire.MacroStage, bool) {
	switch strings.ToLower(name) {
	case "connect":
		return wire.MacroConnect, true
	case "helo":
		return wire.MacroHelo, true
	case "mail":
		return wire.MacroEnvFrom, true
	case "rcpt":
		return wire.MacroEnvRcpt, true
	case "data":
		return wire.MacroData, true
	case "eoh":
		return wire.MacroEOH, true
	case "eom":
		return wire.MacroEOM, true
	}
	return 0, false
}

// braced returns a macro's name as the protocol has it: in braces, unless it has
// one letter.
func braced(name string) string {
	if name = strings.Trim(name, "{}"); len(name) == 1 {
		return name
	}
	return "{" + name + "}"
}

// setMacros sets the message's macros: the defaults and the macros of the
// command line, which override defaults of the same name.
func (o *options) setMacros() {
	if len(o.macros) == 0 {
		return
	}
	m := mta.DefaultMacros(o.message)
	if o.flavor == mta.Sendmail {
		m = mta.SendmailMacros(o.message)
	}
	for _, f := range o.macros {
		m[f.stage] = slices.DeleteFunc(m[f.stage], func(old mta.Macro) bool { return old.Name == f.macro.Name })
		m[f.stage] = append(m[f.stage], f.macro)
	}
	o.message.Macros = m
}
