// Package parts walks over the MIME parts of a message while its body arrives. It
// tells the type, the file names, the size and the place of each part, and what is
// wrong with it, and keeps nothing of the content.
//
// A [Walker] is an io.Writer: a filter gives it the chunks of the body as the MTA
// sends them, cut anywhere. A [Reader] is the same for a body that can be read.
//
//	w := parts.NewWalker(parts.Limits{}, parts.Handler{
//		Begin: func(p *parts.Part) error {
//			log.Print(p.Path(), " ", p.Type, " ", p.Names)
//			return nil
//		},
//	})
//	w.Start()
//	w.AddField("Content-Type", `multipart/mixed; boundary=b`)
//	w.Write(body)
//	w.Close()
//
// # What is told
//
// The message itself is the first part. A multipart contains its parts, and a part of
// the type message/rfc822, message/global, message/news or message/external-body
// contains one part, the message in it. Every other part is a leaf.
//
// Mail readers disagree about mail that is not as the standards demand, and hostile
// mail makes use of that. So the walker tells every file name that some reader may
// show ([Part.Names]), looks into structures that some readers would not enter, and
// sets [Flaws]. If one of them is in [Unreadable], some reader may see a part that the
// walker has not told, or tell it otherwise. A filter that looks for forbidden parts
// should refuse such a message.
//
// Package edit changes parts: it stands on the offsets of the walker.
//
// # Costs
//
// The walker takes time linear in the length of the body. It keeps at most one header
// of [Limits.Header] bytes for each level that is open, of which there are at most
// [Limits.Depth], and a line of a boundary's length.
//
// # What is left out
//
// Content is not decoded, and so no part is found in a file: not in a TNEF file
// (application/ms-tnef), nor in an archive. Files in yEnc are not found in text.
package parts
