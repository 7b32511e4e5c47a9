package wire

// decodeAddress decodes the data that ChangeFrom and AddRcptPar have in common:
// an address and optional ESMTP arguments.
func decodeAddress(code ReplyCode, data []byte) (addr, args string, err error) {
	c := cursor{rest: data, name: code}
	addr = string(c.text())
	if len(c.rest) > 0 {
		args = string(c.text())
	}
	return addr, args, c.done()
}

func encodeAddress(dst []byte, code ReplyCode, addr, args string) ([]byte, error) {
	e := newEncoder(dst, byte(code), code.String())
	e.required(addr, "address")
	if args != "" {
		e.text(args)
	}
	return e.done()
}
