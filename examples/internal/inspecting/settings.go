package inspecting

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/sluicemail/sluice/framework/inspect"
	"github.com/sluicemail/sluice/framework/inspect/record"
)

// Off is the value of the flag -inspect that turns the page off, although a file or a
// default turns it on. The empty value does, too.
const Off = "off"

// Usage is the usage of the flag -inspect. It is short, so that the help of each program
// fits on a screen.
const Usage = "show what filters did on a page at `address`: 127.0.0.1:8025[?content=all&folder=PATH]"

// Settings are where the page is served and what is recorded. The zero value serves and
// records nothing.
type Settings struct {
	// Address is HOST:PORT, unix:PATH with the options of [framework.Listen], or fd:NAME.
	// If it is empty, the page is off.
	Address string
	// Place is the place of Address in a file, for errors, or "".
	Place string
	// TokenFile is the file with the token that the page asks for. It is optional if
	// Address is a loopback address or a unix socket.
	TokenFile string
	// Config is what is recorded, and for how long. Its Token, Complete and Logger are not
	// used.
	Config inspect.Config
	// Incomplete leaves out of the records what no filter asks the mail server for.
	Incomplete bool
}

// On reports whether the page is served.
func (s *Settings) On() bool { return s.Address != "" }

// Set applies a value of the flag -inspect: an address, and behind a question mark the
// options content, folder and token_file, such as 127.0.0.1:8025?content=all. What the value
// does not mention stays. The error names all mistakes.
func (s *Settings) Set(value string) error {
	if value == "" || value == Off {
		s.Address, s.Place = "", ""
		return nil
	}
	address, query, _ := strings.Cut(value, "?")
	var errs []error
	rest := options(query, func(key, value string) (known bool) {
		known, err := s.setOption(key, value)
		if err != nil {
			errs = append(errs, fmt.Errorf("option %s: %w", key, err))
		}
		return known
	})
	s.Address, s.Place = address, ""
	if rest != "" {
		s.Address += "?" + rest
	}
	return errors.Join(append(errs, CheckAddress(s.Address))...)
}

// options calls set with each option of a query, and returns the query without the options
// that set knows.
func options(query string, set func(key, value string) (known bool)) (rest string) {
	var others []string
	for option := range strings.SplitSeq(query, "&") {
		key, value, _ := strings.Cut(option, "=")
		if option != "" && !set(key, value) {
			others = append(others, option)
		}
	}
	return strings.Join(others, "&")
}

func (s *Settings) setOption(key, value string) (known bool, err error) {
	switch key {
	case "content":
		s.Config.Content, err = ParseContent(value)
	case "folder":
		s.Config.Folder, err = notEmpty(value)
	case "token_file":
		s.TokenFile, err = notEmpty(value)
	default:
		return false, nil
	}
	return true, err
}

func notEmpty(value string) (string, error) {
	if value == "" {
		return "", errors.New("the value is missing")
	}
	return value, nil
}

// ParseContent returns what none, header or all stand for.
func ParseContent(text string) (record.Content, error) {
	c := record.Content(text)
	if !slices.Contains([]record.Content{record.ContentNone, record.ContentHeader, record.ContentAll}, c) {
		return "", errors.New("want none, header or all")
	}
	return c, nil
}

var errAddress = errors.New("want an address and a port such as 127.0.0.1:8025, unix:PATH or fd:NAME")

// CheckAddress returns an error if an address does not have the form of [Settings].Address.
// Opening the socket finds all other mistakes.
func CheckAddress(address string) error {
	_, err := listenForm(address)
	return err
}

// listenForm returns an address in the form of framework.Listen.
func listenForm(address string) (string, error) {
	kind, rest, _ := strings.Cut(address, ":")
	switch {
	case (kind == "unix" || kind == "fd") && rest != "":
		return address, nil
	case strings.Contains(address, "?"):
		_, query, _ := strings.Cut(address, "?")
		option, _, _ := strings.Cut(query, "=")
		return "", fmt.Errorf("unknown option %q: want content, folder or token_file", option)
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", errAddress
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return "", errAddress
	}
	switch {
	case host == "":
		return "inet:" + port, nil
	case strings.Contains(host, ":"):
		return "inet6:" + port + "@" + host, nil
	}
	return "inet:" + port + "@" + host, nil
}

// Validate returns an error if the page could be reached from other hosts and asks for
// nothing. It knows what the address says; [Page.Start] looks at the socket as well.
func (s *Settings) Validate() error {
	if !s.On() {
		return nil
	}
	form, err := listenForm(s.Address)
	if err != nil || !strings.HasPrefix(form, "inet") {
		return err
	}
	host, _, _ := net.SplitHostPort(s.Address)
	if host == "localhost" {
		return nil
	}
	if addr, err := netip.ParseAddr(host); err == nil && addr.IsLoopback() {
		return nil
	}
	return s.guarded()
}

// ErrExposed is the error for a page that other hosts can reach and that asks for nothing.
var ErrExposed = errors.New("it is not a loopback address, so the page needs a token (token_file) or an authenticating proxy (proxy_user_header)")

// guarded returns an error if the page asks for nothing.
func (s *Settings) guarded() error {
	if s.TokenFile == "" && s.Config.ProxyUserHeader == "" {
		return ErrExposed
	}
	return nil
}
