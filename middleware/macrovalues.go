package middleware

import (
	"context"
	"net/netip"
	"strconv"

	"github.com/sluicemail/sluice/framework"
)

// MacroValues gives the macros that [Macros] carries along. It shows them as they
// are when it is asked; the zero value has none. It may be kept and used from any
// goroutine.
//
// All that it returns comes from the MTA, and much of that from strangers. A
// macro that is not there, or that [Macros] was not told to ask for, is "" or the
// zero value.
type MacroValues struct{ set *macroSet }

// MacrosOf returns the macros of the message under way, or outside of a message
// those of the session.
func MacrosOf(s *framework.Session) MacroValues {
	set, _ := s.ContextValue(macrosKey{}).(*macroSet)
	return MacroValues{set}
}

// MacrosFrom returns the macros from a context that came from
// [framework.Session.Context] inside of [Macros].
func MacrosFrom(ctx context.Context) MacroValues {
	set, _ := ctx.Value(macrosKey{}).(*macroSet)
	return MacroValues{set}
}

// Get returns a macro's value, and whether the MTA has sent one.
func (v MacroValues) Get(name MacroName) (string, bool) { return v.set.lookup(name) }

func (v MacroValues) text(name MacroName) string {
	value, _ := v.set.lookup(name)
	return value
}

// QueueID returns the MTA's name for the message, from Data on.
func (v MacroValues) QueueID() string { return v.text(MacroQueueID) }

// MTAVersion returns the MTA's version, such as "Postfix 3.7.11"; Sendmail's is
// a bare number.
func (v MacroValues) MTAVersion() string { return v.text(MacroMTAVersion) }

// MTAHost returns the MTA's name for its host.
func (v MacroValues) MTAHost() string { return v.text(MacroMTAHost) }

// ClientName returns the client's name as the MTA found it in the DNS.
func (v MacroValues) ClientName() string { return v.text(MacroClientName) }

// ClientAddr returns the client's IP address. Ask IsValid.
func (v MacroValues) ClientAddr() netip.Addr { return v.addr(MacroClientAddr) }

// ClientPort returns the client's port, or 0.
func (v MacroValues) ClientPort() uint16 { return v.port(MacroClientPort) }

// DaemonName returns the name of the MTA's listener.
func (v MacroValues) DaemonName() string { return v.text(MacroDaemonName) }

// DaemonAddr returns the address on which the MTA took the client's connection.
// Ask IsValid.
func (v MacroValues) DaemonAddr() netip.Addr { return v.addr(MacroDaemonAddr) }

// DaemonPort returns the port on which the MTA took the client's connection, or
// 0.
func (v MacroValues) DaemonPort() uint16 { return v.port(MacroDaemonPort) }

// TLSVersion returns the version of TLS that the client uses, such as
// "TLSv1.3", and "" where it uses none.
func (v MacroValues) TLSVersion() string { return v.text(MacroTLSVersion) }

// TLSCipher returns the cipher suite.
func (v MacroValues) TLSCipher() string { return v.text(MacroTLSCipher) }

// TLSBits returns the effective length of the cipher's key, or 0.
func (v MacroValues) TLSBits() int {
	n, err := strconv.ParseUint(v.text(MacroTLSBits), 10, 16)
	if err != nil {
		return 0
	}
	return int(n)
}

// TLSSubject returns the subject of the client's certificate. It says who the
// client is only where the MTA has verified the certificate.
func (v MacroValues) TLSSubject() string { return v.text(MacroTLSSubject) }

// TLSIssuer returns the issuer of the client's certificate.
func (v MacroValues) TLSIssuer() string { return v.text(MacroTLSIssuer) }

// AuthUser returns the name by which the client logged in, and "" where it did
// not.
func (v MacroValues) AuthUser() string { return v.text(MacroAuthUser) }

// AuthType returns the SASL mechanism by which the client logged in.
func (v MacroValues) AuthType() string { return v.text(MacroAuthType) }

// RcptMailer returns the delivery agent of the last recipient; for one that the
// MTA refused it is "error".
func (v MacroValues) RcptMailer() string { return v.text(MacroRcptMailer) }

// RcptHost returns the next hop of the last recipient; for one that the MTA
// refused it is the enhanced status.
func (v MacroValues) RcptHost() string { return v.text(MacroRcptHost) }

// RcptAddr returns the address of the last recipient as it is to be delivered;
// for one that Postfix refused it is the text of the reply.
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
