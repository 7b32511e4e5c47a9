package miltertest

import (
	"slices"

	"github.com/sluicemail/sluice/wire/mta"
)

// most bounds how many places of a message are tried.
const most = 12

// abort leaves each message after each of its events, and sends another; and
// leaves the connection there.
func (s *suite) abort(t T) {
	t.Helper()
	last := s.msgs[0]
	for _, p := range []Personality{Postfix(), Sendmail()} {
		for i, msg := range s.msgs {
			for _, events := range spread(eventsOf(msg)) {
				got, left := s.afterLeaving(t, p, msg, events)
				if !left { // the filter's last word came before
					break
				}
				want := s.answer(t, following(msg, last), As(p))
				if !equal(t, want, got, "on %s, message %d was left after %d events, and another sent", p.Name, i, events) {
					return
				}
			}
		}
	}
}

// following returns a message that the client of the first could send after it.
func following(first, msg *mta.Message) *mta.Message {
	m := *msg
	m.Client, m.Helo = first.Client, first.Helo
	return &m
}

// afterLeaving sends a part of a message and hangs up, and then a part of it and
// another message on one connection. It reports whether the part was one.
func (s *suite) afterLeaving(t T, p Personality, msg *mta.Message, events int) (a answer, left bool) {
	t.Helper()
	srv := s.serve(t, As(p))
	defer srv.Close(t)
	broken, conn := srv.Dial(t), srv.Dial(t)
	for _, c := range []*Conn{broken, conn} {
		ended, err := c.SendPart(t.Context(), msg, events)
		if err != nil {
			return answer{"the filter failed: " + err.Error(), srv}, true
		}
		if ended {
			return answer{}, false
		}
	}
	_ = broken.Flush(t.Context()) // the filter may have hung up after its last word
	_ = broken.Close()
	a = conn.ask(t, following(msg, s.msgs[0]))
	_ = conn.Quit(t.Context())
	return a, true
}

// eventsOf returns how many events a message has before its end.
func eventsOf(msg *mta.Message) int {
	const others = 3 // MAIL, DATA and the end of the header
	n := others + len(msg.Recipients) + len(msg.Header)
	if len(msg.Body) > 0 {
		n++
	}
	return n
}

// cut cuts each body at each place, and into single bytes.
func (s *suite) cut(t T) {
	t.Helper()
	for i, msg := range s.msgs {
		want := s.answer(t, msg)
		for _, cuts := range waysToCut(msg.Body) {
			m := *msg
			m.Cuts = cuts
			if !equal(t, want, s.answer(t, &m), "message %d, its body cut at %v", i, cuts[:min(len(cuts), 10)]) {
				break
			}
		}
	}
}

// waysToCut returns lists of places: all of a short body, some of a long one.
func waysToCut(body []byte) (ways [][]int) {
	if len(body) < 2 {
		return nil
	}
	for _, at := range spread(len(body) - 1) {
		if at > 0 {
			ways = append(ways, []int{at})
		}
	}
	for i, b := range body {
		if b == '\r' && len(ways) < 4*most { // in the middle of a line end, and around it
			ways = append(ways, []int{i + 1}, []int{i, i + 1, i + 2})
		}
	}
	const short = 4 << 10
	all := make([]int, 0, short)
	for at := 1; at < min(len(body), short); at++ {
		all = append(all, at)
	}
	return append(ways, all)
}

// spread returns the numbers from 0 to n, or some of them evenly spread.
func spread(n int) (list []int) {
	for i := range min(n, most) + 1 {
		list = append(list, i*n/max(min(n, most), 1))
	}
	return slices.Compact(list)
}
