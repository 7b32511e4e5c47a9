// Package trial runs one message through filters in this process, as an MTA would, and says
// what the MTA would then do with the message:
//
//	result, err := trial.Run(ctx, router, trial.Config{}, trial.Message{
//		Client: netip.MustParseAddr("192.0.2.1"), ClientName: "mail.example.org",
//		From: "ann@example.org", Rcpts: []string{"bob@example.net"}, Text: file,
//	})
//
// The filters run in a [framework.Server]. The trial plays Postfix, or Sendmail, over a pair of
// connected sockets: it negotiates, sends the macros, the envelope, the header fields as the
// MTA sends them, and the body in chunks of 64 KiB, and applies the modifications as the MTA
// does. No mail leaves the process, and nothing listens.
//
// The MTA changes some messages before filters see them, and so does the trial: see
// [mta.Flavor.ReadMessage]. It adds no field of its own, such as Received. The whole
// message is in memory, several times: see Config.MaxSize.
package trial
