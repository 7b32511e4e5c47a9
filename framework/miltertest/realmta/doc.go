// Package realmta runs a real mail server for a test, so that a filter can be
// tested with the server that it is written for and not only with a simulation.
//
// [StartPostfix] starts a separate Postfix for the test: with its configuration,
// queue and log in a new directory, and on a free loopback port. It is stopped and
// removed when the test ends. Postfix delivers all mail to a [Sink], an SMTP server
// inside the test that stores each message byte for byte. The [Client] sends mail
// exactly as the test specifies, and returns each reply unchanged.
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
// [StartSendmail] does the same with Sendmail. [Each] returns a function for each
// of the two servers, so that a test can run on both:
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
// Both servers are configured not to change a message except as a filter requests,
// so that a test can compare messages byte for byte. [Comparable] evens out the few
// changes that cannot be avoided.
//
// Starting Postfix takes one or two seconds. Therefore share one server among
// subtests, and call [Postfix.Reconfigure] or [MTA.SetFilters] between them.
// Several servers may run at the same time.
//
// # Requirements
//
// Postfix must be installed. The Debian packages of Sendmail cannot be installed
// beside Postfix. Therefore the repository's .ci/install ("make install") unpacks
// them in /opt/sluice-sendmail, where StartSendmail looks for them. The environment
// variable SLUICE_SENDMAIL overrides this directory for both. Sendmail also requires
// m4, and unshare of util-linux: it runs in new PID and UTS namespaces, so that none
// of its processes outlives a test.
//
// The tests must run as root, because the servers switch to other users. If a
// requirement is missing, the test fails. It is not skipped, because a skipped test
// proves nothing. Put such tests behind a build tag.
package realmta
