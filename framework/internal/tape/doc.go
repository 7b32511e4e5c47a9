// Package tape is the format in which a session records a message: entries that are
// appended to one byte slice, without allocation, and a reader of them.
//
// An entry is a kind (1 byte), the length of its payload (4 bytes, big endian) and the
// payload. [KindAgain] alone is only a kind, because Postfix repeats macros before each header
// field. Numbers in payloads are unsigned varints, texts have their length before them. The
// size of a frame has 4 bytes, big endian.
// Times are nanoseconds since the session's epoch, which [Session] gives.
//
// A tape holds one record: first the session's preamble, then the message, then one
// [End]. A file holds [Magic] and any number of records, each behind a header of [FrameHeaderLen] bytes.
package tape
