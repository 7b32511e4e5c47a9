// Package integration tests contrib/mailauth behind real mail servers, with a real name server.
//
// A generator composes messages of which it knows what each method must find, and a model says
// what the mail server must do with them. The tests compare both with the replies, with the
// messages as they were delivered, with the log and with the summaries.
//
// The tests have the build tag integration, and need root, Postfix, Sendmail and NSD: see package
// realmta and package realdns.
package integration
