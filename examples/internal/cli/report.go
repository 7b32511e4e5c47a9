package cli

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"runtime/debug"

	"github.com/sluicemail/sluice/framework"
)

// Explain writes the router's plan in a format, "text" or "json".
func Explain(w io.Writer, r *framework.Router, format string) error {
	plan, err := r.Plan()
	if err != nil {
		return err
	}
	return ExplainPlan(w, plan, format)
}

// ExplainPlan writes a plan in a format, "text" or "json".
func ExplainPlan(w io.Writer, plan *framework.Plan, format string) error {
	if format == "text" {
		return plan.Explain(w)
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(plan)
}

// PrintVersion writes the program's name, the version of the module from which
// the program was built, and the version of Go that built it.
func PrintVersion(w io.Writer, name string) error {
	version, goVersion := "", "go unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		version, goVersion = info.Main.Version, info.GoVersion
	}
	_, err := fmt.Fprintln(w, name, cmp.Or(version, "(devel)"), goVersion)
	return err
}
