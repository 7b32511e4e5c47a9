package miltertest

import (
	"fmt"
	"strings"

	"github.com/sluicemail/sluice/wire/mta"
)

// standardCount is the number of messages that standardMessages returns.
const standardCount = 7

// standardMessages returns the messages that TestFilter sends to every filter.
func standardMessages() [standardCount]*mta.Message {
	const mail = "From: Ann <ann@example.org>\nTo: Bob <bob@example.net>\nSubject: hello\n" +
		"Date: Sun, 22 Nov 2026 07:00:00 +0000\nMessage-ID: <1@example.org>\n\nHow are you?\n\nAnn\n"
	list := [standardCount]*mta.Message{
		Message(mail, From("ann@example.org", "SIZE=300", "BODY=8BITMIME"), To("bob@example.net", "cy@example.net")),
		Message("Subject: hello\n\n"),
		Message("\nHow are you?\n"),
		Message("\n"),
		Message("Received: from a\n\tby b; Sun\nReceived: from c\n\tby d\nSUBJECT:no space\nsubject:  two of it\nX-Empty:\n\n.\n..\n\n\n"),
		Message("Subject: Gr\xc3\xbc\xc3\x9fe\nX-Latin: Gr\xfc\xdfe\n\nGr\xc3\xbc\xc3\x9fe\nGr\xfc\xdfe \x80\xff\n", From("")),
		Message(mail, Client("2001:db8::7"), Helo("[IPv6:2001:db8::7]"), Auth("ann"), To("bob@example.net"), ToRefused("nobody@example.net", "550 5.1.1 User unknown")),
	}
	for i, msg := range list {
		list[i] = withQueueID(msg)
	}
	return list
}

// largeMessages returns one message with a large header and one with a large
// body.
func largeMessages() []*mta.Message {
	var fields strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&fields, "X-Field-%d: the value of the field\n\tgoes on\n", i)
	}
	line := strings.Repeat("0123456789abcdef", 4)[:62] + "\n"
	return []*mta.Message{
		withQueueID(Message(fields.String() + "\nbody\n")),
		withQueueID(Message("Subject: large\n\n" + strings.Repeat(line, 1<<20/64))),
	}
}

// withQueueID sets a queue ID if the message has none, because each simulated
// MTA would choose a different one.
func withQueueID(msg *mta.Message) *mta.Message {
	if msg.QueueID != "" {
		return msg
	}
	m := *msg
	m.QueueID = "4Zsuite01"
	return &m
}
