// Package wire encodes and decodes the messages of the milter protocol, in both
// directions.
//
// An MTA and a milter exchange frames over a stream socket. A frame consists of
// a length, a command code or reply code, and data whose form depends on the
// code. A [Decoder] splits a stream of bytes into frames. [ParseCommand] and
// [ParseReply] decode a frame into a typed message, and every message can
// encode itself. With this package one can write a filter, an MTA, or a proxy
// between the two.
//
// # Commands and replies
//
// The MTA sends a [Command] and the filter sends a [Reply]. They are distinct
// types, and only [Negotiate] is both.
//
// # Borrowed bytes
//
// The byte slices of a decoded command point into the frame, and the frame
// points into the decoder's buffer. They are valid until the next call of the
// decoder's Next, Fill or Release. Replies contain strings, which may be
// retained. The exception is the chunk of a [ReplaceBody].
//
// # Errors
//
// Invalid input is reported as a [*ProtocolError]. Input that the protocol
// defines and this package does not support is reported as [ErrNotImplemented].
// No input makes the package panic. A decoder checks the announced length of a
// frame before it allocates memory for the frame.
//
// # Names
//
// The constants are named after those in libmilter's mfdef.h and mfapi.h, with
// a prefix for their kind: SMFIC_HELO is [CmdHelo], SMFIR_CONTINUE is
// [RepContinue], SMFIF_ADDHDRS is [ActionAddHdrs], SMFIP_NR_HDR is
// [ProtoNRHdr], and SMFIM_EOM is [MacroEOM].
package wire
