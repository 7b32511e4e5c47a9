package wire

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// Macro is SMFIC_MACRO: the macros that belong to the command that follows.
//
// MTAs are known to send a name without its value at the end, and macros for
// commands that were never to be sent. Neither is an error here.
type Macro struct {
	// For is the command that the macros belong to.
	For CommandCode
	// List holds names and values in turn, each ended by NUL, as they came.
	List []byte
}

// CommandCode implements [Command].
func (*Macro) CommandCode() CommandCode { return CmdMacro }

// Decode implements [Command].
func (m *Macro) Decode(data []byte) error {
	c := cursor{rest: data, name: CmdMacro}
	*m = Macro{For: CommandCode(c.byte()), List: c.rest}
	return c.err
}

// Encode implements [Command].
func (m *Macro) Encode(dst []byte) ([]byte, error) {
	e := encode(dst, byte(CmdMacro), CmdMacro.String())
	e.raw([]byte{byte(m.For)})
	e.raw(m.List)
	return e.done()
}

// String implements [Command].
func (m *Macro) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v for %v", CmdMacro, m.For)
	for name, value := range Macros(m.List) {
		b.WriteByte(' ')
		b.WriteString(readable(name))
		fmt.Fprintf(&b, "=%q", value)
	}
	return b.String()
}

// readable returns a macro's name as it is, or quoted where a peer put
// something in it that does not belong there.
func readable(name []byte) string {
	for _, b := range name {
		if b <= ' ' || b > '~' || b == '=' {
			return strconv.Quote(string(name))
		}
	}
	return string(name)
}

// AppendMacro appends a macro to a list as it travels in [Macro]. A NUL ends
// the name or the value, so that neither can pass for another macro.
func AppendMacro(list []byte, name, value string) []byte {
	name, _, _ = strings.Cut(name, "\x00")
	value, _, _ = strings.Cut(value, "\x00")
	list = append(append(list, name...), 0)
	return append(append(list, value...), 0)
}

// Macros walks through a list as it travels in [Macro]. A value that is
// missing at the end is empty, and so is one that lacks its NUL cut there.
func Macros(list []byte) func(yield func(name, value []byte) bool) {
	return func(yield func(name, value []byte) bool) {
		for len(list) > 0 {
			var name, value []byte
			name, list, _ = bytes.Cut(list, []byte{0})
			value, list, _ = bytes.Cut(list, []byte{0})
			if !yield(name, value) {
				return
			}
		}
	}
}

// LookupMacro returns the value of the macro called name in a list as it
// travels in [Macro]. Braces are left out of the comparison on both sides, and
// the first macro of that name wins. It allocates nothing.
func LookupMacro(list []byte, name string) (value []byte, ok bool) {
	name = bare(name)
	for len(list) > 0 {
		var n, v []byte
		n, list, _ = bytes.Cut(list, []byte{0})
		v, list, _ = bytes.Cut(list, []byte{0})
		if string(bare(n)) == name {
			return v, true
		}
	}
	return nil, false
}

func bare[T string | []byte](name T) T {
	if n := len(name); n > 2 && name[0] == '{' && name[n-1] == '}' {
		return name[1 : n-1]
	}
	return name
}
