package mta

import (
	"context"

	"github.com/sluicemail/sluice/wire"
)

// Connect reports an SMTP client, xxfi_connect.
func (c *Conn) Connect(ctx context.Context, client *wire.Connect) (Response, error) {
	return c.event(ctx, client)
}

// Helo reports HELO or EHLO, xxfi_helo.
func (c *Conn) Helo(ctx context.Context, name string) (Response, error) {
	return c.event(ctx, &wire.Helo{Name: []byte(name)})
}

// Mail reports MAIL FROM, xxfi_envfrom. The sender is sent as it is given,
// usually in angle brackets.
func (c *Conn) Mail(ctx context.Context, sender string, args ...string) (Response, error) {
	return c.event(ctx, &wire.Mail{Sender: []byte(sender), Args: texts(args)})
}

// Rcpt reports RCPT TO, xxfi_envrcpt.
func (c *Conn) Rcpt(ctx context.Context, recipient string, args ...string) (Response, error) {
	return c.event(ctx, &wire.Rcpt{Recipient: []byte(recipient), Args: texts(args)})
}

// Data reports DATA, xxfi_data.
func (c *Conn) Data(ctx context.Context) (Response, error) {
	return c.event(ctx, &wire.BareCommand{Code: wire.CmdData})
}

// Header reports a header field, xxfi_header. The value is everything after
// the colon, lines separated by LF; one space at its beginning is left out
// unless SMFIP_HDR_LEADSPC was negotiated.
func (c *Conn) Header(ctx context.Context, name, value string) (Response, error) {
	if err := c.ready(); err != nil {
		return Response{}, err
	}
	if !c.agreed(wire.ProtoHdrLeadSpc) && value != "" && value[0] == ' ' {
		value = value[1:]
	}
	return c.event(ctx, &wire.Header{Name: []byte(name), Value: []byte(value)})
}

// EndOfHeaders reports the end of the header, xxfi_eoh.
func (c *Conn) EndOfHeaders(ctx context.Context) (Response, error) {
	return c.event(ctx, &wire.BareCommand{Code: wire.CmdEOH})
}

// Body reports a chunk of the body, xxfi_body. MTAs send at most
// [wire.MaxBodyChunk] bytes in one.
func (c *Conn) Body(ctx context.Context, chunk []byte) (Response, error) {
	return c.event(ctx, &wire.Body{Chunk: chunk})
}

// EndOfMessage reports the end of the message, xxfi_eom, with the last piece
// of the body if there is one. It returns the modifications in the order in
// which they came beside the verdict; they may be kept.
func (c *Conn) EndOfMessage(ctx context.Context, chunk []byte) (Response, []wire.Reply, error) {
	if _, err := c.send(ctx, &wire.EndOfBody{Chunk: chunk}); err != nil {
		return Response{}, nil, err
	}
	var e edits
	resp, err := c.verdict(ctx, wire.CmdBodyEOB, &e)
	return resp, e.list, err
}

// Unknown reports an SMTP command that the MTA does not know, xxfi_unknown.
func (c *Conn) Unknown(ctx context.Context, line string) (Response, error) {
	return c.event(ctx, &wire.Unknown{Line: []byte(line)})
}

// Abort gives the message up, xxfi_abort. No reply is due; it is written with
// what follows it, or by [Conn.Flush].
func (c *Conn) Abort() error {
	c.skipped = 0
	return c.bare(wire.CmdAbort)
}

// QuitNC ends the SMTP session and keeps the connection for another one, as
// Sendmail can, xxfi_close. No reply is due.
func (c *Conn) QuitNC() error {
	c.skipped, c.session = 0, session{}
	return c.bare(wire.CmdQuitNC)
}

// Quit ends the SMTP session, xxfi_close, and closes the connection. After
// [Conn.Send] it does so with the quirks of the MTA: Postfix sends SMFIC_ABORT
// first when the client leaves, and closes without a word after a last word at
// CONNECT or HELO.
func (c *Conn) Quit(ctx context.Context) error {
	if (c.session.overAt == StageConnect || c.session.overAt == StageHelo) && c.has(CloseWithoutQuit) {
		return c.Close()
	}
	for range c.partingAborts() {
		if err := c.Abort(); err != nil {
			return err
		}
	}
	if err := c.bare(wire.CmdQuit); err != nil {
		return err
	}
	if err := c.Flush(ctx); err != nil {
		return err
	}
	return c.Close()
}

// partingAborts returns how often SMFIC_ABORT comes before SMFIC_QUIT: Postfix
// sends one for the message, if there is one under way, and one for the session.
func (c *Conn) partingAborts() (n int) {
	if c.session.hanging && !c.has(QuitInMessage) {
		n++
	}
	if c.session.greeted && c.session.over == nil && c.has(AbortAfterEnd) {
		n++
	}
	return n
}

func (c *Conn) bare(code wire.CommandCode) error {
	if err := c.ready(); err != nil {
		return err
	}
	return c.queue(&wire.BareCommand{Code: code})
}

func texts(list []string) [][]byte {
	var out [][]byte
	for _, s := range list {
		out = append(out, []byte(s))
	}
	return out
}
