package wire

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// Macro is SMFIC_MACRO: the macros for the command that follows.
//
// Some MTAs send a last name without a value, or macros for a command that they
// then do not send. Macro accepts both.
type Macro struct {
	// For is the command to which the macros belong.
	For CommandCode
	// List holds names and values in turn, each terminated by a NUL, as the
	// MTA sent them.
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
	e := newEncoder(dst, byte(CmdMacro), CmdMacro.String())
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
		b.WriteString(quoteMacroName(name))
		fmt.Fprintf(&b, "=%q", value)
	}
	return b.String()
}

// quoteMacroName returns a macro's name, quoted if it contains a character that
// would make the description ambiguous.
func quoteMacroName(name []byte) string {
	for _, b := range name {
		if b <= ' ' || b > '~' || b == '=' {
			return strconv.Quote(string(name))
		}
	}
	return string(name)
}

// AppendMacro appends a macro to a list in the form of [Macro].List. It cuts
// off the name and the value at a NUL, so that neither can add another macro.
func AppendMacro(list []byte, name, value string) []byte {
	name, _, _ = strings.Cut(name, "\x00")
	value, _, _ = strings.Cut(value, "\x00")
	list = append(append(list, name...), 0)
	return append(append(list, value...), 0)
}

// Macros returns an iterator over a list in the form of [Macro].List. A missing
// last value is empty. A last value without its NUL extends to the end of the
// list.
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

// LookupMacro returns the value of the first macro called name in a list in the
// form of [Macro].List. It ignores braces around either name. It does not
// allocate.
func LookupMacro(list []byte, name string) (value []byte, ok bool) {
	name = unbraced(name)
	for len(list) > 0 {
		var n, v []byte
		n, list, _ = bytes.Cut(list, []byte{0})
		v, list, _ = bytes.Cut(list, []byte{0})
		if string(unbraced(n)) == name {
			return v, true
		}
	}
	return nil, false
}

func unbraced[T string | []byte](name T) T {
	if n := len(name); n > 2 && name[0] == '{' && name[n-1] == '}' {
		return name[1 : n-1]
	}
	return name
}
