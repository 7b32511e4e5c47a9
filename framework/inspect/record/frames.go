package record

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/sluicemail/sluice/framework/internal/tape"
	"github.com/sluicemail/sluice/wire"
)

// maxWords is the number of bytes that the words of a frame have.
const maxWords = 400

// frame adds a frame to the conversation.
func (d *decoder) frame(f *tape.Frame, fromMTA bool, words string) {
	if d.brief {
		return
	}
	out := Frame{
		At: d.now, FromMTA: fromMTA, Text: shortened(words), Size: f.Size,
		Code: f.Code, Data: bytes.Clone(f.Data),
	}
	if fromMTA && wire.CommandCode(f.Code) == wire.CmdMacro {
		d.repeat = out
	}
	d.addFrame(out)
}

func (d *decoder) addFrame(f Frame) {
	if len(d.msg.Frames) >= maxFrames {
		d.msg.Cut = true
		return
	}
	d.msg.Frames = append(d.msg.Frames, f)
}

// maxRepeats bounds the words of frames that repeat others, which take one byte of a record.
const maxRepeats = 1 << 20

// again adds the last macros of the MTA again. The frames share their data.
func (d *decoder) again() {
	if d.brief || d.repeat.Data == nil {
		return
	}
	f := d.repeat
	f.At = d.now
	if d.repeats += len(f.Text); d.repeats > maxRepeats {
		f.Text = wire.CmdMacro.String() + ", as before"
	}
	d.addFrame(f)
}

// shortened returns words of bounded length.
func shortened(words string) string {
	if len(words) <= maxWords {
		return words
	}
	cut := maxWords
	for cut > 0 && !utf8.RuneStart(words[cut]) {
		cut--
	}
	return words[:cut] + "…"
}

// short returns the beginning of a frame's data. The words of a frame quote all of it, and
// only the beginning is shown.
func short(f *tape.Frame) []byte {
	return f.Data[:min(len(f.Data), 4<<10)]
}

// commandWords says a frame of the MTA in words.
func commandWords(f *tape.Frame) string {
	code := wire.CommandCode(f.Code)
	if f.Data == nil {
		return notRecorded(code.String(), f.Size)
	}
	c, err := wire.ParseCommand(wire.Frame{Code: f.Code, Data: f.Data})
	switch {
	case err != nil:
		return "!!! " + err.Error()
	case code == wire.CmdHeader || code == wire.CmdMacro || code == wire.CmdUnknown:
		if len(f.Data) > maxWords {
			return fmt.Sprintf("%v %q", code, short(f))
		}
	}
	return c.String()
}

func notRecorded(code string, size int) string {
	return fmt.Sprintf("%s, %d bytes, not recorded", code, max(0, size-wire.HeaderLen))
}

// replyWords says a frame of the filters in words.
func replyWords(f *tape.Frame) string {
	code := wire.ReplyCode(f.Code)
	if f.Data == nil {
		return notRecorded(code.String(), f.Size)
	}
	r, err := wire.ParseReply(wire.Frame{Code: f.Code, Data: f.Data})
	if err != nil {
		return "!!! " + err.Error()
	}
	return r.String()
}

// command decodes a frame of the MTA.
func (d *decoder) command(f *tape.Frame) error {
	if err := d.r.Err(); err != nil {
		return err
	}
	if !d.brief {
		d.frame(f, true, commandWords(f))
	}
	code := wire.CommandCode(f.Code)
	if code == wire.CmdMacro {
		d.macro(f.Data)
		return nil
	}
	if stage := stageOf(code); stage != noStage {
		d.enter(stage)
	}
	d.learn(code, f)
	return nil
}

// macro keeps the macros of a stage.
func (d *decoder) macro(data []byte) {
	if len(data) == 0 {
		return
	}
	if stage := stageOf(wire.CommandCode(data[0])); stage != noStage {
		d.macros[stage] = data[1:]
	}
}

// learn takes over what a command says of the message. What cannot be parsed is shown as a
// frame only.
func (d *decoder) learn(code wire.CommandCode, f *tape.Frame) {
	m := d.msg
	switch code { //nolint:exhaustive // the others say nothing of the message
	case wire.CmdConnect:
		var c wire.Connect
		if c.Decode(f.Data) == nil {
			m.Client = Client{Name: text(c.Host), Addr: text(c.Address)}
			if a := c.Addr(); a.IsValid() {
				m.Client.Addr = a.String()
			}
		}
	case wire.CmdHelo:
		var h wire.Helo
		if h.Decode(f.Data) == nil {
			m.Client.Helo = text(h.Name)
		}
	case wire.CmdMail:
		var c wire.Mail
		if c.Decode(f.Data) == nil {
			m.Sender = text(c.Sender)
		}
	case wire.CmdRcpt:
		d.recipient(f.Data)
	case wire.CmdHeader:
		var h wire.Header
		if f.Data != nil && h.Decode(f.Data) == nil && d.more() {
			m.Header = append(m.Header, Field{text(h.Name), value(text(h.Value))})
		}
	case wire.CmdBody, wire.CmdBodyEOB:
		m.BodySize += int64(max(0, f.Size-wire.HeaderLen))
		if !d.brief {
			m.Body = append(m.Body, f.Data...)
		}
	}
}

// recipient adds a recipient.
func (d *decoder) recipient(data []byte) {
	var c wire.Rcpt
	if c.Decode(data) != nil || !d.more() {
		return
	}
	r := Recipient{Address: text(c.Recipient)}
	for _, arg := range c.Args {
		r.Args = append(r.Args, text(arg))
	}
	if mailer, ok := wire.LookupMacro(d.macros[stageRcpt], "rcpt_mailer"); ok && d.rcptRej {
		r.ByMTA = string(mailer) == "error"
	}
	d.msg.Recipients = append(d.msg.Recipients, r)
}

// value returns a header value with line ends as LF.
func value(v string) string { return strings.ReplaceAll(v, "\r\n", "\n") }

// reply decodes a frame of the filters.
func (d *decoder) reply(f *tape.Frame) {
	if d.r.Err() != nil {
		return
	}
	code := wire.ReplyCode(f.Code)
	if code == wire.RepOptNeg {
		var n wire.Negotiate
		if n.Decode(f.Data) == nil {
			d.rcptRej = n.Protocol.Has(wire.ProtoRcptRej)
		}
	}
	if d.brief {
		return
	}
	words := replyWords(f)
	d.frame(f, false, words)
	if s := d.current(); s != nil && answers(code) {
		s.Reply = shortened(words)
	}
}

// answers reports whether a reply answers a command, rather than asks for a modification or
// reports progress.
func answers(code wire.ReplyCode) bool {
	switch code { //nolint:exhaustive // the others do not
	case wire.RepAccept, wire.RepContinue, wire.RepDiscard, wire.RepReject, wire.RepTempFail, wire.RepReplyCode, wire.RepSkip:
		return true
	}
	return false
}
