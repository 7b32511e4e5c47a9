package serve

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"runtime"
	"runtime/pprof"
	"strings"
	"syscall"

	"github.com/sluicemail/sluice/framework/benchmarks/internal/workload"
)

// Options are the values of a server's flags.
type Options struct {
	Network, Address string
	Workload         workload.Name
	Record           bool // what happens in each message; Sluice only
	profile          string
}

// Parse parses the flags -addr, -w, -record and -cpuprofile.
func Parse(args []string) (Options, error) {
	var o Options
	fs := flag.NewFlagSet("server", flag.ContinueOnError)
	addr := fs.String("addr", "tcp:127.0.0.1:9000", "address to listen on: tcp:HOST:PORT or unix:PATH")
	name := fs.String("w", "w1", "the workload: w1, w2, w3, w4 or w1mw")
	fs.BoolVar(&o.Record, "record", false, "record each message with package inspect; for the server sluice")
	fs.StringVar(&o.profile, "cpuprofile", "", "write a CPU profile to this file")
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	var err error
	if o.Network, o.Address, err = SplitAddr(*addr); err != nil {
		return o, err
	}
	o.Workload, err = workload.Parse(*name)
	return o, err
}

// SplitAddr splits an address into the arguments for [net.Dial].
func SplitAddr(addr string) (network, address string, err error) {
	network, address, _ = strings.Cut(addr, ":")
	if network != "tcp" && network != "unix" || address == "" {
		return "", "", fmt.Errorf("address %q is neither tcp:HOST:PORT nor unix:PATH", addr)
	}
	return network, address, nil
}

// Main parses the flags, runs serve until SIGTERM or an interrupt, and returns
// the exit status.
func Main(serve func(Options) error) int {
	o, err := Parse(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err == nil {
		err = o.run(serve)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func (o Options) run(serve func(Options) error) error {
	if o.profile != "" {
		f, err := os.Create(o.profile)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, os.Interrupt, syscall.SIGUSR1)
	failed := make(chan error, 1)
	go func() { failed <- serve(o) }()
	for {
		select {
		case err := <-failed:
			return err
		case sig := <-signals:
			if sig != syscall.SIGUSR1 {
				return nil
			}
			if err := report(os.Stdout); err != nil {
				return err
			}
		}
	}
}

// Memory is a server's report of its allocations since its start. At SIGUSR1
// the server writes it as one line of JSON.
type Memory struct {
	Mallocs uint64 `json:"mallocs"`
	Bytes   uint64 `json:"bytes"`
}

func report(w io.Writer) error {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return json.NewEncoder(w).Encode(Memory{Mallocs: m.Mallocs, Bytes: m.TotalAlloc})
}

// Listen opens the listener. All users may connect to a unix socket, because
// Postfix does not run as root.
func (o Options) Listen() (net.Listener, error) {
	syscall.Umask(0)
	return net.Listen(o.Network, o.Address)
}
