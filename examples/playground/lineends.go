package main

import "io"

// lineEnds turns each CR CR LF of a message's content into CR LF, whatever the number of
// CR. Postfix does the same, so that the content may end with CR CR LF . CR LF. The SMTP
// server would wait for another end. Other CR stay.
type lineEnds struct {
	inContent bool
	crs       int    // CR that were read, and that no other byte has followed
	out       []byte // what was read and not yet returned
}

// begin begins the content with what arrived of it together with the command DATA, before
// the server's reply.
func (l *lineEnds) begin(content []byte) {
	l.inContent = true
	for _, c := range content {
		l.add(c)
	}
}

// read reads from r into p as [io.Reader] does.
func (l *lineEnds) read(r io.Reader, p []byte) (int, error) {
	for len(l.out) == 0 {
		if !l.inContent && l.crs == 0 {
			return r.Read(p)
		}
		in := make([]byte, len(p))
		n, err := r.Read(in)
		for _, c := range in[:n] {
			l.add(c)
		}
		if err != nil && len(l.out) == 0 {
			return 0, err
		}
	}
	n := copy(p, l.out)
	l.out = l.out[n:]
	return n, nil
}

// add adds a byte that was read.
func (l *lineEnds) add(c byte) {
	if c == '\r' {
		l.crs++
		return
	}
	if c == '\n' {
		l.crs = min(l.crs, 1)
	}
	for ; l.crs > 0; l.crs-- {
		l.out = append(l.out, '\r')
	}
	l.out = append(l.out, c)
}
