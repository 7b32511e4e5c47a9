package inspect

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	mathrand "math/rand/v2"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/inspect/internal/page"
	"github.com/sluicemail/sluice/framework/inspect/record"
	"github.com/sluicemail/sluice/framework/internal/tape"
)

// Inspector records the messages of servers, and shows them to browsers and programs. Its
// methods are safe for concurrent use. [New] creates one.
type Inspector struct {
	config  Config
	tag     uint16
	ring    *ring
	figures figures
	folder  *folder // or nil
	page    *page.Handler
	scratch sync.Pool // of *[]byte, for shortened records
	server  atomic.Pointer[framework.Server]
	started time.Time
	closed  sync.Once
	closing chan struct{}
}

// New returns an Inspector. Set it as the Recorder of a server's Config, pass the server to
// [Inspector.Watch], and serve the page on an address that only administrators reach:
//
//	inspector, err := inspect.New(inspect.Config{})
//	srv, err := framework.NewServer(router, framework.Config{Recorder: inspector})
//	inspector.Watch(srv)
//	go http.ListenAndServe("127.0.0.1:8025", inspector)
//
// The errors of invalid fields name the fields. An error of Folder names the folder.
func New(config Config) (*Inspector, error) { return newInspector(config, write) }

// newInspector is like New. writeTo writes to the files of the folder.
func newInspector(config Config, writeTo func(*os.File, []byte) (int, error)) (*Inspector, error) {
	config = config.withDefaults()
	if err := config.check(); err != nil {
		return nil, err
	}
	in := &Inspector{
		config: config, ring: newRing(config.Memory), started: time.Now(), closing: make(chan struct{}),
	}
	in.figures.connections = func() int64 {
		if srv := in.server.Load(); srv != nil {
			return srv.Stats().Connections
		}
		return 0
	}
	in.scratch.New = func() any { return new([]byte) }
	var tag [2]byte
	_, _ = rand.Read(tag[:]) // never fails
	in.tag = binary.BigEndian.Uint16(tag[:])
	if config.Folder != "" {
		var err error
		if in.folder, err = openFolder(in.ring, &config); err != nil {
			return nil, err
		}
		in.folder.writeTo = writeTo
		go in.folder.run()
	}
	in.page = page.New(source{in}, page.Config{
		Token: config.Token, ProxyUserHeader: config.ProxyUserHeader, ProxyNetworks: config.ProxyNetworks,
		Logger: config.Logger,
	})
	return in, nil
}

// RecordLimits implements framework.Recorder.
func (in *Inspector) RecordLimits() framework.RecordLimits {
	return framework.RecordLimits{
		Bytes: int(in.config.MaxMessage - recordReserve), Open: in.config.Memory / 4,
		Header: in.config.Content != record.ContentNone, Body: in.config.Content == record.ContentAll,
		Complete: in.config.Complete,
	}
}

// recordReserve is the part of MaxMessage for what is not counted by RecordLimits: the end of
// the record and its ID.
const recordReserve = 8 << 10

// Record implements framework.Recorder.
func (in *Inspector) Record(rec *framework.Recording) {
	now := rec.Ended // reading the clock costs more than counting the message
	why, keep := in.sample(rec)
	in.figures.add(now, rec, keep)
	if keep {
		in.keep(now, rec, why)
	}
}

// keep puts a record into the ring.
func (in *Inspector) keep(now time.Time, rec *framework.Recording, why record.Kept) {
	head := tape.ID{
		Time: uint64(now.UnixNano()), Tag: in.tag,
		Content: record.ContentNumber(in.config.Content), Kept: record.KeptNumber(why), Shortened: in.config.Shorten,
	}
	var id uint64
	if in.config.Shorten {
		buf, _ := in.scratch.Get().(*[]byte)
		*buf = tape.Shorten((*buf)[:0], rec.Bytes)
		id = in.ring.add(head, *buf)
		in.scratch.Put(buf)
	} else {
		id = in.ring.add(head, rec.Bytes)
	}
	if rec.Failed {
		in.figures.fail(id)
	}
}

// sample decides whether to keep a record, and why.
func (in *Inspector) sample(rec *framework.Recording) (record.Kept, bool) {
	switch {
	case rec.Failed:
		return record.KeptFailed, true
	case rec.Refused:
		return record.KeptRefused, true
	case rec.Working >= in.config.Slow:
		return record.KeptSlow, true
	}
	share := in.config.Share
	return record.KeptSampled, share >= 1 || share > 0 && mathrand.Float64() < share //nolint:gosec // it chooses samples
}

// Watch makes the page show the plan, the limits and the figures of a server. It shows those
// of the server that was passed last.
func (in *Inspector) Watch(srv *framework.Server) { in.server.Store(srv) }

// ServeHTTP implements http.Handler. The page must be served at the root of its address.
func (in *Inspector) ServeHTTP(w http.ResponseWriter, r *http.Request) { in.page.ServeHTTP(w, r) }

// Close ends the requests that follow the page's events and writes to the folder what is not
// written yet. Call it after the server's Shutdown, and before http.Server.Shutdown. The
// error is the last one of the folder.
func (in *Inspector) Close() (err error) {
	in.closed.Do(func() {
		close(in.closing)
		err = in.page.Close()
		if in.folder != nil {
			err = errors.Join(err, in.folder.close())
		}
	})
	return err
}
