package peers

import (
	"context"
	"errors"
	"net"
	"os/exec"
	"time"
)

// sink is a running smtp-sink, which accepts mail and discards it.
type sink struct {
	cmd  *exec.Cmd
	addr string
}

func startSink(ctx context.Context, dir string) (*sink, error) {
	addr, err := freeAddress("tcp", dir)
	if err != nil {
		return nil, err
	}
	s := &sink{cmd: exec.CommandContext(ctx, "smtp-sink", "-u", "nobody", addr, "1000"), addr: addr} //nolint:gosec // an address
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	for end := time.Now().Add(startTimeout); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if conn, err := net.Dial("tcp", addr); err == nil {
			return s, conn.Close()
		}
	}
	s.stop()
	return nil, errors.New("smtp-sink does not listen")
}

func (s *sink) stop() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait() // it was killed
}
