package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"strings"

	"github.com/sluicemail/sluice/docs/internal/walk"
)

func main() {
	with := flag.String("with", "", "available software besides Go: Postfix (and root), Redis")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, flag.Args(), strings.Split(*with, ","))
	stop()
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "steps:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, with []string) error {
	if len(args) != 2 {
		return errors.New("want two arguments: a page and a directory")
	}
	page, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	dir, err := filepath.Abs(args[1])
	if err != nil {
		return err
	}
	if err := link(dir); err != nil {
		return err
	}
	return walk.Walk(ctx, walk.Parse(string(page)), walk.Options{Dir: dir, With: with, Log: os.Stdout})
}

// link creates dir/sluice as a symbolic link to the working directory, unless
// it exists.
func link(dir string) error {
	sluice := filepath.Join(dir, "sluice")
	if _, err := os.Stat(sluice); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	here, err := os.Getwd()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	return os.Symlink(here, sluice)
}
