package framework

// recogniseByName learns from the macros of CONNECT whether they name an MTA that writes the
// values of new fields into the message as they are.
func (s *Session) recogniseByName(macros []byte) {
	stalwart := namedStalwart(macros)
	s.nego.stalwart = s.nego.stalwart || stalwart
	if stalwart || namedMaddy(macros) {
		s.content.book.CRLF = true
	}
}
