package headers_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/headers"
)

func doing(action string) string   { return "rules:\n- do:\n  - " + action + "\n" }
func whenever(cond string) string  { return "rules:\n- when: {" + cond + "}\n  do: [reject: x]\n" }
func deletingBy(pat string) string { return doing("delete: {name: Subject, match: '" + pat + "'}") }

// TestCannotWork checks that rules that look right and cannot work are refused, and that the
// message says what to write.
func TestCannotWork(t *testing.T) {
	t.Parallel()
	const (
		star  = `a * may only stand at the end of a name, after a hyphen, as in X-Spam-*`
		plain = `is not a template`
	)
	tests := map[string]struct{ text, want string }{
		"a * in a name":           {doing(`delete: "X-*-Flag"`), `3:13: rule 1: Delete: Name: "X-*-Flag": ` + star},
		"a * without a hyphen":    {doing(`delete: "X-Spam*"`), star},
		"a * alone":               {doing(`delete: "*"`), star},
		"a hyphen and a *":        {doing(`delete: "-*"`), star},
		"a ? in a name":           {whenever(`present: "X-Spam-?"`), star},
		"a * in strip":            {doing(`strip: {names: [A, "*-IP"]}`), `3:24: rule 1: Strip: Names/2: ` + `"*-IP": ` + star},
		"a family added":          {doing(`add: {name: "X-Spam-*", value: x}`), `"X-Spam-*": one field name is needed here, not all names that begin with X-Spam-`},
		"a family inserted":       {doing(`insert: {name: "X-Spam-*", value: x}`), `one field name is needed here`},
		"a family or added":       {doing(`replace: {name: "X-Spam-*", value: x, or_add: true}`), `one field name is needed here`},
		"a family twice":          {whenever(`duplicated: "X-Spam-*"`), `one field name is needed here`},
		"a family malformed":      {whenever(`malformed: [A, "X-Spam-*"]`), `one field name is needed here`},
		"a family to one name":    {doing(`rename: {name: "X-Spam-*", to: X-Old}`), `3:36: rule 1: Rename: To: "X-Old": a family of names becomes another family; write the new beginning and a *, as in X-Old-*`},
		"one name to a family":    {doing(`rename: {name: X-Spam, to: "X-Old-*"}`), `one field name is needed here`},
		"a family with a space":   {doing(`delete: "X Spam-*"`), `"X Spam-" is not a valid field name`},
		"a name with its colon":   {doing(`delete: "X-Spam:"`), `"X-Spam:" is not a valid field name; write it without the colon`},
		"a template in a name":    {doing(`delete: "X-{{.Helo}}"`), `"X-{{.Helo}}": a field name is not a template`},
		"in a pattern":            {doing(`delete: {name: X, match: 'from {{ .Helo }}'}`), `3:30: rule 1: Delete: Match: "from {{ .Helo }}": a pattern ` + plain + `; to match two braces, write \{\{`},
		"in a condition":          {whenever(`matches: {name: X, match: '{{.Sender}}'}`), plain},
		"in helo":                 {whenever(`helo: '{{ .Client.Name }}'`), plain},
		"in a macro":              {whenever(`macro: {name: j, match: '{{ .Helo }}'}`), plain},
		"in strip":                {doing(`strip: {received: 'by {{ .Macro "j" }}'}`), plain},
		"in sender":               {whenever(`sender: ['{{.Auth}}']`), `"{{.Auth}}" is neither an address nor a domain; it ` + plain},
		"in recipient":            {whenever(`recipient: {match: '{{ .Auth }}'}`), plain},
		"in client":               {whenever(`client: '{{ .Client.Addr }}'`), `is neither an address nor a network`},
		"in the name of a rule":   {"rules: [{name: 'x {{ .Helo }}', do: [reject: x]}]", `1:16: rule 1 (x {{ .Helo }}): name: "x {{ .Helo }}" is not a template: nothing is replaced in it`},
		"in the name":             {"name: '{{.Rule}}'\nrules: []", `x.yaml:1:7: "{{.Rule}}" is not a template: nothing is replaced in it`},
		"in a status":             {doing(`reject: {status: '{{ .Rule }}'}`), `no valid reply: enhanced status "{{ .Rule }}" does not match code 550`},
		"a group without pattern": {doing(`add: {name: X, value: '{{ .Match 1 }}'}`), `3:27: rule 1: Add: Value: .Match 1: no pattern of this rule can have matched before`},
		"no groups":               {doing(`replace: {name: X, match: 'invoice', value: '{{ .Match 1 }}'}`), `3:49: rule 1: Replace: Value: .Match 1: the patterns of this rule have no groups; write ( ) around what you want, or .Match 0 for the whole match`},
		"too few groups":          {doing(`replace: {name: X, match: '(a)(b)', value: '{{ .Match 3 }}'}`), `.Match 3: the patterns of this rule have groups up to 2 only`},
		"a group of a later one":  {doing("add: {name: X, value: '{{ .Match 1 }}'}\n  - delete: {name: X, match: '(a)'}"), `.Match 1: no pattern`},
		"a group of another rule": {"rules:\n- do: [{delete: {name: X, match: '(a)'}}]\n- do: [{quarantine: '{{ .Match 1 }}'}]\n", `.Match 1: no pattern`},
		"a group of strip":        {doing("strip: {received: '(a)'}\n  - quarantine: '{{ .Match 1 }}'"), `.Match 1: no pattern`},
		"a group below not":       {"rules:\n- when: {not: {matches: {name: X, match: '(a)'}}}\n  do: [{quarantine: '{{ .Match 1 }}'}]\n", `.Match 1: no pattern`},
		"below not any":           {"rules:\n- when: {not: {any: [{helo: '(a)'}, {sender: {match: (b)}}]}}\n  do: [{quarantine: '{{ .Match 1 }}'}]\n", `.Match 1: no pattern`},
		"a misspelt group":        {doing(`replace: {name: X, match: '(?P<name>a)(?P<other>b)', value: '{{ .Group "nam" }}'}`), `.Group "nam": no pattern of this rule has the group (did you mean name?); the named groups are name, other`},
		"no named groups":         {doing(`replace: {name: X, match: '(a)', value: '{{ .Group "name" }}'}`), `.Group "name": the patterns of this rule have no named groups; write (?P<name>…)`},
		"a group of no name":      {doing(`replace: {name: X, match: '(a)(?P<b>c)', value: '{{ .Group "" }}'}`), `no pattern of this rule has the group`},
		"no value to use":         {doing(`add: {name: X, value: '{{ .Value }}'}`), `3:27: rule 1: Add: Value: .Value is the value of a field that is changed; nothing is changed here`},
		"no value in a reply":     {doing(`reject: '{{ .Value }}'`), `nothing is changed here`},
		"always skipped":          {doing(`add: {name: X, value: ' ', skip_empty: true}`), `3:27: rule 1: Add: Value: the value is empty, and skip_empty skips it`},
		"inserted, skipped":       {doing(`insert: {name: X, value: '', skip_empty: true}`), `and skip_empty skips it for every message`},
		"no address to reply to":  {doing(`reply_to: '<>'`), `3:15: rule 1: ReplyTo: Value: "<>" is not a list of addresses, so no message would be changed`},
		"replaced by blanks":      {doing(`replace: {name: X, value: '  '}`), `Replace: Value: the value is empty; use Delete`},
		"before it only blanks":   {doing(`prefix: {name: X, text: '  '}`), `Prefix: Text: the text is empty`},
		"a tag of an address":     {doing(`prefix: {name: From, text: '[EXT] '}`), `3:20: rule 1: Prefix: Name: the field From has addresses or phrases, which text before or behind them destroys; tag Subject, or write replace with match`},
		"a tag behind addresses":  {doing(`suffix: {name: [Subject, resent-to], text: ' x'}`), `3:30: rule 1: Suffix: Name: the field resent-to has addresses`},
		"a tag of a list":         {doing(`prefix: {name: List-Id, text: x}`), `the field List-Id has addresses or phrases`},
		"a tag of an identifier":  {doing(`prefix: {name: Message-ID, text: x}`), `the field Message-ID is not a field of text; to change its value, write replace`},
		"a tag of a type":         {doing(`suffix: {name: Content-Type, text: '; a=b'}`), `is not a field of text`},
		"a tag of Resent fields":  {doing(`prefix: {name: Resent-*, text: x}`), `the fields of Resent-* are not all fields of text; name those that are`},
		"a line feed":             {deletingBy(`a\n\s+b`), `3:36: rule 1: Delete: Match: the pattern can never match: it needs a line feed`},
		"a line feed in each":     {deletingBy(`(a\nb|[\n])+`), `it needs a line feed`},
		"a line feed in helo":     {whenever(`helo: 'a\n'`), `it needs a line feed`},
		"blanks first":            {deletingBy(`^\s+x`), `it needs white space at the beginning or end of a value`},
		"a space first":           {deletingBy(`^ x`), `it needs white space at the beginning or end`},
		"a space last":            {deletingBy(`(?i)x[ \t]{1,2}$`), `it needs white space at the beginning or end`},
		"a space in each":         {deletingBy(`^( a|\tb)|c $`), `it needs white space at the beginning or end`},
		"text before the begin":   {deletingBy(`a^b`), `3:36: rule 1: Delete: Match: the pattern can never match: no text has what it needs, such as text before ^ or behind $`},
		"text behind the end":     {deletingBy(`^$a`), `no text has what it needs`},
		"a group behind the end":  {deletingBy(`(x$)+(a|b)`), `no text has what it needs`},
		"no character":            {deletingBy(`[^\x00-\x{10FFFF}]`), `no text has what it needs`},
		"no character in each":    {deletingBy(`a[^\x00-\x{10FFFF}]|b$c`), `no text has what it needs`},
		"an edge in a word":       {whenever(`helo: 'a\bb'`), `no text has what it needs`},
		"no edge of a word":       {whenever(`sender: {match: 'a\B@'}`), `no text has what it needs`},
		"a begin twice":           {deletingBy(`(^a){2}`), `no text has what it needs`},
		"lines":                   {deletingBy(`(?m)^a$\n^b$`), `it needs a line feed`},
		"a line behind another":   {deletingBy(`(?m)a$[\s]^b`), `it needs a line feed`},
		"a space alone":           {deletingBy(`^\s$`), `it needs white space at the beginning or end`},
		"present and absent":      {whenever(`present: X, absent: x`), `rule 1: All: Absent: the condition never holds: X cannot be both present and absent`},
		"nested":                  {whenever(`all: [{matches: {name: X, match: y}}, {not: {not: {absent: X}}}]`), `the condition never holds`},
		"absent in a list":        {whenever(`present: Subject, any: [{absent: Subject}]`), `2:33: rule 1: All: Any: the condition never holds: Subject cannot be both present and absent`},
		"absent in each":          {whenever(`present: X, any: [{absent: X}, {all: [{absent: x, helo: a}]}]`), `the condition never holds`},
		"in a list before":        {whenever(`all: [{all: [{absent: X}, {helo: a}]}, {matches: {name: X, match: y}}]`), `the condition never holds`},
		"in no list":              {whenever(`not: {any: [{present: X}, {helo: a}]}, present: X`), `the condition never holds`},
		"not all":                 {whenever(`present: X, absent: Y, not: {all: [{present: X}, {absent: Y}]}`), `the condition never holds`},
		"a family and one of it":  {whenever(`absent: X-Spam-*, present: X-Spam-Flag`), `X-Spam-Flag cannot be both present and absent`},
		"logged in and not":       {whenever(`all: [{authenticated: true}, {authenticated: false}]`), `2:55: rule 1: All: Not: the condition never holds: a client cannot have logged in and not have logged in`},
		"larger and smaller":      {whenever(`all: [{size: {over: 10}}, {size: {under: 5}}]`), `no message is both larger than 10 and smaller than 5 bytes`},
		"in two networks":         {whenever(`all: [{client: 10.0.0.0/8}, {client: [192.0.2.1, '::1']}]`), `no client is in both lists of networks; for either of them, write one list`},
		"of two domains":          {whenever(`all: [{sender: [a.example, .b.example]}, {sender: [x@b.example]}]`), `no sender is in both lists`},
		"a client's name":         {whenever(`client: mail.example.org`), `"mail.example.org" is neither an address nor a network; a client's name is matched by macro: {name: client_name, match: …}`},
		"an @":                    {whenever(`sender: [a@b.c, '@']`), `2:26: rule 1: Sender: In/2: "@" is neither an address nor a domain, such as`},
		"two in one":              {whenever(`sender: 'a@b.c, d@e.f'`), `write a list, as in [a.example, b.example]`},
		"two domains in one":      {whenever(`sender: 'b.c;e.f'`), `write a list`},
		"a pattern in a list":     {whenever(`sender: '.*@b\.c$'`), `for a pattern, write {match: '…'}`},
		"angle brackets":          {whenever(`sender: '<a@b.c>'`), `write it without angle brackets`},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := headers.Parse("x.yaml", []byte(c.text))
			require.Error(t, err)
			assert.Contains(t, err.Error(), c.want)
			assert.Regexp(t, `^x\.yaml:\d+:\d+: `, err.Error())
		})
	}
}

