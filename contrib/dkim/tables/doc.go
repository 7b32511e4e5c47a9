// Package tables reads the tables of OpenDKIM, so that users of OpenDKIM can
// keep their files: the KeyTable, the SigningTable, and lists of hosts such as
// TrustedHosts.
//
// The name of a table has the same form as in OpenDKIM: "file:PATH",
// "refile:PATH" for a table whose keys have wildcards, a path that begins with
// "/", "./" or "../", or the entries themselves between commas, as in
// "csl:one,two" or "one,two". In a list, KEY=VALUE is an entry with a value.
// Tables in databases, LDAP and Lua are not supported. A byte order mark at the
// beginning of a file is ignored. Errors name the file, the line and the
// column.
package tables
