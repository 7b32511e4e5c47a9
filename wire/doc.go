// Package wire is the milter protocol as bytes, in both directions.
//
// An MTA and a milter exchange frames over one stream socket: a length, a
// command or reply code, and the data that the code calls for. A [Decoder]
// turns bytes into frames and keeps what is incomplete. [ParseCommand] and
// [ParseReply] turn a frame into a typed message, and every message encodes
// itself again, so that a filter, an MTA and a tool that listens between the
// two can all be written with this package.
//
// # Who sends what
//
// A [Command] is what the MTA sends, a [Reply] what the filter sends; only
// [Negotiate] travels both ways. The compiler keeps them apart.
//
// # Borrowed bytes
//
// Commands are decoded in place: their byte slices point into the frame, and
// the frame into the decoder's buffer. They are valid until the decoder's next
// Next, Fill or Release. Replies hold strings, which may be kept.
//
// # Errors
//
// Wrong input is a [*ProtocolError]. Input that the protocol knows, but that
// this package does not support, is [ErrNotImplemented]. No input makes the
// package panic, and a frame's announced length is checked before a byte is
// allocated for it.
//
// The constants carry the names of libmilter's mfdef.h and mfapi.h behind a
// prefix of their kind: SMFIC_HELO is [CmdHelo], SMFIR_CONTINUE is
// [RepContinue], SMFIF_ADDHDRS is [ActionAddHdrs], SMFIP_NR_HDR is
// [ProtoNRHdr], and SMFIM_EOM is [MacroEOM].
package wire
