// Package realmta runs a real mail server for a test, so that a filter is
// tried behind the program that it will serve and not only behind a model of
// it.
//
// [StartPostfix] starts a Postfix of the test's own: its own configuration,
// queue and log in a fresh directory, its own loopback port, stopped and
// removed when the test ends. Whatever it accepts it hands on to a [Sink], an
// SMTP server inside the test, which keeps each message byte for byte. A
// [Client] is the other end: it sends what it is told and returns each reply
// as it came.
//
//	filter, err := net.Listen("tcp", "127.0.0.1:0")
//	// … serve the filter on that listener …
//	mta := realmta.StartPostfix(t, realmta.PostfixConfig{
//		Milters: []string{"inet:" + filter.Addr().String()},
//	})
//	client := realmta.DialSMTP(t, mta.Addr())
//	client.Cmd("EHLO client.example.test")
//	code, text := client.Deliver(realmta.Message{
//		From: "a@example.org",
//		To:   []string{"b@example.test"},
//		Data: []byte("From: a@example.org\r\n\r\nHello\r\n"),
//	})
//	require.Equal(t, 250, code, text)
//	got := mta.Sink().Await(t, realmta.ToRecipient("b@example.test"))
//	assert.Equal(t, want, string(got.WithoutTrace()))
//
// Starting takes a second or two, so share one server over subtests, and use
// [Postfix.Reconfigure] between them. Several servers may run at once.
//
// Postfix must be installed and the test must run as root, because Postfix
// changes to a user of its own. Where that is not so, StartPostfix fails the
// test; it never skips, for a skipped test proves nothing. Keep such tests
// behind a build tag.
package realmta
