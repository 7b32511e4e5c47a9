package listen

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// checkInterval is the shortest time between two looks at the files.
	checkInterval = time.Second
	// maxFile is the size in bytes of the largest file that is read.
	maxFile = 1 << 20
)

// certificates are the files of a TLS listener. They are read again when they have
// changed. A change that cannot be used leaves those in force that were read before.
type certificates struct {
	cert, key, clientCA string // paths; clientCA may be empty

	current atomic.Pointer[tls.Config]

	mu      sync.Mutex
	checked time.Time
	seen    []fileState // when the files were read last, with success or without
	failed  string      // why they could not be used then, or ""
}

// loadCertificates reads the files for the first time.
func loadCertificates(cert, key, clientCA string) (*certificates, error) {
	c := &certificates{cert: cert, key: key, clientCA: clientCA}
	c.seen, c.checked = c.states(), time.Now()
	cfg, err := c.load()
	if err != nil {
		return nil, err
	}
	c.current.Store(cfg)
	return c, nil
}

// config returns the configuration for a handshake. If the files have changed, it reads
// them and calls report with the result. One handshake at a time does so. The others go
// on with the configuration in force.
func (c *certificates) config(report func(error)) *tls.Config {
	if c.mu.TryLock() {
		defer c.mu.Unlock()
		c.refresh(report)
	}
	return c.current.Load()
}

func (c *certificates) refresh(report func(error)) {
	if time.Since(c.checked) < checkInterval {
		return
	}
	c.checked = time.Now()
	now := c.states() // before the files are read, so that a later change is seen
	changed := !sameStates(now, c.seen)
	if !changed && c.failed == "" {
		return
	}
	// After a failure the files are read each time, because what mends it may not show:
	// a new mode or owner leaves size and time as they were.
	c.seen = now
	failed := ""
	cfg, err := c.load()
	if err == nil {
		c.current.Store(cfg)
	} else {
		failed = err.Error()
	}
	if changed || failed != c.failed {
		report(err)
	}
	c.failed = failed
}

// load reads the files.
func (c *certificates) load() (*tls.Config, error) {
	cert, certErr := readFile(c.cert)
	key, keyErr := readFile(c.key)
	if err := errors.Join(certErr, keyErr); err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("%s and %s: %w", c.cert, c.key, err)
	}
	// A resumed session would not be checked against a client_ca that has changed since.
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}, SessionTicketsDisabled: true}
	if c.clientCA == "" {
		return cfg, nil
	}
	list, err := readFile(c.clientCA)
	if err != nil {
		return nil, err
	}
	cfg.ClientAuth, cfg.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
	if !cfg.ClientCAs.AppendCertsFromPEM(list) {
		return nil, fmt.Errorf("%s: no certificate in it", c.clientCA)
	}
	return cfg, nil
}

// readFile reads a file that is a regular one: a pipe might never be written.
func readFile(path string) ([]byte, error) {
	if info, err := os.Stat(path); err != nil {
		return nil, err
	} else if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: not a regular file", path)
	}
	f, err := os.Open(path) //nolint:gosec // the operator chose the path
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = fmt.Errorf("%s: more than %d bytes", path, maxFile)
	}
	return data, err
}

// fileState is what tells whether a file has changed.
type fileState struct {
	info os.FileInfo
	err  string
}

func (c *certificates) states() []fileState {
	var list []fileState
	for _, path := range []string{c.cert, c.key, c.clientCA} {
		var state fileState
		var err error
		if path == "" {
			continue
		}
		if state.info, err = os.Stat(path); err != nil {
			state = fileState{err: err.Error()}
		}
		list = append(list, state)
	}
	return list
}

func sameStates(a, b []fileState) bool {
	for i := range a {
		x, y := a[i], b[i]
		switch {
		case x.err != y.err:
			return false
		case x.info == nil:
		case !os.SameFile(x.info, y.info), x.info.Size() != y.info.Size(), !x.info.ModTime().Equal(y.info.ModTime()):
			return false
		}
	}
	return true
}
