package printable

import (
	"context"
	"encoding"
	"encoding/json"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"
)

// handler is what Handler returns.
type handler struct{ next slog.Handler }

// Handler returns a handler that passes lines to next, with everything escaped that
// [Text] escapes: the message, and the keys and values of attributes, also in groups. A
// line that needs no escapes is passed unchanged. A value that is no string becomes one if
// any form in which handlers show it needs an escape: its text by package fmt (%v and %+v),
// its JSON, the result of its MarshalText, or its bytes as a text. An error becomes its
// text.
//
// The handlers of log/slog alone do not suffice: slog.JSONHandler writes all characters
// from U+007F on as they are, except U+2028 and U+2029. If next is the result of Handler,
// Handler returns it.
func Handler(next slog.Handler) slog.Handler {
	if h, ok := next.(*handler); ok {
		return h
	}
	return &handler{next}
}

// Enabled implements slog.Handler.
func (h *handler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.next.Enabled(ctx, level)
}

// Handle implements slog.Handler.
func (h *handler) Handle(ctx context.Context, line slog.Record) error {
	clean := Text(line.Message) == line.Message
	if clean {
		line.Attrs(func(a slog.Attr) bool {
			_, changed := attr(a)
			clean = !changed
			return clean
		})
	}
	if !clean {
		line = escaped(&line)
	}
	return h.next.Handle(ctx, line)
}

// WithAttrs implements slog.Handler.
func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	attrs, _ = list(attrs)
	return &handler{h.next.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (h *handler) WithGroup(name string) slog.Handler {
	return &handler{h.next.WithGroup(Text(name))}
}

// escaped returns a copy of a line with everything escaped.
func escaped(line *slog.Record) slog.Record {
	out := slog.NewRecord(line.Time, line.Level, Text(line.Message), line.PC)
	line.Attrs(func(a slog.Attr) bool {
		a, _ = attr(a)
		out.AddAttrs(a)
		return true
	})
	return out
}

// list returns attributes in their escaped form, and whether that differs. It does not
// change the slice.
func list(attrs []slog.Attr) (out []slog.Attr, changed bool) {
	out = attrs
	for i, a := range attrs {
		safe, differs := attr(a)
		if !differs {
			continue
		}
		if !changed {
			out, changed = append([]slog.Attr(nil), attrs...), true
		}
		out[i] = safe
	}
	return out, changed
}

// attr returns an attribute in its escaped form, and whether that differs.
func attr(a slog.Attr) (safe slog.Attr, changed bool) {
	key := Text(a.Key)
	v, changed := value(a.Value)
	return slog.Attr{Key: key, Value: v}, changed || key != a.Key
}

// value returns a value in its escaped form, and whether that differs.
func value(v slog.Value) (safe slog.Value, changed bool) {
	switch v.Kind() {
	case slog.KindString:
		text := Text(v.String())
		return slog.StringValue(text), text != v.String()
	case slog.KindGroup:
		group, changed := list(v.Group())
		return slog.GroupValue(group...), changed
	case slog.KindLogValuer:
		v, _ = value(v.Resolve())
		return v, true
	case slog.KindAny:
		return anyValue(v)
	default:
		return v, false
	}
}

// anyValue is value for the types that slog has no kind for.
func anyValue(v slog.Value) (safe slog.Value, changed bool) {
	switch x := v.Any().(type) {
	case nil:
		return v, false
	case Lines:
		return slog.StringValue(escape(string(x), "\n\t")), true
	case []string:
		return stringsValue(v, x)
	default:
		shown := forms(x)
		if !slices.ContainsFunc(shown, func(text string) bool { return Text(text) != text }) {
			return v, false
		}
		return slog.StringValue(Text(shown[0])), true
	}
}

func stringsValue(v slog.Value, texts []string) (safe slog.Value, changed bool) {
	out := make([]string, len(texts))
	for i, text := range texts {
		out[i] = Text(text)
		changed = changed || out[i] != text
	}
	if !changed {
		return v, false
	}
	return slog.AnyValue(out), true
}

// forms returns the texts by which handlers show a value, the one that replaces it first.
// They differ: package fmt shows fields that JSON omits, and each method may show something
// else.
func forms(x any) []string {
	var texts []string
	_, isError := x.(error)
	_, isStringer := x.(fmt.Stringer)
	if isError || isStringer {
		texts = append(texts, fmt.Sprint(x)) // which recovers from a panic of the method
	}
	if v := reflect.ValueOf(x); v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Uint8 {
		texts = append(texts, string(v.Bytes())) // as slog.TextHandler shows bytes
	}
	texts = appendText(texts, x)
	if _, ok := x.(json.Marshaler); ok || !isError { // handlers show no JSON of other errors
		texts = appendJSON(texts, x)
	}
	if _, ok := x.(fmt.Formatter); ok || !isError { // %+v of another error is its text
		texts = append(texts, fmt.Sprintf("%+v", x))
	}
	return texts
}

// appendText appends the result of MarshalText, if x has the method and it does not fail.
func appendText(texts []string, x any) (all []string) {
	defer recovered(&all, texts)
	if m, ok := x.(encoding.TextMarshaler); ok {
		if text, err := m.MarshalText(); err == nil {
			return append(texts, string(text))
		}
	}
	return texts
}

// appendJSON appends the JSON of a value, if it has any.
func appendJSON(texts []string, x any) (all []string) {
	defer recovered(&all, texts)
	var buffer strings.Builder
	e := json.NewEncoder(&buffer)
	e.SetEscapeHTML(false)
	if e.Encode(x) != nil {
		return texts
	}
	return append(texts, strings.TrimSuffix(buffer.String(), "\n"))
}

// recovered recovers from a panic of a value's own method, as the handlers of log/slog do.
// The value then has no such text.
func recovered(all *[]string, texts []string) {
	if recover() != nil {
		*all = texts
	}
}
