package headers

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sluicemail/sluice/framework"
)

// needs lists what the rules need from the MTA.
type needs struct {
	connect, helo, envelope, headers, body bool
	add, change, rename, quarantine        bool
	macros                                 map[macro]bool
}

type macro struct {
	stage framework.Stage
	name  string
}

// missing describes the needs that are not in have.
func (n needs) missing(have needs) []string {
	var list []string
	for _, w := range []struct {
		want, have bool
		name       string
	}{
		{n.connect, have.connect, "the stage connect"},
		{n.helo, have.helo, "the stage helo"},
		{n.envelope, have.envelope, "the envelope"},
		{n.headers, have.headers, "the header"},
		{n.body, have.body, "the body"},
		{n.add || n.rename, have.add || have.rename, "permission to add fields"},
		{n.change || n.rename, have.change || have.rename, "permission to change fields"},
		{n.quarantine, have.quarantine, "permission to quarantine"},
	} {
		if w.want && !w.have {
			list = append(list, w.name)
		}
	}
	for _, m := range sorted(n.macros) {
		if !have.macros[m] {
			list = append(list, fmt.Sprintf("the macro %s at %v", m.name, m.stage))
		}
	}
	return list
}

func sorted(macros map[macro]bool) []macro {
	return slices.SortedFunc(maps.Keys(macros), func(a, b macro) int {
		return cmp.Or(cmp.Compare(a.stage, b.stage), cmp.Compare(a.name, b.name))
	})
}

// checkMacro checks the name of a macro, given without braces.
func checkMacro(name string) error {
	if name == "" || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune("{},", r) }) {
		return fmt.Errorf("%q is not a valid macro name", name)
	}
	return nil
}

func stageOf(name string) (framework.Stage, bool) {
	for _, s := range []framework.Stage{
		framework.StageConnect, framework.StageHelo, framework.StageMail, framework.StageRcpt,
		framework.StageData, framework.StageEndOfHeaders, framework.StageEndOfMessage,
	} {
		if s.String() == name {
			return s, true
		}
	}
	return 0, false
}

func macroName(name string) string { return strings.TrimSuffix(strings.TrimPrefix(name, "{"), "}") }

// knownStage returns the first stage at which MTAs send a well-known macro.
func knownStage(name string) (framework.Stage, bool) {
	switch name {
	case "i", "msg_id":
		return framework.StageEndOfMessage, true
	case "j", "_", "v", "daemon_name", "daemon_addr", "daemon_port", "if_name", "if_addr",
		"client_addr", "client_name", "client_port", "client_ptr", "client_resolve", "client_connections":
		return framework.StageConnect, true
	case "tls_version", "cipher", "cipher_bits", "cert_subject", "cert_issuer", "verify":
		return framework.StageHelo, true
	case "auth_authen", "auth_author", "auth_type", "auth_ssf", "mail_addr", "mail_host", "mail_mailer":
		return framework.StageMail, true
	case "rcpt_addr", "rcpt_host", "rcpt_mailer":
		return framework.StageRcpt, true
	}
	return 0, false
}

// ErrNeedsMore is the error that [NeedsMoreError] matches: the rules need more
// from the MTA than the filter has negotiated. See [Reloadable.Reload].
var ErrNeedsMore = errors.New("headers: the rules need more than was negotiated")

// NeedsMoreError is the error of [Reloadable.Reload] if the new rules need more
// from the MTA than the filter has negotiated.
type NeedsMoreError struct {
	// Missing describes the additional needs of the new rules.
	Missing []string
}

// Error implements error.
func (e *NeedsMoreError) Error() string {
	return "headers: the new rules need more than was negotiated: " + strings.Join(e.Missing, ", ")
}

// Is reports whether the target is [ErrNeedsMore].
func (*NeedsMoreError) Is(target error) bool { return target == ErrNeedsMore }
