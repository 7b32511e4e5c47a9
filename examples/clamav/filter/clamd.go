package filter

import (
	"bufio"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/sluicemail/sluice/framework"
)

// ErrTooLarge means that the message is larger than the StreamMaxLength of clamd.
var ErrTooLarge = errors.New("filter: too large for clamd")

// Scan sends a message to clamd at PATH or HOST:PORT, by INSTREAM (clamd(8)). It returns
// the name of the signature that matches, or "" if clamd finds nothing. If the context
// ends, so does Scan.
func Scan(ctx context.Context, clamd string, message io.Reader) (signature string, err error) {
	began := time.Now()
	defer func() { framework.RecordNote(ctx, "clamd", clamd+" "+signature, began, err) }()
	network := "tcp"
	if strings.HasPrefix(clamd, "/") {
		network = "unix"
	}
	conn, err := new(net.Dialer).DialContext(ctx, network, clamd)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	sent := send(conn, message)
	reply, err := bufio.NewReader(conn).ReadSlice(0) // of 4096 bytes at most, perhaps before all was sent
	if err != nil {
		return "", fmt.Errorf("no reply of clamd at %s: %w", clamd, cmp.Or(context.Cause(ctx), sent, err))
	}
	result := strings.TrimPrefix(string(reply[:len(reply)-1]), "stream: ")
	switch signature, found := strings.CutSuffix(result, " FOUND"); {
	case found:
		return signature, nil
	case result == "OK" && sent == nil:
		return "", nil
	case strings.HasPrefix(result, "INSTREAM size limit exceeded"):
		return "", ErrTooLarge
	}
	return "", errors.Join(fmt.Errorf("clamd at %s replies %.200q", clamd, result), sent)
}

// send sends the message. If it fails, it tells clamd that no more comes.
func send(conn net.Conn, message io.Reader) error {
	_, err := conn.Write([]byte("zINSTREAM\x00"))
	if err == nil {
		// A sender may choose the first bytes, by which clamd decides whether it sees mail.
		mail := io.MultiReader(strings.NewReader("Received: by clamav\r\n"), message)
		_, err = io.Copy(chunks{conn}, struct{ io.Reader }{mail}) // in pieces of 32 KiB at most
	}
	if err == nil {
		_, err = conn.Write(make([]byte, 4)) // an empty chunk is the end
	} else if half, ok := conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	return err
}

// chunks sends each chunk that it is given after its length.
type chunks struct{ conn net.Conn }

// Write implements [io.Writer].
func (c chunks) Write(p []byte) (int, error) {
	_, err := (&net.Buffers{binary.BigEndian.AppendUint32(nil, uint32(len(p))), p}).WriteTo(c.conn) //nolint:gosec // 32 KiB at most
	return len(p), err
}
