// Sluiced is a mail filter for those who do not program. It checks, edits and signs mail, and
// passes it to other milters, as one YAML file says.
//
//	sluiced -config FILE [-check] [-listen …]
//	sluiced check-message -config FILE -client IP -from FROM MESSAGE
//
// SIGHUP makes it reload the file. With -handover, SIGUSR2 makes it hand its sockets over to a
// new process.
//
// See README.md.
package main
