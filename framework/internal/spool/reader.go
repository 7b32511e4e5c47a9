package spool

import "io"

// Reader returns a reader over the bytes written so far. It also implements
// io.WriterTo. The spool must not be written to while the reader is in use.
// After Reset or Replace the reader returns [ErrGone].
func (s *Spool) Reader() io.Reader { return &reader{spool: s, age: s.age} }

type reader struct {
	spool *Spool
	age   uint64
	off   int64
}

// Read implements io.Reader.
func (r *reader) Read(p []byte) (int, error) {
	s := r.spool
	switch left := s.size - r.off; {
	case s.age != r.age:
		return 0, ErrGone
	case left <= 0:
		return 0, io.EOF
	default:
		p = p[:min(int64(len(p)), left)]
	}
	if s.file != nil {
		n, err := s.file.ReadAt(p, r.off)
		r.off += int64(n)
		if n < len(p) && err == io.EOF {
			err = io.ErrUnexpectedEOF // the file is shorter than what was written to it
		}
		return n, err
	}
	n := 0
	for n < len(p) {
		n += copy(p[n:], s.at(r.off+int64(n)))
	}
	r.off += int64(n)
	return n, nil
}

// WriteTo implements io.WriterTo. It writes bytes in memory without copying
// them.
func (r *reader) WriteTo(w io.Writer) (total int64, err error) {
	s := r.spool
	if s.file != nil {
		return io.Copy(w, struct{ io.Reader }{r})
	}
	for s.age == r.age && r.off < s.size {
		block := s.at(r.off)
		n, err := w.Write(block[:min(int64(len(block)), s.size-r.off)])
		r.off += int64(n)
		total += int64(n)
		if err != nil {
			return total, err
		}
	}
	if s.age != r.age {
		return total, ErrGone
	}
	return total, nil
}
