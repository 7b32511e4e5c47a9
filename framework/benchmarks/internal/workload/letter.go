package workload

import "bytes"

// paragraph is typical prose of a mail: lines of different lengths, words
// separated by one space, two spaces after some sentences, and empty lines.
const paragraph = "Dear Bob,\r\n\r\n" +
	"thank you for the notes on the survey.  Most of what you ask for is in the\r\n" +
	"second part, and the rest will follow when the figures of March have come.\r\n" +
	"Could you have a look at the table on page 14?  The sums in it are right, but\r\n" +
	"the shares are not: those of the northern stations add up to 103 per cent.\r\n\r\n" +
	"> On Tuesday you wrote that the instruments had been read twice a day. \r\n" +
	"> Is that still so, and by whom?\r\n\r\n" +
	"They are read at seven and at nineteen, by whoever is on duty.\r\n\r\n"

// NewLetter returns a typical message, to be signed. It has 20 header fields
// and a body of n bytes of prose. The body ends with CRLF, as every body over
// SMTP does.
func NewLetter(n int) Message {
	return Message{
		Sender: "ann@example.org", Recipients: []string{"bob@example.net"},
		Header: []Field{
			{"From", "Ann Example <ann@example.org>"},
			{"To", "Bob Example <bob@example.net>"},
			{"Cc", "Carol Example <carol@example.com>,\n\tDave Example <dave@example.com>"},
			{"Reply-To", "ann@example.org"},
			{"Subject", "Re: notes on the survey, and what follows from them"},
			{"Date", "Wed, 4 Mar 2026 05:06:07 +0000"},
			{"Message-ID", "<20260304050607.12345@mail.example.org>"},
			{"In-Reply-To", "<20260303120000.54321@mail.example.net>"},
			{"References", "<20260301101010.1@mail.example.net>\n\t<20260303120000.54321@mail.example.net>"},
			{"MIME-Version", "1.0"},
			{"Content-Type", "text/plain; charset=utf-8;\n\tformat=flowed"},
			{"Content-Transfer-Encoding", "8bit"},
			{"Content-Language", "en-GB"},
			{"User-Agent", "Example Mail 12.3 (X11; Linux x86_64)"},
			{"List-Id", "The survey <survey.lists.example.org>"},
			{"List-Unsubscribe", "<mailto:survey-leave@lists.example.org>"},
			{"Organization", "The Example Survey"},
			{"X-Priority", "3"},
			{"X-Mailer-Version", "12.3.4"},
			{"Autocrypt", "addr=ann@example.org; prefer-encrypt=mutual"},
		},
		Body: prose(n),
	}
}

func prose(n int) []byte {
	text := bytes.Repeat([]byte(paragraph), n/len(paragraph)+1)[:n]
	copy(text[max(0, n-4):], "..\r\n")
	return text
}
