// Package tables reads the tables of OpenDKIM, so that users of OpenDKIM can
// keep their files: the KeyTable, the SigningTable, and lists of hosts such as
// TrustedHosts.
//
// The name of a table has the same form as in OpenDKIM: "file:PATH",
// "refile:PATH" for a table whose keys have wildcards, or a path alone. Tables
// in databases, LDAP and Lua are not supported. Errors name the file, the line
// and the column.
package tables
