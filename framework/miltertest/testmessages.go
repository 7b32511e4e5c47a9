package miltertest

import (
	"fmt"
	"strings"

	"github.com/sluicemail/sluice/wire/mta"
)

// ordinaries is how many messages ordinary returns.
const ordinaries = 7

// ordinary returns the messages that every filter is sent.
func ordinary() [ordinaries]*mta.Message {
	const mail = "From: Ann <ann@example.org>\nTo: Bob <bob@example.net>\nSubject: hello\n" +
		"Date: Sun, 22 Nov 2026 07:00:00 +0000\nMessage-ID: <1@example.org>\n\nHow are you?\n\nAnn\n"
	list := [ordinaries]*mta.Message{
		Message(mail, From("ann@example.org", "SIZE=300", "BODY=8BITMIME"), To("bob@example.net", "cy@example.net")),
		Message("Subject: hello\n\n"),
		Message("\nHow are you?\n"),
		Message("\n"),
		Message("Received: from a\n\tby b; Sun\nReceived: from c\n\tby d\nSUBJECT:no space\nsubject:  two of it\nX-Empty:\n\n.\n..\n\n\n"),
		Message("Subject: Gr\xc3\xbc\xc3\x9fe\nX-Latin: Gr\xfc\xdfe\n\nGr\xc3\xbc\xc3\x9fe\nGr\xfc\xdfe \x80\xff\n", From("")),
		Message(mail, Client("2001:db8::7"), Helo("[IPv6:2001:db8::7]"), Auth("ann"), To("bob@example.net"), ToRefused("nobody@example.net", "550 5.1.1 User unknown")),
	}
	for i, msg := range list {
		list[i] = identified(msg)
	}
	return list
}

// big returns messages that are larger than most.
func big() []*mta.Message {
	var fields strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&fields, "X-Field-%d: the value of the field\n\tgoes on\n", i)
	}
	line := strings.Repeat("0123456789abcdef", 4)[:62] + "\n"
	return []*mta.Message{
		identified(Message(fields.String() + "\nbody\n")),
		identified(Message("Subject: large\n\n" + strings.Repeat(line, 1<<20/64))),
	}
}

// identified gives a message a queue id, which each MTA would make in its own
// way.
func identified(msg *mta.Message) *mta.Message {
	if msg.QueueID != "" {
		return msg
	}
	m := *msg
	m.QueueID = "4Zsuite01"
	return &m
}
