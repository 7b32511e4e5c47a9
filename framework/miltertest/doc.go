// Package miltertest tests filters without a mail server and without sockets.
//
// [Run] sends one message through a filter and returns the outcome as the SMTP
// client and the recipient see it:
//
//	func TestTagger(t *testing.T) {
//		res := miltertest.Run(t, tagger.New("[ext]"), miltertest.Message(
//			"Subject: hello\n\nHow are you?\n",
//			miltertest.From("ann@example.org"),
//			miltertest.To("bob@example.net"),
//			miltertest.Client("192.0.2.7"),
//		))
//		res.AssertAccepted(t)
//		assert.Equal(t, "[ext] hello", res.Header("Subject"))
//	}
//
// [Message] creates a message from a text and from options for the envelope, the
// client and the macros. [FilterFunc] creates a filter from a function. [RunRouter]
// runs a whole router with its lanes and middleware.
//
// # Several messages
//
// [NewServer] serves a filter to any number of MTAs. [Server.Dial] connects one
// MTA. [Conn.Run] may be called many times on a connection, as an MTA sends several
// messages of one client. The methods of [mta.Conn] send one stage at a time:
//
//	srv := miltertest.NewServer(t, filter)
//	conn := srv.Dial(t)
//	conn.Run(t, first).AssertAccepted(t)
//	conn.Run(t, second).AssertTempFailed(t)
//
// The server closes when the test ends. It fails the test if a session did not end,
// if a filter reads something at a stage at which it cannot be there, or if a
// goroutine that a handler started is still running.
//
// # Several MTAs
//
// [TestFilter] checks that a filter does the same on every MTA, when clients
// disconnect in the middle of a message, and beside filters that fail:
//
//	func TestConformance(t *testing.T) {
//		miltertest.TestFilter(t, tagger.New("[ext]"))
//	}
//
// It uses the MTAs that [Personalities] returns: [Postfix] and [Sendmail] with the
// quirks that were measured on the real servers, in several protocol versions, and
// without some of the optional features. [As] runs a test on one of them:
//
//	for _, mta := range miltertest.Personalities() {
//		miltertest.Run(t, filter, msg, miltertest.As(mta)).AssertAccepted(t)
//	}
//
// [Plain] is an MTA without any [Quirk]. [Personality.With] adds a single quirk, to
// find the one that breaks a filter.
//
// # Recorded mail
//
// [Replay] replays messages that package framework/inspect recorded to a changed filter, and
// fails the test for each that the filter treats differently:
//
//	miltertest.Replay(t, filter, "testdata/mail.sluice", miltertest.IgnoreFields("X-Date"))
//
// # Without a test
//
// [ExampleT] replaces the test in an Example or in a program.
//
// # How a test runs
//
// The kit runs the real [framework.Server] over a connection in memory and
// simulates the MTA with wire/mta. The options [MTA] and [Configure] configure the
// two sides. The server overwrites bytes that it lent to a handler, such as a body
// chunk, with 0xDB after the handler returns. This exposes filters that retain
// them. If a test fails, the kit shows the traffic and the log of its servers.
//
// [Result.Transcript] is the traffic as text. It is the same in every run, so it
// can be compared with golden files. The kit does not manage golden files, because
// a library should not define flags for a test.
//
// # Time
//
// A goroutine that waits on the kit's connections is durably blocked in the sense
// of testing/synctest. In a bubble, a test of delays, deadlines and progress
// reports does not take real time:
//
//	synctest.Test(t, func(t *testing.T) {
//		res := miltertest.Run(t, slow, msg, miltertest.Configure(func(c *framework.Config) {
//			c.HandlerTimeout = 25 * time.Second
//		}))
//		res.AssertTempFailed(t)
//	})
//
// There is one difference from a socket: if an MTA disconnects while a handler
// runs, the server notices this only when it sends the next progress report.
package miltertest
