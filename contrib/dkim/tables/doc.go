// Package tables reads OpenDKIM's tables, so that its users can keep their
// files: KeyTable, SigningTable, and lists of hosts such as TrustedHosts.
//
// A table is named as OpenDKIM names it: "file:PATH", "refile:PATH" for one
// whose keys have wildcards, or a path alone. Its databases, LDAP and Lua are
// not read. Errors name the file, the line and the column.
package tables
