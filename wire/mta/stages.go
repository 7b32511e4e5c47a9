package mta

import (
	"context"

	"github.com/sluicemail/sluice/wire"
)

// Connect sends SMFIC_CONNECT (xxfi_connect).
func (c *Conn) Connect(ctx context.Context, client *wire.Connect) (Response, error) {
	return c.event(ctx, client)
}

// Helo sends SMFIC_HELO for HELO or EHLO (xxfi_helo).
func (c *Conn) Helo(ctx context.Context, name string) (Response, error) {
	return c.event(ctx, &wire.Helo{Name: []byte(name)})
}

// Mail sends SMFIC_MAIL for MAIL FROM (xxfi_envfrom). The sender is sent
// unchanged and usually has angle brackets.
func (c *Conn) Mail(ctx context.Context, sender string, args ...string) (Response, error) {
	return c.event(ctx, &wire.Mail{Sender: []byte(sender), Args: texts(args)})
}

// Rcpt sends SMFIC_RCPT for RCPT TO (xxfi_envrcpt).
func (c *Conn) Rcpt(ctx context.Context, recipient string, args ...string) (Response, error) {
	return c.event(ctx, &wire.Rcpt{Recipient: []byte(recipient), Args: texts(args)})
}

// Data sends SMFIC_DATA (xxfi_data).
func (c *Conn) Data(ctx context.Context) (Response, error) {
	return c.event(ctx, &wire.BareCommand{Code: wire.CmdData})
}

// Header sends a header field (xxfi_header). The value is everything after
// the colon, with lines separated by LF. Header removes one leading space
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

// EndOfHeaders sends the end of the header (xxfi_eoh).
func (c *Conn) EndOfHeaders(ctx context.Context) (Response, error) {
	return c.event(ctx, &wire.BareCommand{Code: wire.CmdEOH})
}

// Body sends a chunk of the body (xxfi_body). MTAs send at most
// [wire.MaxBodyChunk] bytes in one chunk.
func (c *Conn) Body(ctx context.Context, chunk []byte) (Response, error) {
	return c.event(ctx, &wire.Body{Chunk: chunk})
}

// EndOfMessage sends the end of the message (xxfi_eom). chunk is the last
// part of the body and may be empty. EndOfMessage returns the verdict and the
// modifications, in the order received. The modifications may be retained.
func (c *Conn) EndOfMessage(ctx context.Context, chunk []byte) (Response, []wire.Reply, error) {
	if _, err := c.send(ctx, &wire.EndOfBody{Chunk: chunk}); err != nil {
		return Response{}, nil, err
	}
	var e edits
	resp, err := c.verdict(ctx, wire.CmdBodyEOB, &e)
	return resp, e.list, err
}

// Unknown sends an SMTP command that the MTA does not know (xxfi_unknown).
func (c *Conn) Unknown(ctx context.Context, line string) (Response, error) {
	return c.event(ctx, &wire.Unknown{Line: []byte(line)})
}

// Command sends any command of a stage but the end of the message, as the methods of the
// stages do, and changes nothing in it. It is for tools that repeat recorded commands.
func (c *Conn) Command(ctx context.Context, cmd wire.Command) (Response, error) {
	return c.event(ctx, cmd)
}

// Abort aborts the message (xxfi_abort). No reply is due. The command is
// written with the next one or by [Conn.Flush].
func (c *Conn) Abort() error {
	c.skipped = 0
	return c.bare(wire.CmdAbort)
}

// QuitNC ends the SMTP session and keeps the connection for another one, as
// Sendmail can do. The filter sees xxfi_close. No reply is due.
func (c *Conn) QuitNC() error {
	c.skipped, c.session = 0, session{}
	return c.bare(wire.CmdQuitNC)
}

// Quit ends the SMTP session (xxfi_close), and closes the connection. After
// [Conn.Send] it behaves as the MTA does: Postfix sends SMFIC_ABORT first, and
// after a final verdict at CONNECT or HELO it closes the connection without
// SMFIC_QUIT.
func (c *Conn) Quit(ctx context.Context) error {
	if (c.session.finalAt == StageConnect || c.session.finalAt == StageHelo) && c.has(CloseWithoutQuit) {
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

// partingAborts returns the number of SMFIC_ABORT commands before SMFIC_QUIT.
// Postfix sends one for an open message and one for the session. Maddy sends one
// even after the end of a message.
func (c *Conn) partingAborts() (n int) {
	if c.session.open && !c.has(QuitInMessage) {
		n++
	}
	if c.session.greeted && c.session.final == nil && c.has(AbortAfterEnd) {
		n++
	}
	if c.session.ended && n == 0 && c.has(AbortBeforeQuit) {
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
