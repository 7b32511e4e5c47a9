package framework_test

import (
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// compiler type-checks snippets against the framework that the go command
// compiled.
type compiler struct {
	mu   sync.Mutex
	fset *token.FileSet
	imp  types.Importer
}

func newCompiler(t *testing.T) *compiler {
	t.Helper()
	fset := token.NewFileSet()
	built := func(path string) (io.ReadCloser, error) {
		file, err := exec.CommandContext(t.Context(), "go", "list", "-export", "-f", "{{.Export}}", path).Output()
		if err != nil {
			return nil, err
		}
		return os.Open(strings.TrimSpace(string(file)))
	}
	c := &compiler{fset: fset, imp: importer.ForCompiler(fset, "gc", built)}
	require.Empty(t, c.errors(t, ""), "while the test and its context last")
	return c
}

// errors returns the type errors of statements in a function that has a router
// r, a session s and an event h of the stage Header.
func (c *compiler) errors(t *testing.T, statements string) []string {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	src := "package p\n\nimport . \"github.com/sluicemail/sluice/framework\"\n\n" +
		"func _(r *Router, s *Session, h *Header) {\n" + statements + "\n}\n"
	file, err := parser.ParseFile(c.fset, "snippet.go", src, 0)
	require.NoError(t, err)
	var errs []string
	conf := types.Config{Importer: c.imp, Error: func(err error) { errs = append(errs, err.Error()) }}
	_, _ = conf.Check("p", c.fset, []*ast.File{file}, nil)
	return errs
}

// The type checker rejects filters that request what the protocol does not
// allow.
func TestMisuseDoesNotCompile(t *testing.T) {
	t.Parallel()
	c := newCompiler(t)
	tests := []struct {
		name, code string
		want       string // in the one error; "" where the code is right
	}{
		{name: "all of it right", code: `
			add, change := r.GrantAddHeader(Optional()), r.GrantChangeHeader()
			seen := PerMessage[int](r)
			r.ObserveHeader(func(s *Session, h *Header) error { *seen.Get(s)++; return change.Delete(s, h.Handle()) })
			r.OnEndOfMessage(func(s *Session, _ *EndOfMessage) (Verdict, error) { return Continue, add.Append(s, "X", "y") })
			r.OnRcpt(func(*Session, *Rcpt) (Verdict, error) { return Reply(550, "5.7.1", "no") })
			r.Use(func(rt *Route, next Handler) Handler { return next })`},
		{
			name: "an observer passed to On",
			code: `r.OnHeader(func(*Session, *Header) error { return nil })`,
			want: "in argument to r.OnHeader",
		},
		{
			name: "a handler that answers passed to Observe",
			code: `r.ObserveHeader(func(*Session, *Header) (Verdict, error) { return Reject, nil })`,
			want: "in argument to r.ObserveHeader",
		},
		{
			name: "a handler of another stage",
			code: `r.OnMail(func(*Session, *Rcpt) (Verdict, error) { return Continue, nil })`,
			want: "in argument to r.OnMail",
		},
		{
			name: "a recipient that is refused already, answered",
			code: `r.OnRcpt(func(*Session, *RejectedRcpt) (Verdict, error) { return Continue, nil })`,
			want: "in argument to r.OnRcpt",
		},
		{
			name: "an end of message that is only observed",
			code: `r.ObserveEndOfMessage(func(*Session, *EndOfMessage) error { return nil })`,
			want: "r.ObserveEndOfMessage undefined",
		},
		{
			name: "an abort that is answered",
			code: `r.ObserveAbort(func(*Session, *Abort) (Verdict, error) { return Reject, nil })`,
			want: "in argument to r.ObserveAbort",
		},
		{
			name: "a header added without a grant",
			code: `s.AddHeader("X", "y")`,
			want: "s.AddHeader undefined",
		},
		{
			name: "a header changed with the grant to add",
			code: `add := r.GrantAddHeader(); _ = add.Change(s, h.Handle(), "x")`,
			want: "add.Change undefined",
		},
		{
			name: "a grant made by hand with an action",
			code: `_ = HeaderAdder{1}`,
			want: "implicit assignment to unexported field grant",
		},
		{
			name: "an event where a handle is wanted",
			code: `change := r.GrantChangeHeader(); _ = change.Delete(s, h)`,
			want: "cannot use h (variable of type *framework.Header) as framework.HeaderHandle",
		},
		{
			name: "an index where a handle is wanted",
			code: `change := r.GrantChangeHeader(); _ = change.Delete(s, 1)`,
			want: "as framework.HeaderHandle",
		},
		{
			name: "a name where a macro is wanted",
			code: `v, _ := Macro("i").Value(s); _ = v`,
			want: "cannot convert",
		},
		{
			name: "the option of a lane given to a grant",
			code: `r.GrantAddHeader(FailOpen())`,
			want: "as framework.GrantOption value in argument to r.GrantAddHeader",
		},
		{
			name: "the option of a grant given to a lane",
			code: `r.Mount(nil, Optional())`,
			want: "as framework.LaneOption value in argument to r.Mount",
		},
		{
			name: "a slot of another type",
			code: `n := PerMessage[int](r); var _ *string = n.Get(s)`,
			want: "cannot use n.Get(s) (value of type *int) as *string",
		},
		{
			name: "a reply whose error is dropped",
			code: `var _ Verdict = Reply(550, "", "no")`,
			want: "in single-value context",
		},
		{
			name: "an event of one's own",
			code: `type mine struct{ Event }; var _ Event = mine{}; type own struct{}; var _ Event = own{}`,
			want: "own does not implement framework.Event",
		},
		{
			name: "an SMTP code for a verdict",
			code: `r.OnMail(func(*Session, *Mail) (Verdict, error) { return 550, nil })`,
			want: "cannot use 550",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			errs := c.errors(t, tt.code)
			if tt.want == "" {
				assert.Empty(t, errs)
				return
			}
			require.Len(t, errs, 1)
			assert.Contains(t, errs[0], tt.want)
		})
	}
}
