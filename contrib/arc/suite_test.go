package arc_test

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"iter"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v4"

	"github.com/sluicemail/sluice/contrib/arc"
	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/contrib/internal/canon"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// scenario is a document of the suite: keys, and messages with their results.
type scenario struct {
	Tests      yaml.Node         `yaml:"tests"`
	Records    map[string]string `yaml:"txt-records"`
	Domain     string            `yaml:"domain"`
	Selector   string            `yaml:"sel"`
	PrivateKey string            `yaml:"privatekey"`
}

// cases iterates over the cases of a scenario. The suite has four names twice, with the same
// result for both messages, so a map cannot hold them.
func (s *scenario) cases(t *testing.T) iter.Seq2[string, suiteTest] {
	t.Helper()
	return func(yield func(string, suiteTest) bool) {
		for pair := range slices.Chunk(s.Tests.Content, 2) {
			var test suiteTest
			require.NoError(t, pair[1].Decode(&test))
			if !yield(pair[0].Value, test) {
				return
			}
		}
	}
}

type suiteTest struct {
	Message string `yaml:"message"`
	CV      string `yaml:"cv"`

	Time      int64  `yaml:"t"`
	Headers   string `yaml:"sig-headers"`
	ID        string `yaml:"srv-id"`
	Seal      string `yaml:"AS"`
	Signature string `yaml:"AMS"`
	Results   string `yaml:"AAR"`
}

// The numbers of cases in the suite.
const (
	validationNames = 171
	validationCases = 175 // four names are there twice
	signingCases    = 17
)

