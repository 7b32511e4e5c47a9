package main

import (
	"net"
	"os"

	"github.com/sluicemail/sluice/framework/benchmarks/internal/serve"
)

func main() { os.Exit(serve.Main(run)) }

func run(o serve.Options) error {
	p, err := newPart(o.Workload)
	if err != nil {
		return err
	}
	ln, err := o.Listen()
	if err != nil {
		return err
	}
	defer func() { _ = ln.Close() }()
	for {
		conn, err := ln.Accept()
		if err != nil {
			return err
		}
		go answer(conn, p)
	}
}

// answer serves one connection until it ends. It ignores errors.
func answer(conn net.Conn, p *part) {
	defer func() { _ = conn.Close() }()
	r := newResponder(p)
	buf := make([]byte, p.buffer)
	for {
		n, err := conn.Read(buf)
		if err != nil || !r.feed(buf[:n]) {
			return
		}
		if len(r.out) == 0 {
			continue
		}
		if _, err := conn.Write(r.out); err != nil {
			return
		}
		r.out = r.out[:0]
	}
}
