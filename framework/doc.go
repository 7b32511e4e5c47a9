// Package framework is for writing mail filters (milters): programs that
// Postfix and Sendmail ask, over a socket, what to do with each message.
//
// A filter registers handlers on a [Router], stage by stage, and asks for what else
// it needs: grants to modify mail, macros, state. The MTA is asked for that and for
// nothing else, so nothing else costs time:
//
//	r := framework.NewRouter()
//	add := r.GrantAddHeader()
//	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
//		return framework.Continue, add.Append(s, "X-Seen", "yes")
//	})
//	if err := framework.Run("inet:9000@127.0.0.1", r); err != nil {
//		log.Fatal(err) // nil after SIGTERM, which is no failure
//	}
//
// # Handlers
//
// On… registers a handler that answers, Observe… one that never does, so that the
// MTA does not wait for it. A handler gets the [Session] and an event, and returns a
// [Verdict] and an error; an observer returns an error only. An error or a panic
// refuses the message with 451, or with 554 if the error is [Permanent], unless the
// filter was mounted with another policy. It is never lost: if the MTA does not wait for
// an answer, the next stage that answers gives it.
//
// The handlers of one session run one after the other, those of different sessions at
// the same time. So what sessions share, such as a filter's tables, needs a lock. What
// belongs to one message or session is kept in a [Slot].
//
// What takes long, such as asking a server, may run beside the session while the MTA
// sends the rest of the message: see [Async] and [Router.BeforeEndOfMessage].
//
// # Modifications
//
// The right to modify mail is a value that the router hands out at registration, such
// as [HeaderAdder]. A handler may ask for modifications from the stage Mail on. They
// are sent at the end of the message, unless it is refused.
//
// # Lanes
//
// [Router.Mount] puts filters behind each other in one process, as if each were a
// milter in the MTA's list.
//
// # Serving
//
// [Run] does all that a daemon needs. [NewServer] and [Listen] are the pieces.
// [Router.Plan] returns what is asked of the MTA, with the cause of each bit.
package framework