// openSuite opens a file in the folder of public suites. They are data of others, and no part
// of this project.
func openSuite(t *testing.T, path string) *os.File {
	t.Helper()
	folder := os.Getenv("SLUICE_SUITES")
	if folder == "" {
		t.Skip(filepath.Base(path) + ": set SLUICE_SUITES to a folder with " + path +
			", of the suite that github.com/ValiMail/arc_test_suite publishes")
	}
	f, err := os.Open(filepath.Join(folder, path))
	require.NoError(t, err, "SLUICE_SUITES is set")
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// scenarios reads a file of the suite.
func scenarios(t *testing.T, path string) (all []scenario) {
	t.Helper()
	documents := yaml.NewDecoder(openSuite(t, path))
	for {
		var s scenario
		err := documents.Decode(&s)
		if errors.Is(err, io.EOF) {
			return all
		}
		require.NoError(t, err)
		all = append(all, s)
	}
}

func (s *scenario) zone() zone {
	z := make(zone)
	for name, text := range s.Records {
		z[strings.ToLower(name)] = []string{text}
	}
	return z
}

// status returns the result that the suite wants. It leaves it empty for a chain that the newest
// seal calls failed, which is a failure by RFC 8617 section 5.2.
func (s *suiteTest) status() arc.Status {
	if s.CV == "" {
		return arc.Fail
	}
	return arc.Status(strings.ToLower(s.CV))
}

// TestValidationSuite runs each case of the suite with the library and with the filter.
func TestValidationSuite(t *testing.T) {
	t.Parallel()
	library, filter, names := 0, 0, make(map[string]bool)
	for _, s := range scenarios(t, "arc/arc-draft-validation-tests.yml") {
		z := s.zone()
		conn := miltertest.NewServer(t, verifier(t, z)).Dial(t)
		for name, test := range s.cases(t) {
			r := verify(t, z, test.Message)
			assert.Equal(t, test.status(), r.Status, "%s: %s", name, r.Reason)
			library++
			res := conn.Run(t, miltertest.Message(test.Message))
			res.AssertAccepted(t)
			assert.Contains(t, res.Header("Authentication-Results"), "mx.example.net;\n\tarc="+string(test.status()), name)
			filter++
			names[name] = true
		}
	}
	assert.Len(t, names, validationNames)
	assert.Equal(t, validationCases, library)
	assert.Equal(t, validationCases, filter)
}

func (s *scenario) config(t *testing.T, test *suiteTest) arc.SealerConfig {
	t.Helper()
	key, err := dkim.ParseKey([]byte(s.PrivateKey))
	require.NoError(t, err)
	return arc.SealerConfig{
		Domain: s.Domain, Selector: s.Selector, Signer: key, Headers: strings.Split(test.Headers, ":"),
		AuthservID: test.ID, Now: func() time.Time { return time.Unix(test.Time, 0) },
	}
}

// one returns a value in one line, with each run of white space as one space.
func one(value string) string { return strings.Join(strings.Fields(value), " ") }

// names of the fields of a set, in the order in which they stand.
var setNames = []string{"ARC-Seal", "ARC-Message-Signature", "ARC-Authentication-Results"}

// TestSigningSuite compares the fields of each case of the suite with the library, and with the
// filters. The Authentication-Results fields of the messages are then those of an earlier filter.
//
// The fields are equal, apart from the kind of white space, but for b= of the ARC-Seal. The suite
// has computed it over an ARC-Message-Signature whose b= is in one line, and shows that in
// several. So b= of the seal is compared with a signature of such fields.
func TestSigningSuite(t *testing.T) {
	t.Parallel()
	library, filter := 0, 0
	for _, s := range scenarios(t, "arc/arc-draft-sign-tests.yml") {
		z := s.zone()
		for name, test := range s.cases(t) {
			want := []string{one(test.Seal), one(test.Signature), one(test.Results)}
			cfg := s.config(t, &test)
			compare := func(got []string) {
				if want[0] == "" {
					assert.Empty(t, got, name)
					return
				}
				require.Len(t, got, 3, name)
				assert.Equal(t, want[1:], got[1:], name)
				assert.Equal(t, without(want[0]), without(got[0]), name)
				assert.True(t, s.sealed(t, test.Message, want[0], got), name)
			}

			fields, err := arc.Seal(cfg, verify(t, z, test.Message), strings.NewReader(test.Message))
			if want[0] == "" {
				require.ErrorIs(t, err, arc.ErrNotSealed, name)
			} else {
				require.NoError(t, err, name)
			}
			for i := range fields {
				value, ok := strings.CutPrefix(fields[i], setNames[i]+": ")
				require.True(t, ok, fields[i])
				fields[i] = one(value)
			}
			compare(fields)
			library++
			compare(throughFilters(t, z, cfg, test.Message))
			filter++
		}
	}
	assert.Equal(t, signingCases, library)
	assert.Equal(t, signingCases, filter)
}

// signatureData is the tag b= with its value.
var signatureData = regexp.MustCompile(`\bb=[^;]*`)

func without(value string) string { return signatureData.ReplaceAllString(value, "b=") }

// sealed reports whether a seal is that of a set on top of the message, if b= of the set's
// ARC-Message-Signature is in one line.
func (s *scenario) sealed(t *testing.T, message, seal string, set []string) bool {
	t.Helper()
	inline := signatureData.ReplaceAllStringFunc(set[1], func(b string) string { return strings.ReplaceAll(b, " ", "") })
	var input []byte
	if !strings.Contains(seal, "cv=fail") { // all sets
		earlier := miltertest.Message(message).Header
		for i := 1; strings.Contains(seal, "cv=pass") && i < 3; i++ {
			for _, name := range slices.Backward(setNames) {
				for _, f := range earlier {
					if f.Name == name && strings.Contains(one(f.Value)+";", "i="+strconv.Itoa(i)+";") {
						input = canon.Relaxed.AppendField(input, f.Name, f.Value)
					}
				}
			}
		}
	}
	input = canon.Relaxed.AppendField(input, setNames[2], set[2])
	input = canon.Relaxed.AppendField(input, setNames[1], inline)
	input = bytes.TrimSuffix(canon.Relaxed.AppendField(input, setNames[0], without(seal)), []byte("\r\n"))
	key, err := dkim.ParseKey([]byte(s.PrivateKey))
	require.NoError(t, err)
	data, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(strings.TrimPrefix(signatureData.FindString(seal), "b="), " ", ""))
	require.NoError(t, err)
	digest := sha256.Sum256(input)
	return rsa.VerifyPKCS1v15(key.Public().(*rsa.PublicKey), crypto.SHA256, digest[:], data) == nil
}

// throughFilters seals a message with the filters, and returns the new fields.
func throughFilters(t *testing.T, z zone, cfg arc.SealerConfig, message string) []string {
	t.Helper()
	msg := miltertest.Message(message)
	var own [][2]string
	kept := msg.Header[:0]
	for _, f := range msg.Header {
		if f.Name == "Authentication-Results" {
			own = append(own, [2]string{f.Name, strings.TrimSpace(f.Value)})
		} else {
			kept = append(kept, f)
		}
	}
	msg.Header = kept
	sealer, err := arc.NewSealer(cfg)
	require.NoError(t, err)
	v, err := arc.NewVerifier(arc.VerifierConfig{Resolver: z, AuthservID: "other.example"})
	require.NoError(t, err)
	r := framework.NewRouter()
	r.Mount(v)
	r.Mount(adder(own...))
	r.Mount(sealer)
	res := miltertest.RunRouter(t, r, msg)
	res.AssertAccepted(t)
	if res.Edited.Header[0].Name != "ARC-Seal" {
		return nil
	}
	got := make([]string, len(setNames))
	for i, name := range setNames {
		require.Equal(t, name, res.Edited.Header[i].Name)
		got[i] = one(res.Edited.Header[i].Value)
	}
	return got
}
