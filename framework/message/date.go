package message

import (
	"strings"
	"time"
)

// date reads a date-time (RFC 5322 sections 3.3 and 4.3): day, month, year, time and zone,
// each in its range. It does not compare the name of the day with the date, because
// senders err in it and nothing depends on it.
func (p *parser) date() {
	p.cfws()
	if isAlpha(p.peek()) {
		p.oneOf("the name of a day, such as Mon", "mon", "tue", "wed", "thu", "fri", "sat", "sun")
		p.cfws()
		p.need(',', "a comma after the name of the day")
		p.cfws()
	}
	at := p.i
	day := p.number(1, 2, "a day of the month")
	p.cfws()
	month := p.oneOf("the name of a month, such as Jan",
		"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec") + 1
	p.cfws()
	year := p.year()
	if last := time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day(); p.err == nil && (day < 1 || day > last) {
		p.failAt(at, "a day that the month has")
	}
	p.cfws()
	p.clock()
	p.cfws()
	p.zone()
	p.cfws()
}

// year reads a year. Years of two and three digits are obsolete.
func (p *parser) year() int {
	at := p.i
	year := p.number(2, 9, "a year")
	switch digits := p.i - at; {
	case digits == 2 && year < 50:
		return 2000 + year
	case digits < 4:
		return 1900 + year
	case year < 1900:
		p.failAt(at, "a year from 1900 on")
	}
	return year
}

// clock reads a time of day. A leap second is 60.
func (p *parser) clock() {
	p.below(24, "an hour from 00 to 23")
	p.cfws()
	p.need(':', "a colon after the hour")
	p.cfws()
	p.below(60, "a minute from 00 to 59")
	p.cfws()
	if p.take(':') {
		p.cfws()
		p.below(61, "a second from 00 to 60")
	}
}

// zone reads a zone. White space must precede a numeric one. Any name of three letters
// or more may be a zone, as RFC 5322 section 4.3 has it.
func (p *parser) zone() {
	const expected = "a zone such as +0000, with a space before it"
	at := p.i
	if c := p.peek(); c == '+' || c == '-' {
		if at > 0 && !isWSP(p.s[at-1]) {
			p.fail(expected)
		}
		p.i++
		p.number(2, 2, expected)
		p.below(60, expected)
		if isDigit(p.peek()) {
			p.failAt(at, expected)
		}
		return
	}
	for isAlpha(p.peek()) {
		p.i++
	}
	name := strings.ToLower(p.s[at:p.i])
	if len(name) == 0 || name == "j" || len(name) == 2 && name != "ut" {
		p.failAt(at, expected)
	}
}

// below reads a number of two digits that is below a limit.
func (p *parser) below(limit int, expected string) {
	at := p.i
	if n := p.number(2, 2, expected); n >= limit {
		p.failAt(at, expected)
	}
}

// number reads a number with so many digits.
func (p *parser) number(least, most int, expected string) int {
	at, n := p.i, 0
	for isDigit(p.peek()) && p.i < at+most {
		n = 10*n + int(p.s[p.i]-'0')
		p.i++
	}
	if p.i-at < least {
		p.failAt(at, expected)
	}
	return n
}

// oneOf reads one of some names of three letters, in any case, and returns its number.
func (p *parser) oneOf(expected string, names ...string) int {
	at := p.i
	for isAlpha(p.peek()) {
		p.i++
	}
	for i, name := range names {
		if strings.EqualFold(p.s[at:p.i], name) {
			return i
		}
	}
	p.failAt(at, expected)
	return 0
}
