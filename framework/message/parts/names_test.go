package parts_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/message/parts"
)

// nameTest is the header of a part, and what is told of it. The first name is what a
// reader shows that keeps to the standards or, if they do not say, what most show.
type nameTest struct {
	header string
	kind   string
	names  []string
	flaws  parts.Flaws
}

const disposition = "Content-Disposition: attachment; "

func nameTests() map[string]nameTest {
	return map[string]nameTest{
		"no header":                {"", "text/plain", nil, 0},
		"no name":                  {"Content-Type: image/png", "image/png", nil, 0},
		"filename":                 {disposition + "filename=a.exe", "text/plain", []string{"a.exe"}, 0},
		"filename in quotes":       {disposition + `filename="a.exe"`, "text/plain", []string{"a.exe"}, 0},
		"name":                     {"Content-Type: application/zip; name=a.zip", "application/zip", []string{"a.zip"}, 0},
		"both the same":            {"Content-Type: image/png; name=\"a.png\"\n" + disposition + "filename=\"a.png\"", "image/png", []string{"a.png"}, 0},
		"both, different":          {"Content-Type: image/png; name=\"a.exe\"\n" + disposition + "filename=\"a.png\"", "image/png", []string{"a.png", "a.exe"}, 0},
		"name in a disposition":    {disposition + "name=a.exe", "text/plain", []string{"a.exe"}, 0},
		"filename in a type":       {"Content-Type: text/html; filename=a.exe", "text/html", []string{"a.exe"}, 0},
		"capitals":                 {"CONTENT-DISPOSITION: ATTACHMENT; FILENAME=A.EXE", "text/plain", []string{"A.EXE"}, 0},
		"spaces":                   {"Content-Disposition: attachment ; filename = \"a.exe\" ", "text/plain", []string{"a.exe"}, 0},
		"space before the colon":   {"Content-Disposition : attachment; filename=a.exe", "text/plain", []string{"a.exe"}, 0},
		"folded":                   {"Content-Disposition: attachment;\n\tfilename=\"a b\n c.exe\"", "text/plain", []string{"a b c.exe"}, 0},
		"spaces without quotes":    {disposition + "filename=my file.exe", "text/plain", []string{"my file.exe", "my"}, 0},
		"comment behind":           {disposition + "filename=a.exe (a program)", "text/plain", []string{"a.exe", "a.exe (a program)"}, 0},
		"comment before":           {disposition + "filename=(x)a.exe", "text/plain", []string{"a.exe", "(x)a.exe"}, 0},
		"comment in the name":      {disposition + "filename(x)=a.exe", "text/plain", []string{"a.exe"}, 0},
		"parentheses":              {disposition + "filename=a (1).exe", "text/plain", []string{"a (1).exe", "a"}, 0},
		"parentheses in quotes":    {disposition + `filename="a (1).exe"`, "text/plain", []string{"a (1).exe"}, 0},
		"hidden in a comment":      {disposition + "filename=a.txt (; filename=b.exe)", "text/plain", []string{"a.txt", "a.txt (", "b.exe)"}, 0},
		"comment without end":      {disposition + "(x; filename=a.exe", "text/plain", []string{"a.exe"}, 0},
		"escaped quote":            {disposition + `filename="a\"b.exe"`, "text/plain", []string{`a"b.exe`, `a\"b.exe`}, 0},
		"path":                     {disposition + `filename="C:\tmp\a.exe"`, "text/plain", []string{"C:tmpa.exe", `C:\tmp\a.exe`}, 0},
		"semicolon in quotes":      {disposition + `filename="a;b.exe"`, "text/plain", []string{"a;b.exe"}, 0},
		"quote without end":        {disposition + `filename="a.exe`, "text/plain", []string{"a.exe", `"a.exe`}, 0},
		"quote ended by the next":  {disposition + `filename="a.exe; size=9`, "text/plain", []string{"a.exe", `"a.exe`}, 0},
		"text behind quotes":       {disposition + `filename="a.txt".exe`, "text/plain", []string{"a.txt", "a.txt.exe"}, 0},
		"single quotes":            {disposition + `filename='a.exe'`, "text/plain", []string{"'a.exe'"}, 0},
		"two filenames":            {disposition + "filename=a.txt; filename=a.exe", "text/plain", []string{"a.txt", "a.exe"}, 0},
		"two dispositions":         {disposition + "filename=a.txt\n" + disposition + "filename=a.exe", "text/plain", []string{"a.txt", "a.exe"}, 0},
		"no semicolon":             {"Content-Disposition: attachment filename=a.exe", "text/plain", []string{"a.exe"}, 0},
		"comma":                    {"Content-Disposition: attachment, filename=a.exe", "text/plain", []string{"a.exe"}, 0},
		"no head":                  {"Content-Disposition: filename=a.exe", "text/plain", []string{"a.exe"}, 0},
		"many semicolons":          {"Content-Disposition: attachment;;; ;filename=a.exe;", "text/plain", []string{"a.exe"}, 0},
		"junk parameters":          {"Content-Disposition: attachment; x; =y; ; filename=a.exe", "text/plain", []string{"a.exe"}, 0},
		"quoted attribute":         {disposition + `"filename"=a.exe`, "text/plain", []string{"a.exe"}, 0},
		"empty":                    {disposition + `filename=""; name=`, "text/plain", nil, 0},
		"2231":                     {disposition + "filename*=utf-8''gr%C3%BC%C3%9Fe.exe", "text/plain", []string{"grüße.exe"}, 0},
		"2231 with language":       {disposition + "filename*=us-ascii'en'a%2Eexe", "text/plain", []string{"a.exe"}, 0},
		"2231 in latin1":           {disposition + "filename*=iso-8859-1''gr%FC%DFe.exe", "text/plain", []string{"grüße.exe"}, 0},
		"2231 in a type":           {"Content-Type: application/octet-stream; name*=utf-8''malicious.exe", "application/octet-stream", []string{"malicious.exe"}, 0},
		"2231 in quotes":           {disposition + `filename*="utf-8''a%2Eexe"`, "text/plain", []string{"a.exe"}, 0},
		"2231 without charset":     {disposition + "filename*=''a%2Eexe", "text/plain", []string{"a.exe"}, 0},
		"2231 without apostrophes": {disposition + "filename*=a%2Eexe", "text/plain", []string{"a.exe"}, 0},
		"2231 with one apostrophe": {disposition + "filename*=utf-8'a%2Eexe", "text/plain", []string{"a.exe"}, 0},
		"2231 in unknown charset":  {disposition + "filename*=klingon''a%2Eexe", "text/plain", []string{"a.exe"}, parts.UnreadableName},
		"2231 in UTF-7":            {disposition + "filename*=utf-7''evil+AC4-exe", "text/plain", []string{"evil+AC4-exe"}, parts.UnreadableName},
		"2231 with bad percent":    {disposition + "filename*=utf-8''a%2%zz.exe%", "text/plain", []string{"a%2%zz.exe%"}, 0},
		"2231 and plain":           {disposition + "filename=a.txt; filename*=utf-8''a.exe", "text/plain", []string{"a.exe", "a.txt"}, 0},
		"continued":                {disposition + "filename*0=a; filename*1=.ex; filename*2=e", "text/plain", []string{"a.exe"}, 0},
		"continued out of order":   {disposition + "filename*1=.exe; filename*0=a", "text/plain", []string{"a.exe", ".exea"}, 0},
		"continued with a gap":     {disposition + "filename*0=a; filename*2=.exe", "text/plain", []string{"a", "a.exe"}, 0},
		"continued from 1":         {disposition + "filename*1=a; filename*2=.exe", "text/plain", []string{"a.exe"}, 0},
		"continued twice":          {disposition + "filename*0=a.; filename*1=txt; filename*1=exe", "text/plain", []string{"a.txt", "a.exe", "a.txtexe"}, 0},
		"continued and encoded":    {disposition + "filename*0*=utf-8''gr%C3%BC; filename*1*=%C3%9Fe; filename*2=.exe", "text/plain", []string{"grüße.exe"}, 0},
		"character over pieces":    {disposition + "filename*0*=utf-8''gr%C3; filename*1*=%BC.exe", "text/plain", []string{"grü.exe"}, 0},
		"percent over pieces":      {disposition + "filename*0*=utf-8''a%2; filename*1*=Eexe", "text/plain", []string{"a%2Eexe", "a.exe"}, 0},
		"percent in a plain piece": {disposition + "filename*0*=utf-8''a; filename*1=%2Eexe", "text/plain", []string{"a%2Eexe", "a.exe"}, 0},
		"no number":                {disposition + "filename*x=a.exe; filename**=b.exe", "text/plain", nil, 0},
		"word":                     {disposition + `filename="=?utf-8?q?a=2Eexe?="`, "text/plain", []string{"a.exe", "=?utf-8?q?a=2Eexe?="}, 0},
		"word without quotes":      {disposition + "filename==?utf-8?b?YS5leGU=?=", "text/plain", []string{"a.exe", "=?utf-8?b?YS5leGU=?="}, 0},
		"words in latin1":          {disposition + "filename=\"=?iso-8859-1?q?gr=FC?=\n =?iso-8859-1?q?=DFe.exe?=\"", "text/plain", []string{"grüße.exe", "=?iso-8859-1?q?gr=FC?= =?iso-8859-1?q?=DFe.exe?="}, 0},
		"word with text behind":    {disposition + `filename="=?utf-8?q?a?=.exe"`, "text/plain", []string{"a.exe", "=?utf-8?q?a?=.exe"}, 0},
		"words glued":              {disposition + `filename="=?utf-8?q?a=2E?==?utf-8?q?exe?="`, "text/plain", []string{"a.exe", "=?utf-8?q?a=2E?==?utf-8?q?exe?="}, 0},
		"words over pieces":        {disposition + `filename*0="=?utf-8?q?a?="; filename*1="=?utf-8?q?.exe?="`, "text/plain", []string{"a.exe", "=?utf-8?q?a?==?utf-8?q?.exe?="}, 0},
		"word in percent encoding": {disposition + "filename*=utf-8''=?utf-8?q?a=2Eexe?=", "text/plain", []string{"a.exe", "=?utf-8?q?a=2Eexe?="}, 0},
		"the whole field a word":   {"Content-Disposition: =?utf-8?q?attachment=3b_filename=3d=22a=2eace=22?=", "text/plain", []string{"a.ace"}, 0},
		"percent in a plain name":  {disposition + "filename=a%2Eexe", "text/plain", []string{"a%2Eexe", "a.exe"}, 0},
		"raw UTF-8":                {disposition + `filename="grüße.exe"`, "text/plain", []string{"grüße.exe"}, 0},
		"raw latin1":               {disposition + "filename=\"gr\xfc.exe\"", "text/plain", []string{"gr\ufffd.exe", "gr.exe"}, 0},
		"word, foreign byte":       {disposition + `filename="=?utf-8?b?ZX.ZpbC5leGU=?="`, "text/plain", []string{"evil.exe", "=?utf-8?b?ZX.ZpbC5leGU=?="}, 0},
		"word, TAB in base64":      {disposition + "filename=\"=?utf-8?b?ZX\tZpbC5leGU=?=\"", "text/plain", []string{"evil.exe", "=?utf-8?b?ZX\tZpbC5leGU=?=", "=?utf-8?b?ZXZpbC5leGU=?="}, 0},
		"word, behind padding":     {disposition + `filename="=?utf-8?b?ZXZpbC5leGU=LnR4dA==?="`, "text/plain", []string{"evil.exe.txt", "=?utf-8?b?ZXZpbC5leGU=LnR4dA==?="}, parts.UnreadableName},
		"word, character too many": {disposition + `filename="=?utf-8?b?ev.exe?="`, "text/plain", []string{"z\ufffd", "z", "=?utf-8?b?ev.exe?="}, parts.UnreadableName},
		"word, code not hex":       {disposition + `filename="=?utf-8?q?a=zz_evil=2Eexe?="`, "text/plain", []string{"a=zz evil.exe", "=?utf-8?q?a=zz_evil=2Eexe?="}, 0},
		"word, question mark":      {disposition + `filename="=?utf-8?q?a?b=2Eexe?="`, "text/plain", []string{"a?b.exe", "=?utf-8?q?a?b=2Eexe?="}, 0},
		"word, sloppy charset":     {disposition + `filename="=?UTF_8?q?evil=2Eexe?="`, "text/plain", []string{"evil.exe", "=?UTF_8?q?evil=2Eexe?="}, 0},
		"word, charset with space": {disposition + `filename="=?utf-8 ?q?evil=2Eexe?="`, "text/plain", []string{"evil.exe", "=?utf-8 ?q?evil=2Eexe?="}, 0},
		"word, no charset":         {disposition + `filename="=??q?evil=2Eexe?="`, "text/plain", []string{"evil.exe", "=??q?evil=2Eexe?="}, 0},
		"word, charset not told":   {disposition + `filename="=?unknown-8bit?q?evil=2Eexe?="`, "text/plain", []string{"evil.exe", "=?unknown-8bit?q?evil=2Eexe?="}, 0},
		"word, UTF-7":              {disposition + `filename="=?utf-7?q?evil+AC4-exe?="`, "text/plain", []string{"evil+AC4-exe", "=?utf-7?q?evil+AC4-exe?="}, parts.UnreadableName},
		"word, UTF-32":             {disposition + `filename="=?utf-32be?q?=00=00=00a=00=00=00=2E=00=00=00c?="`, "text/plain", []string{"a.c", "=?utf-32be?q?=00=00=00a=00=00=00=2E=00=00=00c?="}, 0},
		"word, NUL":                {disposition + `filename="=?utf-8?q?a.exe=00.txt?="`, "text/plain", []string{"a.exe .txt", "=?utf-8?q?a.exe=00.txt?="}, parts.UnreadableName},
		"word, unknown charset":    {disposition + `filename="=?bogus?q?evil=2Eexe?="`, "text/plain", []string{"evil.exe", "=?bogus?q?evil=2Eexe?="}, parts.UnreadableName},
		"word, ISO-2022-KR":        {disposition + `filename="=?iso-2022-kr?q?evil=2Eexe?="`, "text/plain", []string{"evil.exe", "=?iso-2022-kr?q?evil=2Eexe?="}, parts.UnreadableName},
		"word, byte that is none":  {disposition + `filename="=?utf-8?q?a.exe=FF?="`, "text/plain", []string{"a.exe\ufffd", "a.exe", "=?utf-8?q?a.exe=FF?="}, 0},
		"too many words":           {disposition + "filename=" + strings.Repeat("=?a?q??=", 1001) + ".exe", "text/plain", []string{"=?a?q??=.exe", strings.Repeat("=?a?q??=", 1001) + ".exe"}, parts.UnreadableName},
		"dot at the end":           {disposition + `filename="a.exe. "`, "text/plain", []string{"a.exe.", "a.exe"}, 0},
		"invisible character":      {disposition + "filename=\"a.e\u200bxe\"", "text/plain", []string{"a.e\u200bxe", "a.exe"}, 0},
		"right to left":            {disposition + "filename=\"a\u202efdp.exe\"", "text/plain", []string{"a\u202efdp.exe", "afdp.exe"}, 0},
		"NUL":                      {disposition + "filename=\"a.exe\x00.txt\"", "text/plain", []string{"a.exe .txt", "a.exe"}, parts.ControlInHeader},
		"CR alone":                 {"X: y\rContent-Type: text/html\n" + disposition + "filename=a.exe", "text/plain", []string{"a.exe"}, parts.ControlInHeader},
		"vertical tab":             {"Content-Disposition: attachment;\vfilename=a.exe", "text/plain", nil, parts.ControlInHeader},
		"form feed in a type":      {"Content-Type: text/plain;\fname=a.exe", "text/plain", nil, parts.ControlInHeader},
		"unit separator":           {disposition + "x=y;\x1ffilename=a.exe", "text/plain", nil, parts.ControlInHeader},
		"DEL":                      {disposition + "filename=a.e\x7fxe", "text/plain", []string{"a.e\x7fxe", "a.exe"}, parts.ControlInHeader},
		"control elsewhere":        {"Subject: a\vb\n" + disposition + "filename=a.exe", "text/plain", []string{"a.exe"}, 0},
		"raw ISO-2022-JP":          {disposition + "filename=\"\x1b$BF|K\\\x1b(B.txt\"", "text/plain", []string{"\x1b$BF|K\x1b(B.txt", "$BF|K(B.txt", "\x1b$BF|K\\\x1b(B.txt", "$BF|K\\(B.txt"}, 0},
		"type with spaces":         {"Content-Type: application / zip ; name=a.zip", "application/zip", []string{"a.zip"}, 0},
		"type with comment":        {"Content-Type: (a) application/zip (b); name=a.zip", "application/zip", []string{"a.zip"}, 0},
		"type in capitals":         {"Content-Type: APPLICATION/ZIP", "application/zip", nil, 0},
		"no subtype":               {"Content-Type: text; name=a.exe", "text/plain", []string{"a.exe"}, parts.BadType},
		"empty type":               {"Content-Type:", "text/plain", nil, parts.BadType},
		"type with two slashes":    {"Content-Type: image/png/x", "text/plain", nil, parts.BadType},
		"type of junk":             {"Content-Type: <x>; name=a.exe", "text/plain", []string{"a.exe"}, parts.BadType},
		"type begins with name":    {"Content-Type: name=a.exe", "text/plain", []string{"a.exe"}, parts.BadType},
		"bad type of a structure":  {"Content-Type: multipart; boundary=x", "text/plain", nil, parts.BadType | parts.AmbiguousType},
		"word for a structure":     {"Content-Type: =?utf-8?q?multipart/mixed?=; boundary=x", "text/plain", nil, parts.BadType | parts.AmbiguousType},
		"two types":                {"Content-Type: text/plain; name=a.txt\nContent-Type: application/x; name=a.exe", "text/plain", []string{"a.txt", "a.exe"}, parts.AmbiguousType},
		"the same type twice":      {"Content-Type: text/html; name=a\nContent-Type: text/html; name=a", "text/html", []string{"a"}, 0},
		"line that is no field":    {"Content-Type: text/html\njunk\n" + disposition + "filename=a.exe", "text/html", []string{"a.exe"}, parts.BrokenHeader},
		"line of white space":      {"Content-Type: text/html\n \n" + disposition + "filename=a.exe", "text/html", []string{"a.exe"}, parts.BrokenHeader},
		"first line is no field":   {"junk\n" + disposition + "filename=a.exe", "text/plain", []string{"a.exe"}, parts.BrokenHeader},
		"first line is folded":     {" x: y\n" + disposition + "filename=a.exe", "text/plain", []string{"a.exe"}, parts.BrokenHeader},
		"name of a field in UTF-8": {"Content-Diſposition: attachment; filename=a.exe", "text/plain", nil, parts.BrokenHeader},
		"too many names":           {disposition + manyNames(70), "text/plain", nil, parts.TooManyNames},
		"partial":                  {"Content-Type: message/partial; id=a; number=1; total=2", "message/partial", nil, parts.Partial},
		"TNEF":                     {"Content-Type: application/ms-tnef; name=winmail.dat", "application/ms-tnef", []string{"winmail.dat"}, 0},
	}
}

