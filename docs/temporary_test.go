package docs_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestTemporaryReplies checks that the page on errors explains each temporary reply that
// the repository's code gives, and no other.
func TestTemporaryReplies(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("explanation/errors-and-deferred-verdicts.md")
	require.NoError(t, err)
	assert.ElementsMatch(t, givenReplies(t), explainedReplies(string(page)))
}

// explainedReplies returns a line "file: reply" for each file in each row of the table.
func explainedReplies(page string) (all []string) {
	row := regexp.MustCompile("^\\| `(45\\d(?: 4\\.\\d+\\.\\d+)?|TempFail)` \\| (.+?) \\| .+ \\| .+ \\|$")
	link := regexp.MustCompile(`\]\(\.\./\.\./([^)]+)\)`)
	for line := range strings.Lines(page) {
		cells := row.FindStringSubmatch(strings.TrimSpace(line))
		if cells == nil {
			continue
		}
		for _, file := range link.FindAllStringSubmatch(cells[2], -1) {
			all = append(all, file[1]+": "+cells[1])
		}
	}
	return all
}

// givenReplies returns a line "file: reply" for each temporary reply that a file gives.
func givenReplies(t *testing.T) (all []string) {
	t.Helper()
	for _, dir := range []string{"framework", "middleware", "contrib", "examples"} {
		err := filepath.WalkDir(filepath.Join("..", dir), func(path string, entry fs.DirEntry, err error) error {
			switch name := entry.Name(); {
			case err != nil:
				return err
			case entry.IsDir() && (name == "benchmarks" || name == "testdata" || name == "pagetest"):
				return filepath.SkipDir
			case !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
				return nil
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			for _, reply := range temporaryReplies(file) {
				all = append(all, strings.TrimPrefix(filepath.ToSlash(path), "../")+": "+reply)
			}
			return nil
		})
		require.NoError(t, err)
	}
	return all
}

// temporaryReplies returns the temporary replies in a file, each once.
func temporaryReplies(file *ast.File) []string {
	var all []string
	add := func(code, status ast.Expr) {
		if reply, ok := literal(code, token.INT); ok && len(reply) == 3 && reply[0] == '4' {
			if text, ok := literal(status, token.STRING); ok {
				reply += " " + text
			}
			all = append(all, reply)
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			if called, ok := n.Fun.(*ast.Ident); ok && called.Name == "failureVerdict" {
				all = append(all, "451 4.3.0")
			}
			if len(n.Args) > 1 {
				add(n.Args[0], n.Args[1])
			}
		case *ast.BinaryExpr:
			return n.Op != token.EQL && n.Op != token.NEQ // a comparison gives no reply
		case *ast.KeyValueExpr:
			add(n.Value, nil)
		case *ast.AssignStmt:
			add(n.Rhs[0], nil)
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok && x.Name == "framework" && n.Sel.Name == "TempFail" {
				all = append(all, "TempFail")
			}
		}
		return true
	})
	slices.Sort(all)
	return slices.Compact(all)
}

// literal returns the value of a literal of a kind.
func literal(e ast.Expr, kind token.Token) (string, bool) {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != kind {
		return "", false
	}
	if text, err := strconv.Unquote(lit.Value); err == nil {
		return text, true
	}
	return lit.Value, true
}
