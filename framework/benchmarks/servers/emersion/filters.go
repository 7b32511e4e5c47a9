package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"strings"
	"time"

	"github.com/emersion/go-milter"

	"github.com/sluicemail/sluice/framework/benchmarks/internal/workload"
)

func newServer(name workload.Name) (*milter.Server, error) {
	switch name {
	case workload.W1:
		return &milter.Server{
			NewMilter: func() milter.Milter { return new(headerCopier) },
			Actions:   milter.OptAddHeader,
			Protocol:  nothing&^milter.OptNoHeaders | milter.OptNoHeaderReply,
		}, nil
	case workload.W2:
		return &milter.Server{NewMilter: func() milter.Milter { return all{} }}, nil
	case workload.W3:
		return &milter.Server{
			NewMilter: func() milter.Milter { return &bodyHasher{hash: sha256.New()} },
			Actions:   milter.OptAddHeader,
			Protocol:  nothing&^milter.OptNoBody | milter.OptNoBodyReply,
		}, nil
	case workload.W4:
		body := workload.NewBody()
		return &milter.Server{
			NewMilter: func() milter.Milter { return &bodyReplacer{body: body} },
			Actions:   milter.OptChangeBody,
			Protocol:  nothing,
		}, nil
	case workload.Check:
		return &milter.Server{NewMilter: func() milter.Milter { return checker{} }, Protocol: nothing}, nil
	case workload.W1MW, workload.Checks, workload.ChecksEarly, workload.ChecksMail, workload.ChecksData:
	}
	return nil, fmt.Errorf("%s: go-milter has no middleware, and one filter in a server", name)
}

// all is W2. The library replies to every event.
type all struct{ milter.NoOpMilter }

// Body implements milter.Milter.
func (all) Body(*milter.Modifier) (milter.Response, error) { return milter.RespContinue, nil }

// headerCopier is W1.
type headerCopier struct {
	milter.NoOpMilter
	from string
}

// Header implements milter.Milter.
func (h *headerCopier) Header(name, value string, _ *milter.Modifier) (milter.Response, error) {
	if strings.EqualFold(name, workload.Watched) {
		h.from = value
	}
	return nil, nil //nolint:nilnil // no response was negotiated
}

// Body implements milter.Milter.
func (h *headerCopier) Body(m *milter.Modifier) (milter.Response, error) {
	return milter.RespContinue, m.AddHeader(workload.Copied, h.from)
}

// Abort implements milter.Milter.
func (h *headerCopier) Abort(*milter.Modifier) error {
	h.from = ""
	return nil
}

// bodyHasher is W3.
type bodyHasher struct {
	milter.NoOpMilter
	hash hash.Hash
}

// BodyChunk implements milter.Milter.
func (h *bodyHasher) BodyChunk(chunk []byte, _ *milter.Modifier) (milter.Response, error) {
	_, err := h.hash.Write(chunk)
	return nil, err
}

// Body implements milter.Milter.
func (h *bodyHasher) Body(m *milter.Modifier) (milter.Response, error) {
	sum := hex.EncodeToString(h.hash.Sum(nil))
	return milter.RespContinue, m.AddHeader(workload.Digest, sum)
}

// Abort implements milter.Milter.
func (h *bodyHasher) Abort(*milter.Modifier) error {
	h.hash.Reset()
	return nil
}

// checker is Check.
type checker struct{ milter.NoOpMilter }

// Body implements milter.Milter.
func (checker) Body(*milter.Modifier) (milter.Response, error) {
	time.Sleep(workload.CheckTime)
	return milter.RespContinue, nil
}

// bodyReplacer is W4. The library sends each chunk as one frame, so the filter
// splits the body between lines.
type bodyReplacer struct {
	milter.NoOpMilter
	body []byte
}

const mostLines = 65535 / workload.LineLen * workload.LineLen

// Body implements milter.Milter.
func (b *bodyReplacer) Body(m *milter.Modifier) (milter.Response, error) {
	for rest := b.body; len(rest) > 0; {
		chunk := rest[:min(len(rest), mostLines)]
		if err := m.ReplaceBody(chunk); err != nil {
			return nil, err
		}
		rest = rest[len(chunk):]
	}
	return milter.RespContinue, nil
}
