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
// [StartSendmail] does the same for Sendmail, and [Each] starts one as the
// other, so that a test runs on both:
//
//	for name, start := range realmta.Each(realmta.Config{}) {
//		t.Run(name, func(t *testing.T) {
//			mta := start(t)
//			filter := mta.Listen(t, "unix")
//			// … serve the filter on that listener …
//			mta.SetFilters(t, filter.Addr())
//		})
//	}
//
// Both are set up to change nothing of a message but what a filter asks for, so
// that it can be compared byte for byte; [Comparable] evens out the little that
// they change all the same.
//
// Starting Postfix takes a second or two, so share one server over subtests,
// and use [Postfix.Reconfigure] or [MTA.SetFilters] between them. Several
// servers may run at once.
//
// # What must be there
//
// Postfix must be installed. Sendmail's Debian packages cannot be installed
// beside it, so the repository's .ci/install ("make install") unpacks them in
// /opt/sluice-sendmail, where StartSendmail looks; both look in the directory
// that SLUICE_SENDMAIL names, if the environment has it. Sendmail also needs
// m4, and unshare of util-linux: it runs in a process and a host name namespace
// of its own, so that nothing of it outlives a test.
//
// The tests must run as root, because the servers change to users of their
// own. Where anything is missing, the test fails; it is never skipped, for a
// skipped test proves nothing. Keep such tests behind a build tag.
package realmta
