package middleware

import (
	"context"
	"net/netip"
	"strconv"

	"github.com/sluicemail/sluice/framework"
)

// MacroValues returns the values of the macros that [Macros] requests, as of
// the time of the call. The zero MacroValues has no values. A MacroValues may
// be kept, and is safe for concurrent use.
//
// All values come from the MTA, and many of them originally from the client. If
// the MTA has not sent a macro, or Macros does not request it, the methods
// return "" or the zero value.
type MacroValues struct{ set *macroSet }

// MacrosOf returns the macros of the session's current message, or those of the
// session if there is no message.
func MacrosOf(s *framework.Session) MacroValues {
	set, _ := s.ContextValue(macrosKey{}).(*macroSet)
	return MacroValues{set}
}

// MacrosFrom returns the macros from a context that a handler under [Macros] got
// from [framework.Session.Context].
func MacrosFrom(ctx context.Context) MacroValues {
	set, _ := ctx.Value(macrosKey{}).(*macroSet)
	return MacroValues{set}
}

// Get returns a macro's value, and reports whether the MTA has sent one.
func (v MacroValues) Get(name MacroName) (string, bool) { return v.set.lookup(name) }

func (v MacroValues) text(name MacroName) string {
	value, _ := v.set.lookup(name)
	return value
}

// QueueID returns the MTA's ID of the message. It is known from Data on.
func (v MacroValues) QueueID() string { return v.text(MacroQueueID) }

// MTAVersion returns the MTA's version, such as "Postfix 3.7.11". Sendmail
// sends only a number.
func (v MacroValues) MTAVersion() string { return v.text(MacroMTAVersion) }

// MTAHost returns the host name of the MTA.
func (v MacroValues) MTAHost() string { return v.text(MacroMTAHost) }

// ClientName returns the client's host name, from the MTA's DNS lookup.
func (v MacroValues) ClientName() string { return v.text(MacroClientName) }

// ClientAddr returns the client's IP address. It is not valid if the MTA sent
// none.
func (v MacroValues) ClientAddr() netip.Addr { return v.addr(MacroClientAddr) }

// ClientPort returns the client's port, or 0.
func (v MacroValues) ClientPort() uint16 { return v.port(MacroClientPort) }

// DaemonName returns the name of the MTA's listener.
func (v MacroValues) DaemonName() string { return v.text(MacroDaemonName) }

// DaemonAddr returns the local address of the client's connection to the MTA.
// It is not valid if the MTA sent none.
func (v MacroValues) DaemonAddr() netip.Addr { return v.addr(MacroDaemonAddr) }

// DaemonPort returns the local port of the client's connection to the MTA, or 0.
func (v MacroValues) DaemonPort() uint16 { return v.port(MacroDaemonPort) }

// TLSVersion returns the version of TLS that the client uses, such as
// "TLSv1.3", or "" if it does not use TLS.
func (v MacroValues) TLSVersion() string { return v.text(MacroTLSVersion) }

// TLSCipher returns the cipher suite of the client's connection.
func (v MacroValues) TLSCipher() string { return v.text(MacroTLSCipher) }

// TLSBits returns the effective length of the cipher's key, or 0.
func (v MacroValues) TLSBits() int {
	n, err := strconv.ParseUint(v.text(MacroTLSBits), 10, 16)
	if err != nil {
		return 0
	}
	return int(n)
}

// TLSSubject returns the subject of the client's certificate. It identifies the
// client only if the MTA has verified the certificate.
func (v MacroValues) TLSSubject() string { return v.text(MacroTLSSubject) }

// TLSIssuer returns the issuer of the client's certificate.
func (v MacroValues) TLSIssuer() string { return v.text(MacroTLSIssuer) }

// AuthUser returns the user name of the client, or "" if it did not authenticate.
func (v MacroValues) AuthUser() string { return v.text(MacroAuthUser) }

// AuthType returns the SASL mechanism that the client used to authenticate.
func (v MacroValues) AuthType() string { return v.text(MacroAuthType) }

// RcptMailer returns the delivery agent of the last recipient, or "error" if
// the MTA refused the recipient.
func (v MacroValues) RcptMailer() string { return v.text(MacroRcptMailer) }

// RcptHost returns the next hop of the last recipient, or the enhanced status
// code if the MTA refused the recipient.
func (v MacroValues) RcptHost() string { return v.text(MacroRcptHost) }

// RcptAddr returns the delivery address of the last recipient, or the text of the
// reply if Postfix refused the recipient.
func (v MacroValues) RcptAddr() string { return v.text(MacroRcptAddr) }

func (v MacroValues) addr(name MacroName) netip.Addr {
	addr, ok := parseAddr(v.text(name))
	if !ok {
		return netip.Addr{}
	}
	return addr
}

func (v MacroValues) port(name MacroName) uint16 {
	n, err := strconv.ParseUint(v.text(name), 10, 16)
	if err != nil {
		return 0
	}
	return uint16(n)
}