// TestCanWork checks that rules that are like those of TestCannotWork, but can work, are
// accepted without a warning.
func TestCanWork(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"braces in a pattern":        deletingBy(`dear \{\{ name }}`),
		"a group of either":          "rules:\n- when: {any: [{helo: '(a)'}, {sender: {match: b}}]}\n  do: [{quarantine: '{{ .Match 1 }}'}]\n",
		"a group below not not":      "rules:\n- when: {not: {not: {matches: {name: X, match: '(a)'}}}}\n  do: [{quarantine: '{{ .Match 1 }}'}]\n",
		"a group below not all":      "rules:\n- when: {not: {all: [{helo: '(a)'}, {sender: {match: b}}]}}\n  do: [{quarantine: '{{ .Match 1 }}'}]\n",
		"a group of an action":       doing("delete: {name: X, match: '(a)'}\n  - quarantine: '{{ .Match 1 }}{{ .Match 0 }}'"),
		"a group of recipient":       "rules:\n- when: {recipient: {match: '(?P<who>.+)@'}}\n  do: [{reject: '{{ .Group \"who\" }}'}]\n",
		"blanks that may be missing": deletingBy(`^\s*x\s*$`),
		"blanks within":              deletingBy(`^x y\s+z$|\S$`),
		"a line feed that may be":    deletingBy(`a\n?b|[\n ]c|(\n)*d`),
		"nothing at all":             deletingBy(`^$`),
		"no @":                       deletingBy(`^[^@]*$`),
		"no letters":                 deletingBy(`^[^a-z]*$`),
		"at most some characters":    deletingBy(`^.{0,80}$`),
		"an end, or a text":          deletingBy(`^$|a`),
		"a Kelvin sign":              deletingBy(`(?i)x\bk`),
		"an edge beside a word":      deletingBy(`a\b.|\Bb\Bc`),
		"one character":              deletingBy(`^\S$|^\pL$|[[:^ascii:]]`),
		"a begin that may be":        deletingBy(`(a|^)b(c|$)d?`),
		"one of two networks":        whenever(`all: [{client: [10.0.0.0/8, 192.0.2.1]}, {client: 10.1.0.0/16}]`),
		"a sender of a domain":       whenever(`all: [{sender: [x@a.example, .b.example]}, {sender: a.example}]`),
		"below a domain":             whenever(`all: [{sender: .b.example}, {sender: .a.b.example}]`),
		"a size":                     whenever(`all: [{size: {over: 5}}, {size: {under: 10}}]`),
		"absent but the family":      whenever(`present: X-Spam-*, absent: X-Spam-Flag`),
		"deleted for some":           "rules:\n- {when: {helo: a}, do: [delete: X]}\n- {when: {present: X}, do: [delete: A]}\n",
		"deleted in part":            "rules:\n- do: [{delete: {name: X, which: last}}, {delete: {name: X, match: a}}]\n- {when: {present: X}, do: [delete: A]}\n",
		"deleted, then added":        "rules:\n- do: [{delete: X-A-*}, {delete: X}, {add: {name: X, value: y}}]\n- {when: {helo: a}, do: [rename: {name: X-B-*, to: X-A-B-*}]}\n- {when: {present: X}, do: [delete: A]}\n- {when: {present: X-A-C}, do: [delete: A]}\n",
		"deleted, and absent":        "rules:\n- do: [delete: X]\n- {when: {any: [{absent: X}, {helo: a}]}, do: [delete: A]}\n",
		"a space of a word":          doing("delete: {name: X, match: '^ x', decoded: true}"),
		"an address literal":         whenever(`sender: ['[192.0.2.1]', 'ann@[IPv6:2001:db8::1]']`),
		"absent in one of a list":    whenever("present: X, any: [{absent: X}, {absent: Y}]"),
		"one list after another":     whenever("all: [{any: [{present: X}, {present: Y}]}, {any: [{absent: X}, {absent: Y}]}]"),
		"not all of a list":          whenever("present: X, not: {all: [{present: X}, {present: Y}]}"),
		"two fields":                 whenever(`absent: X, present: Y`),
		"not the second":             whenever("present: X, not: {present: {name: X, which: 2}}"),
		"one, or the second":         whenever("any: [{absent: X}, {present: {name: X, which: 2}}]"),
		"addresses, or none":         whenever("any: [{addresses: {name: From, unreadable: true}}, {absent: From}]"),
		"recipients in a reply":      doing("quarantine: 'for {{ .Recipients }}'"),
		"recipients compared":        whenever("equal: {of: '{{ .Recipients }}', to: '{{ .Auth }}'}"),
		"recipients that are shown":  doing("add: {name: X, value: '{{ domains .ShownRecipients }}'}"),
		"a name in From":             whenever("matches: {name: From, match: Boss}"),
		"an @ elsewhere":             whenever("matches: {name: Subject, match: '@example'}"),
		"joined, and there":          "rules:\n- do: [join: [To, Cc]]\n- {when: {present: [To, Cc]}, do: [delete: A]}\n",
	} {
		cfg, err := headers.Parse("x.yaml", []byte(text))
		if !assert.NoError(t, err, name) {
			continue
		}
		f, err := headers.NewReloadable(cfg)
		require.NoError(t, err, name)
		assert.Empty(t, f.Warnings(), name)
	}
}

