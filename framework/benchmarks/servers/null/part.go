package main

import (
	"bytes"
	"fmt"

	"github.com/sluicemail/sluice/wire"

	"github.com/sluicemail/sluice/framework/benchmarks/internal/workload"
)

// part holds the fixed replies of a workload.
type part struct {
	hello   []byte // reply to the offer
	verdict []byte // replies to the end of the message
	answers bool   // every event gets a reply

	hashes   bool
	digestAt int // offset of the digest in verdict

	buffer int
}

// nothing has the protocol bits of a filter that needs no events.
const nothing = wire.ProtoNoConnect | wire.ProtoNoHelo | wire.ProtoNoMail | wire.ProtoNoRcpt | wire.ProtoNoData |
	wire.ProtoNoHdrs | wire.ProtoNoEOH | wire.ProtoNoBody | wire.ProtoNoUnknown

// The sizes of the read buffer. The large one is for workloads that read the
// body.
const (
	smallBuffer = 16 << 10
	largeBuffer = 64 << 10
)

func newPart(name workload.Name) (*part, error) {
	msg := workload.NewMessage(name.DefaultSize())
	ask := wire.Negotiate{Version: wire.MaxVersion, Protocol: nothing}
	p := &part{buffer: smallBuffer}
	switch name {
	case workload.W1:
		ask.Actions = wire.ActionAddHdrs
		ask.Protocol = nothing&^wire.ProtoNoHdrs | wire.ProtoNRHdr
	case workload.W2:
		ask.Protocol, p.answers = 0, true
	case workload.W3:
		ask.Actions = wire.ActionAddHdrs
		ask.Protocol = nothing&^wire.ProtoNoBody | wire.ProtoNRBody
		p.hashes, p.buffer = true, largeBuffer
	case workload.W4:
		ask.Actions = wire.ActionChgBody
	case workload.W1MW, workload.Check, workload.Checks, workload.ChecksEarly, workload.ChecksMail, workload.ChecksData:
		return nil, fmt.Errorf("%s: the null server has no such workload", name)
	}
	return p, p.encode(name, &ask, &msg)
}

func (p *part) encode(name workload.Name, ask *wire.Negotiate, msg *workload.Message) (err error) {
	if p.hello, err = ask.Encode(nil); err != nil {
		return err
	}
	if f, ok := name.Added(msg); ok {
		add := wire.AddHeader{Name: f.Name, Value: f.Value}
		if p.verdict, err = add.Encode(nil); err != nil {
			return err
		}
		p.digestAt = bytes.LastIndex(p.verdict, []byte(f.Value))
	}
	if name == workload.W4 {
		for rest := workload.NewBody(); len(rest) > 0; {
			chunk := wire.ReplaceBody{Chunk: rest[:min(len(rest), wire.MaxBodyChunk)]}
			if p.verdict, err = chunk.Encode(p.verdict); err != nil {
				return err
			}
			rest = rest[len(chunk.Chunk):]
		}
	}
	p.verdict = append(p.verdict, 0, 0, 0, 1, byte(wire.RepContinue))
	return nil
}
