package framework

import "github.com/sluicemail/sluice/wire"

// namedMaddy reports whether the macros of CONNECT are those of Maddy, which have the same
// values everywhere. Maddy writes the values of new fields into the message as they are. If
// their lines ended in LF, a mailbox of Maddy would have a bare LF in the header.
func namedMaddy(macros []byte) bool {
	daemon, _ := wire.LookupMacro(macros, "daemon_name")
	name, _ := wire.LookupMacro(macros, "if_name")
	return string(daemon) == "maddy" && string(name) == "unknown"
}
