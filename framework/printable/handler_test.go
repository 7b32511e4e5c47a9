package printable_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/printable"
)

// hostile has a character of each kind that must not reach a terminal: C0, DEL, C1,
// bidi, zero width, a tag, a variation selector, a Hangul filler, a line separator, a
// private and an unassigned character, and a byte that is not UTF-8.
const hostile = "x\r\n\x1b[2J\x7f\u009b1m\u202e\u200b\U000e0041\ufe0f\u3164\u2028\ue000\u0378\xff"

// shown is hostile as it must appear.
const shown = `x\r\n\x1b[2J\x7f\u009b1m\u202e\u200b\U000e0041\ufe0f\u3164\u2028\ue000\u0378\xff`

type (
	named    string
	stringer struct{ text string }
	valuer   struct{ text string }
	exported struct{ Text string }
	failure  struct{ text string }
	panicky  struct{}
	hidden   struct{ text string }
	omitted  struct {
		Text string `json:"-"`
	}
	noJSON struct {
		C    chan int
		Text string
	}
	jsonError   struct{ text, json string }
	textError   struct{ text string }
	formatted   struct{ text string }
	namedBytes  []byte
	quietString struct{ Text string }
)

func (s stringer) String() string                { return s.text }
func (v valuer) LogValue() slog.Value            { return slog.GroupValue(slog.String("of", v.text)) }
func (f *failure) Error() string                 { return f.text }
func (e jsonError) Error() string                { return e.text }
func (e jsonError) MarshalJSON() ([]byte, error) { return json.Marshal(e.json) }
func (textError) Error() string                  { return "plain" }
func (e textError) MarshalText() ([]byte, error) { return []byte(e.text), nil }
func (formatted) Error() string                  { return "plain" }
func (f formatted) Format(s fmt.State, _ rune) {
	if s.Flag('+') {
		_, _ = io.WriteString(s, f.text)
		return
	}
	_, _ = io.WriteString(s, "plain")
}
func (quietString) String() string { return "plain" }

func (panicky) MarshalJSON() ([]byte, error) { panic("no JSON") }

// Whatever a logger is given, and wherever, nothing that needs an escape is written.
func TestHandler(t *testing.T) {
	t.Parallel()
	hostileText := hostile
	places := map[string]func(*slog.Logger){
		"message":             func(l *slog.Logger) { l.Info(hostile) },
		"key":                 func(l *slog.Logger) { l.Info("m", hostile, 1) },
		"string":              func(l *slog.Logger) { l.Info("m", "k", hostile) },
		"error":               func(l *slog.Logger) { l.Info("m", "k", errors.New(hostile)) },
		"wrapped error":       func(l *slog.Logger) { l.Info("m", "k", fmt.Errorf("at %w", &failure{hostile})) },
		"joined error":        func(l *slog.Logger) { l.Info("m", "k", errors.Join(io.EOF, &failure{hostile})) },
		"list":                func(l *slog.Logger) { l.Info("m", "k", []string{"a", hostile}) },
		"stringer":            func(l *slog.Logger) { l.Info("m", "k", stringer{hostile}) },
		"named string":        func(l *slog.Logger) { l.Info("m", "k", named(hostile)) },
		"struct":              func(l *slog.Logger) { l.Info("m", "k", exported{hostile}) },
		"pointer":             func(l *slog.Logger) { l.Info("m", "k", &hostileText) },
		"map":                 func(l *slog.Logger) { l.Info("m", "k", map[string]any{hostile: []any{hostile}}) },
		"raw JSON":            func(l *slog.Logger) { l.Info("m", "k", json.RawMessage(`"`+"\u202e\u009b"+`"`)) },
		"value that resolves": func(l *slog.Logger) { l.Info("m", "k", valuer{hostile}) },
		"group":               func(l *slog.Logger) { l.Info("m", slog.Group("g", slog.Group("h", "k", hostile))) },
		"name of a group":     func(l *slog.Logger) { l.Info("m", slog.Group(hostile, "k", 1)) },
		"added value":         func(l *slog.Logger) { l.With("k", hostile).Info("m") },
		"added error":         func(l *slog.Logger) { l.With("k", &failure{hostile}).Info("m") },
		"added group":         func(l *slog.Logger) { l.WithGroup(hostile).Info("m", "k", 1) },
		"hidden field":        func(l *slog.Logger) { l.Info("m", "k", hidden{hostile}) },
		"field without JSON":  func(l *slog.Logger) { l.Info("m", "k", omitted{hostile}) },
		"value without JSON":  func(l *slog.Logger) { l.Info("m", "k", noJSON{Text: hostile}) },
		"control in a struct": func(l *slog.Logger) { l.Info("m", "k", exported{"a\x1bb"}) },
		"error with JSON":     func(l *slog.Logger) { l.Info("m", "k", jsonError{hostile, "ok"}) },
		"error, its JSON":     func(l *slog.Logger) { l.Info("m", "k", jsonError{"ok", hostile}) },
		"error, its text":     func(l *slog.Logger) { l.Info("m", "k", textError{hostile}) },
		"error, formatted":    func(l *slog.Logger) { l.Info("m", "k", formatted{hostile}) },
		"stringer, its JSON":  func(l *slog.Logger) { l.Info("m", "k", quietString{hostile}) },
		"bytes":               func(l *slog.Logger) { l.Info("m", "k", []byte(hostile)) },
		"invisible bytes":     func(l *slog.Logger) { l.Info("m", "k", []byte("\u3164\ufe0f")) },
		"named bytes":         func(l *slog.Logger) { l.Info("m", "k", namedBytes("\u3164\ufe0f")) },
		"stack":               func(l *slog.Logger) { l.Info("m", "stack", printable.Lines("a:\n\tb "+hostile)) },
	}
	for name, write := range places {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for format, h := range handlers() {
				var out bytes.Buffer
				write(slog.New(printable.Handler(h(&out))))
				line := strings.TrimSuffix(out.String(), "\n")
				require.NotEmpty(t, line)
				for _, r := range line {
					assert.True(t, printable.Rune(r), "%s: %+q in %+q", format, r, line)
				}
				assert.NotContains(t, line, "\ufffd", format)
			}
		})
	}
}