func manyNames(n int) string {
	return strings.Repeat("filename=a.txt; ", 2) + func() (list string) {
		for i := range n {
			list += "filename=" + strings.Repeat("a", i) + ".exe; "
		}
		return list
	}()
}

// TestNames tests what is told of a part in a multipart.
func TestNames(t *testing.T) {
	t.Parallel()
	for name, c := range nameTests() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			list, _ := walk(t, parts.Limits{}, "Content-Type: multipart/mixed; boundary=b\n\n--b\n"+
				strings.TrimSuffix(c.header+"\n", "\n\n")+"\n\ncontent\n--b--\n")
			if c.header == "" {
				list, _ = walk(t, parts.Limits{}, "Content-Type: multipart/mixed; boundary=b\n\n--b\n\ncontent\n--b--\n")
			}
			require.Len(t, list, 2)
			p := list[1]
			assert.Equal(t, c.kind, p.kind)
			assert.Equal(t, c.flaws, p.flaws, p.flaws)
			if c.flaws == parts.TooManyNames {
				assert.Len(t, p.names, 64)
				return
			}
			assert.Equal(t, c.names, p.names, "%q", p.names)
		})
	}
}

// TestNamesOfTheMessage tests the same header as that of the message itself.
func TestNamesOfTheMessage(t *testing.T) {
	t.Parallel()
	for name, c := range nameTests() {
		if c.flaws&parts.BrokenHeader != 0 || name == "CR alone" {
			continue // what the MTA makes of them is a question of its own
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			list, _ := walk(t, parts.Limits{}, "MIME-Version: 1.0\n"+c.header+"\n\ncontent\n")
			require.Len(t, list, 1)
			assert.Equal(t, c.kind, list[0].kind)
			assert.Equal(t, c.flaws, list[0].flaws, list[0].flaws)
			if c.flaws&parts.TooManyNames == 0 {
				assert.Equal(t, c.names, list[0].names, "%q", list[0].names)
			}
		})
	}
}
