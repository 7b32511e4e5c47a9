package main_test

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/headers"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// corpusMessage is a message of testdata/corpus, as a mail server stores it.
type corpusMessage struct {
	kind, name   string // the folder and the file
	sender, text string
}

// corpus returns the messages of testdata/corpus. They have the shapes that programs
// write: bounces, mail from lists, and broken but legitimate mail. Those in hostile have
// two From fields, and those in spoofed a From of example.org from outside.
func corpus(t *testing.T) []corpusMessage {
	t.Helper()
	files, err := filepath.Glob("testdata/corpus/*/*.eml")
	require.NoError(t, err)
	require.Greater(t, len(files), 60)
	var all []corpusMessage
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		path, rest, found := strings.Cut(string(text), "\n")
		require.True(t, found, file)
		sender, found := strings.CutPrefix(path, "Return-Path: <")
		require.True(t, found, file)
		dir, name := filepath.Split(file)
		all = append(all, corpusMessage{filepath.Base(dir), name, strings.TrimSuffix(sender, ">"), rest})
	}
	return all
}

// samples returns the rules that the repository shows, by file and number: each file of
// rules, and each block of rules on a page.
func samples(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	block := regexp.MustCompile("(?ms)^ *```[a-z]*\n(.*?)^ *```")
	for _, root := range []string{"../../docs", "../../contrib", "..", "../../README.md"} {
		require.NoError(t, filepath.WalkDir(root, func(path string, _ os.DirEntry, err error) error {
			if ext := filepath.Ext(path); err != nil || ext != ".md" && ext != ".yaml" || strings.Contains(path, "testdata") {
				return err
			}
			text, err := os.ReadFile(path)
			blocks := [][]string{{"", string(text)}}
			if filepath.Ext(path) == ".md" {
				blocks = block.FindAllStringSubmatch(string(text), -1)
			}
			for i, b := range blocks {
				if regexp.MustCompile(`(?m)^rules:`).MatchString(b[1]) && strings.Contains(b[1], "do:") {
					found[path+"#"+strconv.Itoa(i)] = b[1]
				}
			}
			return err
		}))
	}
	require.Contains(t, found, "../headerd/headerd.yaml#0")
	require.Greater(t, len(found), 1)
	return found
}

// refusing returns, for each kind of messages that a rule of a sample refuses, the beginning
// of the rule.
func refusing() map[string]string {
	return map[string]string{"hostile": "name: standard", "spoofed": "name: spoofed"}
}

// TestSamplesLoseNoMail runs every sample over the corpus. No sample refuses or holds
// legitimate mail, a bounce above all, or changes what it says and from whom. Each sample
// meets every message, by several mail servers, and each mail server meets every message,
// with one of the samples: all triples of these would take a minute.
func TestSamplesLoseNoMail(t *testing.T) {
	t.Parallel()
	all, found := corpus(t), samples(t)
	for i, path := range slices.Sorted(maps.Keys(found)) {
		text := found[path]
		cfg, err := headers.Parse(path, []byte(text))
		require.NoError(t, err)
		filter, err := headers.New(cfg)
		require.NoError(t, err)
		for j, p := range miltertest.Personalities() {
			t.Run(path+"/"+p.Name, func(t *testing.T) {
				t.Parallel()
				for k, m := range all {
					if (i+j+k)%len(found) != 0 {
						continue
					}
					res := miltertest.Run(t, filter, miltertest.Message(m.text, miltertest.From(m.sender)), miltertest.As(p))
					if of, ok := refusing()[m.kind]; ok {
						assert.Equal(t, strings.Contains(text, of), !res.Delivered(), "%s/%s", m.kind, m.name)
						continue
					}
					require.True(t, res.AssertAccepted(t), "%s/%s: %s", m.kind, m.name, res.Reply())
					assert.Empty(t, res.Quarantined, m.name)
					for _, name := range []string{"From", "Sender", "To", "Cc", "Date", "Message-ID", "References", "Content-Type"} {
						assert.Equal(t, sent(res, name), res.HeaderValues(name), "%s/%s", m.kind, m.name)
					}
				}
			})
		}
	}
}

// sent returns the values of the fields with a name in the message as sent.
func sent(res *miltertest.Result, name string) []string {
	var values []string
	for _, f := range res.Message.Header {
		if strings.EqualFold(f.Name, name) {
			values = append(values, strings.TrimPrefix(f.Value, " "))
		}
	}
	return values
}

// TestNullSenderIsNotRefused runs the hostile messages as bounces.
func TestNullSenderIsNotRefused(t *testing.T) {
	t.Parallel()
	cfg, err := headers.Load("headerd.yaml")
	require.NoError(t, err)
	filter, err := headers.New(cfg)
	require.NoError(t, err)
	for _, m := range corpus(t) {
		miltertest.Run(t, filter, miltertest.Message(m.text, miltertest.From(""))).AssertAccepted(t)
	}
}
