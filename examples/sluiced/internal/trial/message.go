package trial

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/sluicemail/sluice/framework/message"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// Message is a message with its SMTP session.
type Message struct {
	// Client is the address of the SMTP client. The zero value stands for a message that was
	// submitted on the host of the MTA: the client is then localhost, 127.0.0.1.
	Client netip.Addr
	// ClientName is the name of the client that the MTA found in the DNS. It defaults to
	// "unknown", which is what Postfix says of a client without a name.
	ClientName string
	// ClientPort is the TCP port of the client.
	ClientPort uint16
	// Helo is the name in HELO or EHLO. It defaults to ClientName, or to the address in
	// brackets if the client has no name.
	Helo string
	// From is the envelope sender, with or without angle brackets. It is "" for a bounce.
	From string
	// FromArgs are the ESMTP arguments of MAIL, such as "BODY=8BITMIME".
	FromArgs []string
	// Rcpts are the envelope recipients. At least one is required.
	Rcpts []string
	// Text is the message. Its lines end in LF or CRLF. It is read to its end.
	Text io.Reader
	// Macros are macros that the MTA sends, by their names with or without braces, such as
	// "j", "i" and "auth_authen". Each is sent from the first stage on at which MTAs have it:
	// those that begin with "auth_" or "mail_" from MAIL on, and the queue ID, "i", when the
	// MTA has one. They replace the macros that the trial sends by itself. With
	// auth_authen, auth_type defaults to PLAIN.
	Macros map[string]string
}

// ErrMessage is wrapped by the error about a Message or a Config that no MTA could send or
// have.
var ErrMessage = errors.New("trial: message")

// ErrTooLarge means that the text of the message is larger than Config.MaxSize.
var ErrTooLarge = errors.New("trial: the message is too large")

// read returns the message as the MTA has it when it asks the filters.
func (m *Message) read(cfg *Config) (*mta.Message, error) {
	if err := errors.Join(m.check(), cfg.check()); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMessage, err)
	}
	limited := &io.LimitedReader{R: m.Text, N: cfg.MaxSize + 1}
	out, err := cfg.MTA.ReadMessage(limited)
	switch {
	case err != nil:
		return nil, fmt.Errorf("trial: reading the message: %w", err)
	case limited.N == 0:
		return nil, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, cfg.MaxSize)
	}
	for i, f := range out.Header { // MTAs written in C end a field there, and deliver it so
		out.Header[i].Value, _, _ = strings.Cut(f.Value, "\x00")
	}
	m.setClient(out)
	out.Sender = mta.Address{Addr: bracketed(m.From), Args: m.FromArgs}
	for _, rcpt := range m.Rcpts {
		out.Recipients = append(out.Recipients, mta.Recipient{Addr: bracketed(rcpt)})
	}
	m.setMacros(out, cfg)
	return out, nil
}

// notInLine are the characters that the values of an SMTP command, and of a macro, cannot have.
const notInLine = "\r\n\x00"

// check returns an error that joins all mistakes.
func (m *Message) check() error {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if m.Text == nil {
		wrong("no text")
	}
	if len(m.Rcpts) == 0 {
		wrong("no recipient")
	}
	for _, path := range append([]string{m.From}, m.Rcpts...) {
		if !isPath(path) {
			wrong("%q is not an address", path)
		}
	}
	values := slices.Concat([]string{m.ClientName, m.Helo, m.From}, m.FromArgs, m.Rcpts)
	for name, value := range m.Macros {
		values = append(values, name, value)
		switch bare := strings.Trim(name, "{}"); {
		case bare == "" || len(bare) > 1 && strings.HasPrefix(name, "{") != strings.HasSuffix(name, "}"):
			wrong("%q is not a name of a macro", name)
		case strings.HasPrefix(bare, "rcpt_"):
			wrong("the macro %s differs for each recipient, and follows from Rcpts", bare)
		}
	}
	for _, value := range values {
		if strings.ContainsAny(value, notInLine) {
			wrong("%q has more than one line, or a NUL", value)
		}
	}
	for _, rcpt := range m.Rcpts {
		if strings.Trim(rcpt, "<> ") == "" {
			wrong("a recipient is empty")
		}
	}
	return errors.Join(errs...)
}

func (m *Message) setClient(out *mta.Message) {
	addr := m.Client.Unmap().WithZone("")
	name := m.ClientName
	if !addr.IsValid() {
		addr, name = netip.AddrFrom4([4]byte{127, 0, 0, 1}), cmp.Or(name, "localhost")
	}
	out.Client = mta.Client{Host: cmp.Or(name, "unknown"), Family: wire.FamilyInet, Addr: addr.String(), Port: m.ClientPort}
	literal := "[" + addr.String() + "]"
	if addr.Is6() {
		out.Client.Family, literal = wire.FamilyInet6, "[IPv6:"+addr.String()+"]"
	}
	if name == "unknown" {
		name = ""
	}
	out.Helo = cmp.Or(m.Helo, name, literal)
}

// setMacros adds the macros to those that the MTA sends by default.
func (m *Message) setMacros(out *mta.Message, cfg *Config) {
	host := cmp.Or(cfg.Hostname, hostname())
	macros := map[string]string{"j": host}
	if cfg.MTA == mta.Postfix {
		macros["{daemon_name}"] = host
	}
	for name, value := range m.Macros {
		macros[braced(name)] = value
	}
	if _, ok := macros["{auth_type}"]; !ok && macros["{auth_authen}"] != "" {
		macros["{auth_type}"] = "PLAIN"
	}
	out.QueueID = macros["i"]
	delete(macros, "i")
	out.ExtraMacros = make(map[wire.MacroStage][]mta.Macro)
	for name, value := range macros {
		stage := macroStage(name)
		out.ExtraMacros[stage] = append(out.ExtraMacros[stage], mta.Macro{Name: name, Value: value})
	}
}

// hostname returns the name of this host for the macro j.
func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		return "localhost"
	}
	return name
}

// macroStage returns the first stage at which MTAs have a macro.
func macroStage(name string) wire.MacroStage {
	switch name = strings.Trim(name, "{}"); {
	case strings.HasPrefix(name, "auth_"), strings.HasPrefix(name, "mail_"):
		return wire.MacroEnvFrom
	case strings.HasPrefix(name, "cert_"), strings.HasPrefix(name, "cipher"), name == "tls_version":
		return wire.MacroHelo
	case name == "msg_id":
		return wire.MacroEOM
	default:
		return wire.MacroConnect
	}
}

func braced(name string) string {
	if name = strings.Trim(name, "{}"); len(name) > 1 {
		return "{" + name + "}"
	}
	return name
}

// isPath reports whether a mail server can hand a text to a filter as an address. Mail servers
// take more than the grammar allows, but no bracket or white space, nor one bracket of the two.
func isPath(path string) bool {
	if _, err := message.ParsePath(path, message.Strict); err == nil {
		return true
	}
	inner := path
	if rest, ok := strings.CutPrefix(path, "<"); ok {
		if inner, ok = strings.CutSuffix(rest, ">"); !ok {
			return false
		}
	}
	_, err := message.ParsePath(inner, message.Tolerant)
	return err == nil && !strings.ContainsAny(inner, "<> \t")
}

func bracketed(addr string) string {
	if strings.HasPrefix(addr, "<") {
		return addr
	}
	return "<" + addr + ">"
}

func unbracketed(addr string) string {
	return strings.TrimSuffix(strings.TrimPrefix(addr, "<"), ">")
}
