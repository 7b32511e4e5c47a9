package miltertest

import "github.com/sluicemail/sluice/wire/mta"

// abort disconnects, or aborts the message, after each of its events, and then
// sends another message.
func (s *suite) abort(t T) {
	t.Helper()
	last := s.msgs[0]
	for _, p := range []Personality{Postfix(), Sendmail()} {
		for i, msg := range s.msgs {
			for _, events := range spread(eventCount(msg)) {
				got, left := s.answerAfterAbort(t, p, msg, events)
				if !left { // the message was over before that event
					break
				}
				want := s.answer(t, fromSameClient(msg, last), As(p))
				if !equal(t, want, got, "on %s, the answer to a message differs after message %d was aborted after %d events", p.Name, i, events) {
					return
				}
			}
		}
	}
}

// answerAfterAbort sends the first events of a message and closes the
// connection. On a second connection it sends the same events, aborts the
// message and returns the answer to another message. left is false if the
// message was over before that many events.
func (s *suite) answerAfterAbort(t T, p Personality, msg *mta.Message, events int) (a answer, left bool) {
	t.Helper()
	srv := s.serve(t, As(p))
	defer srv.Close(t)
	broken, conn := srv.Dial(t), srv.Dial(t)
	for _, c := range []*Conn{broken, conn} {
		ended, err := c.SendPart(t.Context(), msg, events)
		if err != nil {
			return answer{text: "the filter failed: " + err.Error(), srv: srv}, true
		}
		if ended {
			return answer{}, false
		}
	}
	_ = broken.Flush(t.Context()) // fails if the filter closed the connection after its final reply
	_ = broken.Close()
	a = send(t, conn, fromSameClient(msg, s.msgs[0]))
	_ = conn.Quit(t.Context())
	return a, true
}

// eventCount returns the number of events of a message before its end.
func eventCount(msg *mta.Message) int {
	const others = 3 // MAIL, DATA and end of header
	n := others + len(msg.Recipients) + len(msg.Header)
	if len(msg.Body) > 0 {
		n++
	}
	return n
}
