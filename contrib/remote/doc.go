// Package remote lets a milter that runs elsewhere, or a pool of such milters, stand among
// the filters of a router. So filters can move to this framework one at a time, and those
// that stay where they are keep their place in the order.
//
//	opendkim, err := remote.New(remote.Config{
//		Name:      "opendkim",
//		Addresses: []string{"inet:8891@127.0.0.1"},
//	})
//	if err != nil {
//		return err
//	}
//	r.Mount(tagger)   // OpenDKIM signs what the tagger leaves
//	r.Mount(opendkim)
//
// # What the milter sees
//
// The package plays the MTA for the milter. The milter gets the stages, macros and bytes
// that the lane gets: behind a filter that edits, that is the edited message. Protocol
// versions 2 to 6 are supported.
//
// [Filter.Register] asks the milter what it wants, by a negotiation, and asks of the
// MTA for no more. The milter's answers become On… handlers, and the stages at which it
// does not answer become observers. Two things may open a stage that the milter declined:
// the framework needs the header for SMFIF_CHGHDRS, and the macros of a stage come with it.
// A milter that requests no macros gets those that Postfix and Sendmail send by default,
// which they do for declined stages, too: a milter may read {daemon_name} at the end of the
// message. The MTA does not wait at such a stage. To decline these macros, set Config.Wishes
// with lists of the macros that the milter needs. With SMFIF_CHGHDRS the lane also asks for SMFIF_ADDHDRS,
// because a change of a field that is not there adds it.
//
// The modifications are optional for the framework. The milter is offered those that the MTA
// of the session allows, and decides whether it can do without the others.
//
// If a milter wants more in a later negotiation, because it was started anew with another
// configuration, the MTA does not send what it wants. To filter without that would be wrong,
// so this is a failure, and its error says to restart the program. It may want less. A milter
// that wants more because the MTA lacks an action is not paused: it works for other MTAs.
//
// # Edits
//
// The milter's edits have the effect that they have on Postfix, whatever the MTA is. An index
// counts the fields as the milter has left them: those that it was shown, with its earlier edits
// of the message. The index of an insertion also counts the MTA's Received. The lane makes the
// edits on a list, and asks the framework for the difference by handles. There is one exception:
// a value that a message cannot have is mended by [message.CleanFieldValue], and not as Postfix
// mends it.
//
// # Failures
//
// A milter that cannot be reached, hangs, closes the connection, or breaks the protocol is a
// failure of the lane. Its policy decides, by default a refusal with 451 4.3.0:
// see [framework.FailClosed]. A message is never passed unfiltered unless [framework.FailOpen]
// says so.
//
// Before that, another connection is tried: to the next milter of the pool, or to the
// same if it is alone. The lane keeps what it has sent of the session and of the envelope, up
// to 64 KiB, and repeats it. If the new milter refuses what the first one accepted, the lane
// has failed, because the client already has the first answer. The content is not kept: a
// milter that fails after the first header field fails the message. The next message of the
// session gets another connection.
//
// A milter that fails in several sessions in a row is ejected for some time: see
// Config.EjectAfter. If all are, the lane fails at once.
//
// # Shadows
//
// With Config.Shadow the milter sees everything and changes nothing. What it decides and edits
// is compared with what another filter of the router did, and the differences are reported. So a
// new milter is tried on live mail, and an old one shows where its replacement differs:
//
//	old, err := remote.New(remote.Config{
//		Name:      "opendkim",
//		Addresses: []string{"inet:8891@127.0.0.1"},
//		Shadow:    &remote.Shadow{Of: "dkim"},
//	})
//	…
//	r.Mount(old)  // directly before the filter
//	r.Mount(dkim)
//
// The shadow sees what a filter at its place sees. Mount it directly before the other filter:
// both then see the same message. Behind it, the shadow would see the other's edits, and would
// miss the recipients and messages that the other refuses. If Shadow.Of is not mounted, the plan
// has an error. If it is in a dry run, it is compared by what it would have done.
//
// The handlers only observe, and ask for no modification. They hand each event to a goroutine of
// the session, and wait for the milter at no stage. The comparison comes when the milter
// has answered, which may be after the mail server has its answer, and even after the session. A
// shadow therefore delays no mail. It costs a copy of the message in memory until the milter has
// read it, and the connection and the work of the milter. Shadow.MaxQueued bounds the memory of
// all sessions. A message that finds no room is skipped, not delayed.
//
// No failure touches mail, whatever the shadow is mounted with: the handlers return no error, and
// the shadow asks for [framework.Router.FailOpen] itself, so that a message that exceeds a limit
// of the server goes on without the shadow. A milter that is away, hangs or breaks the protocol
// is reported, with Difference.Err, and is ejected like any other. A session whose CONNECT or
// HELO fails is not shadowed any more.
//
// The two decide the same if both let the message pass, by Continue or Accept, or if both refuse
// with the same reply at the same stage. A session that the other filter refuses at CONNECT or
// HELO has no message, and nothing is compared. Edits are compared by their effect, with
// Shadow.Normalize for what does not matter. [Filter.ShadowStats] has counts for metrics.
//
// # What it costs
//
// Each SMTP session takes a connection to the milter. It is kept for a later session
// (SMFIC_QUIT_NC) if Config.MaxIdle says so. At each stage that the milter answers, the
// message waits for it as it would behind the MTA, plus one hop. Commands that it does not
// answer are sent together with the next one that it does, or every 16 KiB.
//
// If the milter may edit the header, the framework keeps it. The body is not kept, unless
// an earlier filter may replace it. The milter's modifications of a message are in memory,
// a new body included: see Config.MaxEdits.
package remote
