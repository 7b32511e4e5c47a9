// Package replay plays recorded mail to a changed filter, and says what the filter would do
// differently.
//
// The records are those of framework/inspect: [record.Open] reads them from a file or a folder.
// [Run] replays them and sums up, [Play] replays one:
//
//	dial, err := replay.Address("inet:9000@127.0.0.1", 10*time.Second)
//	…
//	summary, err := replay.Run(ctx, replay.Config{Dial: dial}, record.Open("/var/lib/sluiced/mail"), func(r *replay.Result) error {
//		fmt.Print(r.Text())
//		return nil
//	})
//
// miltertest.Replay does so in a test. No mail is sent: the package plays the MTA, and throws
// the messages away.
//
// # What is played
//
// Each record is played on a connection of its own, so a filter has no state of earlier
// messages. The package makes the offer of the recorded MTA, and sends its commands in their
// order and byte by byte: client, HELO, envelope with the ESMTP arguments, header and body in
// the recorded chunks, several transactions, aborts, and macros as often as they came. It sends
// only what the new filter negotiates. Where the new filter requests other macros than the
// recorded one, it gets those whose values the record tells. A leading space of a header value
// is sent if it was negotiated now. Recipients that the MTA itself refused are sent to a filter
// that negotiates SMFIP_RCPT_REJ.
//
// The filter decides how the conversation goes on, as it does with an MTA: after a refusal
// of a message the rest of it is not sent, and a message without a recipient ends before its
// content.
//
// With Config.MTA another MTA plays: it takes the client, the envelope, the header, the body,
// the queue identifier and the macros of the client from the record, and has its own offer,
// order, macros and quirks.
//
// # What is compared
//
//   - The verdict, and the stage of a refusal. An accept before the end of the message is the
//     same as one at its end.
//   - The reply to the client, code and text.
//   - The recipients that the filter refused, with their replies. Their order does not matter.
//   - The message that the MTA delivers after the modifications: header fields with their
//     order, body, sender, recipients, and the reason of a quarantine. Modifications with the
//     same result are the same. [Treatment.Edits] lists them in words. If the record lacks the
//     header or the recipients, because neither filter asks for them, the modifications of
//     those are compared instead.
//   - Whether the filter fails. It also fails if it closes the connection, or answers, where the
//     recorded client left the message and the MTA waits for nothing.
//   - The plan, which is what the filters negotiated. It is told apart, and is no difference of
//     a message. Stages that were sent for the record only do not count: see Complete of package
//     inspect.
//
// Both filters' modifications are applied as the MTA does: those of the recorded filter as the
// recorded MTA, those of the new one as the MTA that is played. So another MTA may be a reason
// for a difference, such as the place of a new field.
//
// What depends on the time, on chance or on other servers differs by nature: a date in a new
// field, t= and b= of a signature, greylisting, an answer of the DNS. Config.Fields and
// Config.Replies leave it out.
//
// # What cannot be replayed
//
// If the new filter asks for what was not recorded, the result says so in
// [Result.NotReplayable], and nothing is compared. Examples are a stage that the recorded
// filter had declined, a body that the recorder did not keep, a macro of which the record does
// not tell whether it had a value, the rest of a message that the recorded filter had accepted
// early, and a record that was cut. A filter that decides before it needs what is missing is
// compared.
//
// Some records do not tell whether something was there at all: see Config.Assume.
//
// If the recorded filter refused a message and the new one does not refuse it there, that is a
// difference with the verdict [GoesOn]. The rest of the message was not recorded.
package replay
