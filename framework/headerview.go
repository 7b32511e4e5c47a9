package framework

// HeaderView shows the fields of a header otherwise than they are: unfolded and
// decoded, for instance. Middleware puts it before the handlers that it wraps;
// nothing changes in the mail. See [Header.SetView].
//
// Its methods are called when a handler asks, at most once for each event.
type HeaderView interface {
	// Name returns the name to show for the one that the message has.
	Name(raw string) string
	// Value returns the value to show for the one that the message has,
	// which is as [Header.Value] returns it without a view. With an error,
	// which [Header.Problem] returns, it is what can be shown all the same.
	Value(raw string) (string, error)
}

// SetView has Name and Value show the field through a view, for the handlers
// that are called with the event from here on; nil takes the view away. RawName
// and Raw show it as it is.
func (e *Header) SetView(v HeaderView) {
	e.view, e.viewed = v, view{}
}

// View returns the view that is set, or nil.
func (e *Header) View() HeaderView { return e.view }

// Problem returns what keeps the view from showing the value in full, such as an
// unknown charset, or nil.
func (e *Header) Problem() error {
	_ = e.Value()
	return e.viewed.problem
}

// view is what a view made of the field, as far as it was asked.
type view struct {
	name, value   string
	named, valued bool
	problem       error
}

func (e *Header) viewName() string {
	if !e.viewed.named {
		e.viewed.name, e.viewed.named = e.view.Name(e.RawName()), true
	}
	return e.viewed.name
}

func (e *Header) viewValue() string {
	if !e.viewed.valued {
		e.viewed.valued = true
		e.viewed.value, e.viewed.problem = e.view.Value(e.plainValue())
	}
	return e.viewed.value
}
