// Package maddy runs a real Maddy for a test, as package realmta runs Postfix and Sendmail.
//
// Maddy is a mail server in Go. [Build] compiles version 0.8.1 of it, once for all tests of
// a package. [Start] starts it with one filter, on a free loopback port. It delivers all
// mail to a [realmta.Sink], and ends with the test. Neither root nor a Debian package is
// necessary.
//
//	var program string // set by TestMain with Build
//
//	gate := realmta.OpenGate(t, listener)
//	server := maddy.Start(t, program, gate.Addr())
//	client := realmta.DialSMTP(t, server.Addr())
//	client.Cmd("EHLO client.example.test")
//	code, text := client.Deliver(message)
//	got := server.Sink().Await(t, realmta.ToRecipient("b@example.test"))
//
// Maddy connects to the filter anew for each message, when the client names the first
// recipient. So a [realmta.Gate] can change the filter between messages.
//
// The package is a separate module, so that "go test ./..." in the root does not build
// Maddy. The module in the folder server pins Maddy and all that it requires.
package maddy