// TestWarnings checks that what is valid and suspicious gets a warning with its place.
func TestWarnings(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, want string }{
		"behind last":             {"rules:\n- {last: true, do: [delete: A]}\n- do: [delete: B]\n- do: [delete: C]\n", "x.yaml:3:3: warning: rule 2: no message reaches this rule, because rule 1 is the end for every message"},
		"behind a rejection":      {"rules:\n- {name: no, do: [reject: x]}\n- {name: b, do: [delete: B]}\n", "x.yaml:3:3: warning: rule 2 (b): no message reaches this rule, because rule 1 (no)"},
		"two of one name":         {"rules:\n- {name: a, do: [delete: A]}\n- {name: a, do: [delete: B]}\n", "x.yaml:3:10: warning: rule 2 (a): name: rule 1 has the same name"},
		"after a rejection":       {doing("reject: x\n  - delete: A"), "x.yaml:4:13: warning: rule 1: Delete: the action is never performed"},
		"before a rejection":      {doing("delete: A\n  - reject: x"), "x.yaml:3:13: warning: rule 1: Delete: the action has no effect"},
		"in MIME parts":           {whenever("matches: {name: content-disposition, match: exe}"), "x.yaml:2:26: warning: rule 1: Matches: Name: Content-Disposition stands in MIME parts; this sees the header of the message, which seldom has it; the names of attachments are matched by part: {name: …}"},
		"names in MIME parts":     {whenever(`matches: {name: Content-Type, match: 'name=.*\.exe'}`), "the names of attachments stand in its MIME parts, and are matched by part: {name: …}"},
		"added at the delivery":   {whenever("absent: Return-Path"), "x.yaml:2:18: warning: rule 1: Absent: Name: MTAs add Return-Path when they deliver"},
		"every text":              {deletingBy(`.*`), "x.yaml:3:36: warning: rule 1: Delete: Match: the pattern matches every text"},
		"every text, too":         {deletingBy(`x*`), "the pattern matches every text"},
		"every whole text":        {deletingBy(`^(.*)$`), "the pattern matches every text"},
		"every text and more":     {deletingBy(`^(?i)x*[\s\S]*y?$`), "the pattern matches every text"},
		"every text with an end":  {deletingBy(`(ab)?$`), "the pattern matches every text"},
		"every text or another":   {deletingBy(`x|^.{0,}$`), "the pattern matches every text"},
		"every begin":             {whenever(`helo: '^'`), "the pattern matches every text"},
		"slashes":                 {deletingBy(`/spam/i`), "the slashes are a part of the pattern"},
		"the edge of a word":      {deletingBy(`\<spam\>`), `the edge of a word is \b`},
		"two backslashes":         {deletingBy(`\\.exe$`), `\\ stands for one backslash`},
		"a name before the value": {deletingBy(`^Subject: spam`), `the pattern is matched against the value only, which begins after "Subject:"`},
		"decoded without match":   {doing("delete: {name: X, decoded: true}"), "x.yaml:3:32: warning: rule 1: Delete: Decoded: decoded has no effect without match"},
		"its own name":            {doing("rename: {name: X, to: X}"), "the new name is the old one"},
		"one address":             {whenever("client: [192.168.1.0]"), "x.yaml:2:19: warning: rule 1: Client: Networks/1: 192.168.1.0 is one address; a network has a prefix length, as in 192.168.1.0/24"},
		"an address for a domain": {whenever("sender: 192.0.2.1"), `"192.0.2.1" is taken for a domain`},
		"a dot at the end":        {whenever("sender: a@example.org."), `"a@example.org." ends in a dot`},
		"brackets of an address":  {whenever("sender: {match: '^<ann@'}"), "x.yaml:2:26: warning: rule 1: Sender: Match: the pattern is matched against the address without angle brackets"},
		"a domain beyond ASCII":   {whenever("recipient: {match: '@müller[.]de$'}"), "Recipient: Match: the pattern is matched against the domain in ASCII, which begins with xn--"},
		"a macro for nothing":     {"macros: {mine: mail}\nrules: [{do: [delete: X]}]\n", "x.yaml:1:9: warning: Macros: no rule uses the macro \"mine\""},
		"no grammar":              {whenever("malformed: [From, X]"), "x.yaml:2:28: warning: rule 1: Malformed: Names/2: RFC 5322 has no grammar for X"},
		"deleted before":          {"rules:\n- do: [delete: X-Spam-*]\n- when: {authenticated: true, present: x-spam-flag}\n  do: [delete: A]\n", "x.yaml:3:40: warning: rule 2: Present: Name: a rule before this one deletes x-spam-flag from every message"},
		"deleted by name":         {"rules:\n- do: [delete: X]\n- when: {matches: {name: X, match: y}}\n  do: [delete: A]\n", "a rule before this one deletes X"},
		"results beside others":   {doing("insert: {name: authentication-results, value: mx; none}"), "x.yaml:3:20: warning: rule 1: Insert: Name: filters that check mail, such as contrib/dkim, write this field with all their results"},
		"results below others":    {doing("add: {name: Authentication-Results, value: mx; none}"), "use a name such as X-Auth-Note, and strip_auth_results against forged fields"},
		"no date":                 {doing("add: {name: Date, value: today}"), "x.yaml:3:30: warning: rule 1: Add: Value: Date cannot have this value: "},
		"two senders":             {doing("replace: {name: Sender, value: 'a@b.c, d@e.f'}"), "rule 1: Replace: Value: Sender cannot have this value: "},
		"a name not encoded":      {doing("replace: {name: From, value: 'Müller <m@example.org>'}"), "x.yaml:3:34: warning: rule 1: Replace: Value: From has a name that is not ASCII; with encode: true, every mail reader shows it"},
		"shown to all":            {doing("add: {name: X, value: 'a {{ .Recipients }} {{ .Recipients }}'}"), "x.yaml:3:27: warning: rule 1: Add: Value: .Recipients reveals the recipients of Bcc to all readers; .ShownRecipients lists those that the header shows"},
		"shown before a value":    {doing("prefix: {name: X, text: '{{ domains .Recipients }}'}"), "x.yaml:3:29: warning: rule 1: Prefix: Text: .Recipients reveals"},
		"shown by a macro":        {doing(`replace: {name: [X, Y], value: '{{ .Macro "{rcpt_addr}" }}'}`), "the macro rcpt_addr may reveal a recipient of Bcc"},
		"shown in a reply-to":     {doing("reply_to: '{{ .Recipients }}'"), ".Recipients reveals"},
		"an address in a text":    {whenever(`matches: {name: from, match: '(?i)@example\.org>?$'}`), "x.yaml:2:39: warning: rule 1: Matches: Match: a pattern sees the text of from, with names and comments, in which an address can be written in many ways; to look at the addresses, write addresses: {name: from, …}"},
		"addresses of none":       {"rules:\n- do: [delete: [X, Sender]]\n- when: {addresses: {name: Sender, in: a.b}}\n  do: [delete: A]\n", "x.yaml:3:28: warning: rule 2: Addresses: Name: a rule before this one deletes Sender from every message"},
		"always, in a list":       {whenever("any: [{present: X}, {all: [{absent: X}]}]"), "x.yaml:2:15: warning: rule 1: Any: the condition always holds"},
		"always":                  {whenever("any: [{present: X}, {absent: X}]"), "x.yaml:2:15: warning: rule 1: Any: the condition always holds"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg, err := headers.Parse("x.yaml", []byte(c.text))
			require.NoError(t, err)
			f, err := headers.NewReloadable(cfg)
			require.NoError(t, err)
			require.Len(t, f.Warnings(), 1)
			assert.Contains(t, f.Warnings()[0].Error(), c.want)
			assert.Regexp(t, `^x\.yaml:\d+:\d+: warning: `, f.Warnings()[0].Error())
			require.NoError(t, f.Reload(headers.Config{}))
			assert.Empty(t, f.Warnings())
		})
	}
}

