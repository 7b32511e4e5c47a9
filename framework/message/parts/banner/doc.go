// Package banner adds a text to the parts of a message that readers show as its text: a
// warning ("this mail comes from outside") or a disclaimer.
//
//	b, err := banner.New(banner.Config{Text: "This mail comes from outside."})
//	...
//	plan, err := b.Plan(banner.Message{Header: fields, Body: open})
//	if err != nil {
//		return nil // the message cannot have a banner: see the errors
//	}
//	// … apply plan.Header() by the filter's grants, then:
//	err = body.ReplaceFrom(s, plan.Body())
//
// [Banner.Plan] reads the body to find out what is to be done, and whether it can be done;
// [Plan.Body] reads it again. Both are streams that keep some kilobytes. So an error comes
// while a filter can still choose to leave the message as it is. This costs three readings
// of the body at most: Plan reads it once, and once more if it finds that a part needs
// another text, or none, or that one is to be added.
//
// # Which parts
//
// Parts of the types text/plain and text/html get the banner: the message itself, every
// alternative of a multipart/alternative, the root of a multipart/related, and the first
// text of any other multipart, such as a multipart/report. A part with another disposition
// than inline is a file and gets none. So is a part with a file name, unless it is an
// alternative, the root of a multipart/related, or the message itself: readers show these
// as the text. A part of an attached message gets none either. A message without a part for
// the banner stays as it is, unless [Config.AddPart] is set.
//
// # Where
//
// In plain text the banner stands in lines of its own at the top, or at the bottom before
// the line "-- " of the last signature, if the signature has no more than 4 KiB: readers
// cut off what is below that line. A blank line divides it from the text, so that in
// format=flowed no paragraph flows into it.
//
// In HTML it stands behind <body …>, or before the last </body>. Without these tags it
// stands where a browser begins the body, or before </html>, or at the end. Tags in
// comments, scripts, style sheets and attributes do not count. If the HTML ends within one
// of these, the banner at the bottom closes it.
//
// # Which bytes change
//
// The content keeps all of its bytes. In base64 the group of four characters in which the
// banner stands is encoded anew. In quoted-printable HTML, and in HTML as it is, the rest
// of a line that the banner divides begins with a space. A line of the banner that
// would be a delimiter of the message begins with a space, too.
//
// Text beyond ASCII needs more in a part that is labelled 7bit: its content is written in
// quoted-printable. A part in US-ASCII, or without a charset, becomes UTF-8, unless it has
// bytes that are no UTF-8. Both change the header of the part: see [Config.KeepHeader].
// HTML needs neither, because it has references to characters.
//
// # Once in a conversation
//
// A reply quotes the banner of the message before. Exchange does not check for that, and
// Microsoft advises a rule that looks for a unique text of the disclaimer:
// [Config.Once] is that. A field in the header would not do, because replies do not
// keep it. The sender can write the text, so it is for disclaimers and not for warnings.
//
// # What a sender can do
//
// The sender writes the rest of the text, and can hide a banner at the bottom: an element
// that is open hides it by its style, and a long text hides it from the reader. At the top
// only the head of the HTML comes before it. A style sheet there can still hide it if
// it guesses the elements of the banner, so a warning should set its style in attributes,
// with !important. Outlook for Windows reads the conditional comments of Microsoft, which
// are not looked into: a <body> in one can hide the banner there.
//
// A sender can also write a message that gets no banner: the only text has the disposition
// attachment, for which a warning should set [Config.AddPart], or an alternative has
// another type, such as text/enriched or text/x-amp-html. A message that is refused gets
// none either, and the sender can see to that: a line "-----BEGIN PGP MESSAGE" is enough.
// Where a warning must not be missed, put it in the Subject as well, which works for every
// message.
package banner
