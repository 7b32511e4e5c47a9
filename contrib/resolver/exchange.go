package resolver

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// ask queries the servers in their order until one gives a usable answer. A
// server that is silent is queried twice, because a packet may be lost. Each
// query has an equal share of the remaining time. The context must have a
// deadline.
func (r *Resolver) ask(ctx context.Context, name string, t Type) (*Answer, error) {
	servers := r.cfg.Servers
	silent := make([]bool, len(servers))
	for i := range silent {
		silent[i] = true
	}
	var errs []error
	for round := range 2 {
		for i, server := range servers {
			if !silent[i] {
				continue
			}
			if ctx.Err() != nil {
				return nil, errors.Join(append(errs, context.Cause(ctx))...)
			}
			shares := 2*len(servers) - round*len(servers) - i
			a, err := r.query(ctx, server, name, t, shares)
			if err == nil || isFinal(err) {
				return a, err
			}
			silent[i] = isTimeout(err)
			errs = append(errs, fmt.Errorf("%s: %w", server, err))
		}
	}
	return nil, errors.Join(errs...)
}

// isFinal reports whether an error says something about the name, so that other
// servers need not be queried.
func isFinal(err error) bool {
	return errors.Is(err, ErrNXDomain) || errors.Is(err, ErrNoData) || errors.Is(err, ErrTooLarge)
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// query asks a server, and once more without EDNS if the server does not know that
// (RFC 6891 section 7).
func (r *Resolver) query(ctx context.Context, server, name string, t Type, shares int) (*Answer, error) {
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(deadline)/time.Duration(shares))
		defer cancel()
	}
	a, err := r.queryOnce(ctx, server, name, t, withEDNS)
	if errors.Is(err, errNoEDNS) {
		return r.queryOnce(ctx, server, name, t, withoutEDNS)
	}
	return a, err
}

// queryOnce sends one query with a new ID from a new port, and again over TCP if
// the answer is truncated or someone sends forged answers.
func (r *Resolver) queryOnce(ctx context.Context, server, name string, t Type, e edns) (*Answer, error) {
	q, err := newQuestion(name, t, e)
	if err != nil {
		return nil, err
	}
	packet, err := r.exchange(ctx, "udp", server, q)
	if errors.Is(err, errStrays) || errors.Is(err, errCutOff) || err == nil && isTruncated(packet) {
		if packet, err = r.exchange(ctx, "tcp", server, q); err == nil && isTruncated(packet) {
			err = errors.New("the answer is truncated over TCP")
		}
	}
	if err != nil {
		return nil, err
	}
	return q.parse(packet)
}

// exchange sends a query over a new connection and returns the packet that
// answers it. The connection is closed when exchange returns, which is as soon as the
// context ends.
func (r *Resolver) exchange(ctx context.Context, network, server string, q *question) ([]byte, error) {
	conn, err := r.cfg.Dial(ctx, network, server)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }() // nothing is left to be written
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return nil, err
		}
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if network == "tcp" {
		return exchangeTCP(conn, q)
	}
	return exchangeUDP(conn, q)
}

// maxStrays limits the number of packets that are read for one query. An
// attacker may send many in the hope that one of them has the right ID. After
// that the query is repeated over TCP.
const maxStrays = 100

var errStrays = errors.New("too many packets that do not answer the query")

// maxUDP is the largest packet that is read over UDP. Some servers ignore the
// size that the query asks for. If an answer is larger, the query is repeated over
// TCP.
const maxUDP = 4096

var errCutOff = errors.New("the answer is too large for UDP")

// exchangeUDP ignores packets that do not answer the query, and waits for
// another.
func exchangeUDP(conn net.Conn, q *question) ([]byte, error) {
	if _, err := conn.Write(q.packet); err != nil {
		return nil, err
	}
	buf := make([]byte, maxUDP+1) // the system drops what exceeds it
	for range maxStrays {
		n, err := conn.Read(buf)
		switch {
		case err != nil:
			return nil, err
		case !q.isAnswered(buf[:n]):
		case n > maxUDP:
			return nil, errCutOff
		default:
			return buf[:n], nil
		}
	}
	return nil, errStrays
}

// exchangeTCP writes and reads one packet with its length in front (RFC 1035
// section 4.2.2).
func exchangeTCP(conn net.Conn, q *question) ([]byte, error) {
	length := uint16(len(q.packet)) //nolint:gosec // a query has less than 512 bytes
	if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, length), q.packet...)); err != nil {
		return nil, err
	}
	var size [2]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return nil, err
	}
	packet := make([]byte, binary.BigEndian.Uint16(size[:]))
	if _, err := io.ReadFull(conn, packet); err != nil {
		return nil, err
	}
	if !q.isAnswered(packet) {
		return nil, errors.New("the answer over TCP is for another query")
	}
	return packet, nil
}