// TestHints checks that mistakes of YAML, of patterns and of templates say what to write.
func TestHints(t *testing.T) {
	t.Parallel()
	const quotes = "needs single quotes if it has"
	value := func(text string) string { return doing("add:\n      name: X\n      value: " + text) }
	for text, want := range map[string]string{
		doing(`delete: {name: X, match: "\.exe"}`):   `3:31: found unknown escape character; between double quotes YAML itself reads the backslash: write the text in single quotes, as in '\.exe$'`,
		"rules:\n\t- do: []\n":                       "2:1: found character that cannot start any token; YAML is indented with spaces, not with tabs",
		"rules:\n- do:\n\t- delete: X\n":             "YAML is indented with spaces, not with tabs",
		value("[EXT]"):                               "5:14: want a text, got a list; a text that begins with [ needs quotes",
		value("{{ .Helo }}"):                         "5:14: want a text, got a mapping; a text that begins with { needs quotes",
		value("#tag"):                                "want a text, got nothing; an empty text, and one that begins with #, needs quotes",
		value("5"):                                   `want a text, got int "5"; as a text it needs quotes`,
		value("[EXT] x"):                             quotes,
		value("{{ .Helo }} x"):                       quotes,
		value("a: b"):                                quotes,
		value("@x"):                                  quotes,
		value("%x"):                                  quotes,
		value("- x"):                                 quotes,
		value(`"a" b`):                               quotes,
		value("'it's'"):                              quotes,
		value("&x"):                                  "anchors and aliases are not allowed; a text that begins with & or * needs quotes",
		value("&x y"):                                "a text that begins with & or * needs quotes",
		value("!x y"):                                "tags are not allowed; a text that begins with ! needs quotes",
		doing("delete: [[X]]"):                       "3:14: want a text, got a list",
		value("*x"):                                  "a text that begins with * or & needs quotes",
		value("'x"):                                  "a quote or a bracket before it is not closed",
		deletingBy(`(?=a)`):                          "have no look-ahead and no look-behind; use two conditions",
		deletingBy(`(?!a)`):                          "have no look-ahead and no look-behind",
		deletingBy(`(?<=a)`):                         "have no look-ahead and no look-behind",
		deletingBy(`(?<!a)`):                         "have no look-ahead and no look-behind",
		deletingBy(`(a)\1`):                          "cannot refer back to a group; a template can, with .Match or .Group",
		deletingBy(`(?P<a>b)(?P=a)`):                 "cannot refer back to a group",
		deletingBy(`\k<a>`):                          "cannot refer back to a group",
		deletingBy(`a++`):                            "no possessive, atomic",
		deletingBy(`(?>a)`):                          "no possessive, atomic",
		deletingBy(`*.exe`):                          "a pattern is a regular expression: for any text, write .*",
		deletingBy(`a\Z`):                            `write \z for the end`,
		deletingBy(`(?x) a`):                         "the flags are i, m, s and U",
		value("'{{ .Header \"X\" }}'"):               "rule 1: Add: Value: unknown fact .Header; the facts are .Address, .Auth, .Client.Addr,",
		value("'{{ .HELO }}'"):                       "unknown fact .HELO (did you mean .Helo?); the facts are",
		value("'{{ .Client }}'"):                     "unknown fact .Client (did you mean",
		value("'{{ .ClientAddr }}'"):                 "unknown fact .ClientAddr (did you mean .Client.Addr?)",
		value("'{{ .Queueid }}'"):                    "(did you mean .QueueID?)",
		value("'{{ Helo }}'"):                        "unknown function \"Helo\" (did you mean .Helo?); the functions are and, default,",
		value("'{{ .Helo | tolower }}'"):             "unknown function \"tolower\" (did you mean lower?)",
		value("'{{ .Match }}'"):                      ".Match takes one argument, as in .Match 1",
		value("'{{ .Group name }}'"):                 `invalid argument of .Group: name; write it as in .Group "name"`,
		doing("repleace: {name: X}"):                 `unknown key "repleace" (did you mean replace?); want add,`,
		doing("reply-to: a@b.c"):                     `(did you mean reply_to?)`,
		doing("add: {naem: X}"):                      `unknown key "naem" (did you mean name?); want`,
		doing("present: X"):                          `unknown key "present" (present is a condition and belongs below when); want`,
		whenever("delete: X"):                        `unknown key "delete" (delete is an action and belongs below do); want`,
		"rules:\n- reject: x\n":                      `unknown key "reject" (reject is an action: write do: [{reject: …}]); want`,
		"rules:\n- absent: X\n  do: [reject: x]\n":   `unknown key "absent" (absent is a condition: write when: {absent: …}); want`,
		"rule: []\n":                                 `unknown key "rule" (did you mean rules?); want`,
		"macros: {x: eom}\nrules: []\n":              `"eom" is not a stage with macros; want connect, helo, mail, rcpt, data, end of headers, end of message`,
		"macros: {x: end_of_message}\nrules: []\n":   `(did you mean end of message?)`,
		doing("reject: {code: 250}"):                 "3:13: rule 1: Reject: no valid reply: code 250 is neither 4yz nor 5yz",
		doing("reject: " + strings.Repeat("x", 600)): "no valid reply: line of more than 512 bytes",
	} {
		_, err := headers.Parse("x.yaml", []byte(text))
		if assert.Error(t, err, text) {
			assert.Contains(t, err.Error(), want, text)
			assert.NotContains(t, err.Error(), "wire: ", text)
		}
	}
}

