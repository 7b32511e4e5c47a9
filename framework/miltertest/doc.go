// Package miltertest tests filters without a mail server and without sockets.
//
// [Run] sends one message through a filter and returns what came of it, as the
// SMTP client and the recipient see it:
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
// [Message] makes the message of a text and of options for the envelope, the
// client and the macros. [FilterFunc] makes a filter of a function, for handlers
// that have no type of their own; [RunRouter] runs a whole router, with its
// lanes and middleware.
//
// # Several messages
//
// [NewServer] serves a filter to as many MTAs as are wanted. [Server.Dial] connects
// one, and its [Conn.Run] may be called many times, as MTAs do with the messages
// of one client; the methods of [mta.Conn] go stage by stage:
//
//	srv := miltertest.NewServer(t, filter)
//	conn := srv.Dial(t)
//	conn.Run(t, first).AssertAccepted(t)
//	conn.Run(t, second).AssertTempFailed(t)
//
// The server is closed when the test ends, and fails it when a session did not
// end or a goroutine that a handler started is left.
//
// # Several MTAs
//
// [TestFilter] shows that a filter does the same on every MTA, when clients leave
// in the middle of a message, and beside lanes that fail:
//
//	func TestConformance(t *testing.T) {
//		miltertest.TestFilter(t, tagger.New("[ext]"))
//	}
//
// The MTAs that it plays are [Personalities]: [Postfix] and [Sendmail] with the
// quirks that were measured with the real ones, of several versions, without this
// or that. [As] runs a test on one of them:
//
//	for _, mta := range miltertest.Personalities() {
//		miltertest.Run(t, filter, msg, miltertest.As(mta)).AssertAccepted(t)
//	}
//
// [Plain] is an MTA with no [Quirk] at all, and [Personality.With] puts one on,
// to see which it is that a filter stumbles over.
//
// # Without a test
//
// In an Example, or in a program, [ExampleT] stands for the test.
//
// # What a test sees
//
// It is the real [framework.Server] that runs, over a connection in memory, and
// wire/mta plays the MTA: the options [MTA] and [Configure] set up either side.
// Bytes that were lent to a handler, such as a body chunk, are overwritten with
// 0xDB once it has returned, so that a filter that keeps them is found out.
// When a test fails, the traffic and the log of its servers are shown.
//
// [Result.Transcript] is the traffic as text. It does not change from run to run
// and so suits golden files; how those are kept is left to the user, because a
// library has no business with a test's flags.
//
// # Time
//
// The connections wait in a way that testing/synctest understands. In a bubble,
// filters that wait, deadlines and progress reports are tested without waiting:
//
//	synctest.Test(t, func(t *testing.T) {
//		res := miltertest.Run(t, slow, msg, miltertest.Configure(func(c *framework.Config) {
//			c.HandlerTimeout = 25 * time.Second
//		}))
//		res.AssertTempFailed(t)
//	})
//
// Only an MTA that goes away while a handler runs is noticed later than on a
// socket: not before the next progress report.
package miltertest
