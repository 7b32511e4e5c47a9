package maddy_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/sluicemail/sluice/framework/miltertest/maddy"
)

// program is the path of Maddy. It is never changed after TestMain.
//
//nolint:gochecknoglobals // TestMain has no other way to tell the tests
var program string

func TestMain(m *testing.M) { os.Exit(run(m)) }

// run builds Maddy and runs the tests.
func run(m *testing.M) int {
	folder, err := os.MkdirTemp("", "maddy-")
	if err == nil {
		defer func() { _ = os.RemoveAll(folder) }()
		program, err = maddy.Build(folder)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}