// TestOneMistakeOnce checks that a mistake is not reported once more as another one.
func TestOneMistakeOnce(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		doing("replace: {name: X, value: '{{ .Date | foo }}'}"):             "x.yaml:3:31: rule 1: Replace: Value: unknown function",
		doing("replace: {name: X, match: 'a', value: '{{ .Match 2 }}'}"):    "rule 1: Replace: Value: .Match 2: ",
		doing("replace: {name: X, value: '{{ if }}'}"):                      "Replace: Value: ",
		doing(`replace: {name: X, value: "a\nb"}`):                          "contains a control character",
		doing(`prefix: {name: X, text: "\n"}`):                              "contains a control character",
		doing("add: {name: X, value: '{{ .Nope }}', skip_empty: true}"):     "unknown fact .Nope",
		doing("insert: {name: Date, value: '{{ foo }}', skip_empty: true}"): "unknown function",
		doing("reply_to: '{{ .Nope }}'"):                                    "x.yaml:3:15: rule 1: ReplyTo: Value: unknown fact .Nope",
		doing("reject: '{{ .Nope }}'"):                                      "unknown fact .Nope",
		doing("quarantine: '{{ .Nope }}'"):                                  "unknown fact .Nope",
		whenever("all: [{all: [{present: X}, {absent: X}]}, {helo: a}]"):    "x.yaml:2:46: rule 1: All: All: Absent: the condition never holds",
		whenever("equal: {of: '{{ .Nope }}', to: a}"):                       "unknown fact .Nope",
		whenever("equal: {of: a, to: [b, '{{ .Nope }}']}"):                  "unknown fact .Nope",
	} {
		_, err := headers.Parse("x.yaml", []byte(text))
		require.Error(t, err, text)
		assert.Contains(t, err.Error(), want)
		assert.NotContains(t, err.Error(), "\n", text)
	}
}