// handlers returns the handlers to stand behind printable.Handler.
func handlers() map[string]func(io.Writer) slog.Handler {
	return map[string]func(io.Writer) slog.Handler{
		"text": func(w io.Writer) slog.Handler { return slog.NewTextHandler(w, nil) },
		"JSON": func(w io.Writer) slog.Handler { return slog.NewJSONHandler(w, nil) },
		"raw":  func(w io.Writer) slog.Handler { return &rawHandler{w: w} },
	}
}

// rawHandler writes everything as it is, as the handlers of some programs do. It escapes
// line ends in no place.
type rawHandler struct {
	w     io.Writer
	added []slog.Attr
	group string
}

func (*rawHandler) Enabled(context.Context, slog.Level) bool { return true }

func (h *rawHandler) Handle(_ context.Context, line slog.Record) error {
	text := line.Message
	for _, a := range h.added {
		text += " " + a.String()
	}
	line.Attrs(func(a slog.Attr) bool {
		if a.Key != "stack" { // which has lines
			text += " " + h.group + a.String()
		}
		return true
	})
	_, err := io.WriteString(h.w, text)
	return err
}

func (h *rawHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &rawHandler{h.w, append(h.added, attrs...), h.group}
}

func (h *rawHandler) WithGroup(name string) slog.Handler {
	return &rawHandler{h.w, h.added, h.group + name + "."}
}

// A JSON line is decoded to the same escapes.
func TestHandlerJSON(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := slog.New(printable.Handler(slog.NewJSONHandler(&out, nil)))
	log.Info("m", "text", hostile, "error", errors.New(hostile), "list", []string{hostile}, "stack", printable.Lines("a\n\tb"))
	var line struct {
		Text, Error, Stack string
		List               []string
	}
	require.NoError(t, json.Unmarshal(out.Bytes(), &line))
	assert.Equal(t, shown, line.Text)
	assert.Equal(t, shown, line.Error)
	assert.Equal(t, []string{shown}, line.List)
	assert.Equal(t, "a\n\tb", line.Stack)
}

// A line without such characters is passed as it is: values keep their types.
func TestHandlerKeeps(t *testing.T) {
	t.Parallel()
	var got []slog.Attr
	log := slog.New(printable.Handler(&keeper{got: &got}))
	values := []any{
		"größe 日本", int64(3), errors.New("plain"),
		[]string{"a"},
		exported{"b"},
		&failure{"c"},
		stringer{"d"},
		[]byte("f"),
		panicky{},
		nil, func() {},
	}
	for _, v := range values[:len(values)-1] {
		log.Info("m", "k", v)
	}
	for i, v := range values[:len(values)-1] {
		assert.Equal(t, v, got[i].Value.Any())
	}
	log.Info("m", "k", values[len(values)-1]) // has no JSON
	assert.Len(t, got, len(values))
	h := printable.Handler(slog.DiscardHandler)
	assert.Same(t, h, printable.Handler(h), "a handler is wrapped once")
	assert.False(t, h.Enabled(t.Context(), slog.LevelError))
}

// keeper keeps the attributes of lines.
type keeper struct {
	slog.Handler

	got *[]slog.Attr
}

func (*keeper) Enabled(context.Context, slog.Level) bool { return true }

func (k *keeper) Handle(_ context.Context, line slog.Record) error {
	line.Attrs(func(a slog.Attr) bool {
		*k.got = append(*k.got, a)
		return true
	})
	return nil
}

// Passing on a line that needs no escapes allocates nothing.
//
//nolint:paralleltest // memory is counted for the whole process
func TestHandlerAllocs(t *testing.T) {
	line := slog.Record{Message: "message"}
	line.AddAttrs(slog.String("a", "größe"), slog.Int("b", 1), slog.Any("c", errors.New("plain")))
	count := func(h slog.Handler) float64 {
		return testing.AllocsPerRun(100, func() { _ = h.Handle(t.Context(), line) })
	}
	assert.LessOrEqual(t, count(printable.Handler(slog.DiscardHandler)), count(slog.DiscardHandler)+2, "an error's text")
}
