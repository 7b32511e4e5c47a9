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
// # Other versions
//
// By default the servers are those of this host. If the environment variable
// SLUICE_RELEASE names another Debian release, such as "trixie" or "sid", the
// servers are those of that release. Their programs come from a folder that
// "make mtas" creates, below SLUICE_MTA_CACHE or ~/.cache/sluice. "make matrix" runs
// the repository's tests with the servers of each release. [AtLeast] compares a
// server's version, for a test whose result depends on it.
//
// Only the servers, and the commands of [Postfix.Command], run in that folder. The
// test itself runs on the host. Each server enters the folder by chroot, in a new
// mount namespace, where the folder is read-only and contains the host's /tmp,
// /dev, /proc, /etc/hosts and /etc/resolv.conf, and, if the host has the servers'
// users, its /etc/passwd and /etc/group. Therefore a path below /tmp means
// the same to the test and to the server: the queue directory, the log, the
// configuration, unix sockets of filters, and files of [testing.T.TempDir].
// (A TMPDIR elsewhere is not visible to the server.) Network and process numbers
// are those of the host, so that nothing else differs from a server of the host. The
// mounts disappear with the last process of the server. Running the programs
// without chroot, with the folder's own loader and libraries, would not be
// sufficient: Postfix starts its programs by absolute paths, and the users differ.
//
// # Requirements
//
// Postfix must be installed. The Debian packages of Sendmail cannot be installed
// beside Postfix. Therefore the repository's .ci/install ("make install") unpacks
// them in /opt/sluice-sendmail, where StartSendmail looks for them. The environment
// variable SLUICE_SENDMAIL overrides this directory for both. With SLUICE_RELEASE,
// neither is necessary, and SLUICE_SENDMAIL has no effect.
//
// Sendmail also requires m4, and unshare of util-linux: it runs in new PID and UTS
// namespaces, so that none of its processes outlives a test.
//
// The tests must run as root, because the servers switch to other users. If a
// requirement is missing, the test fails. It is not skipped, because a skipped test
// proves nothing. Put such tests behind a build tag.
package realmta
