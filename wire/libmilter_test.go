//go:build integration

package wire_test

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/wire"
)

// The headers of libmilter-dev. They must exist, because CI installs them.
var libmilterHeaders = []string{"/usr/include/libmilter/mfdef.h", "/usr/include/libmilter/mfapi.h"}

// ourConstants holds this package's constants by their C names.
func ourConstants() map[string]uint64 {
	ours := map[string]uint64{
		"SMFI_PROT_VERSION":    wire.MaxVersion,
		"SMFI_CURR_ACTS":       uint64(wire.KnownActions),
		"SMFI_CURR_PROT":       uint64(wire.KnownProtocol &^ (wire.ProtoMDS256K | wire.ProtoMDS1M)),
		"MILTER_CHUNK_SIZE":    wire.MaxBodyChunk,
		"MILTER_MAX_DATA_SIZE": wire.DefaultLimit - 1,
		"MILTER_MDS_256K":      wire.Limit256K - 1,
		"MILTER_MDS_1M":        wire.Limit1M - 1,
		"MILTER_LEN_BYTES":     wire.HeaderLen - 1,
		"SMFIA_UNKNOWN":        uint64(wire.FamilyUnknown),
		"SMFIA_UNIX":           uint64(wire.FamilyUnix),
		"SMFIA_INET":           uint64(wire.FamilyInet),
		"SMFIA_INET6":          uint64(wire.FamilyInet6),
	}
	for code := range 256 {
		if name := wire.CommandCode(code).String(); strings.HasPrefix(name, "SMFIC_") {
			ours[name] = uint64(code)
		}
		if name := wire.ReplyCode(code).String(); strings.HasPrefix(name, "SMFIR_") {
			ours[name] = uint64(code)
		}
	}
	for bit := range 32 {
		if a := wire.Actions(1 << bit); wire.KnownActions.Has(a) {
			ours[a.String()] = uint64(a)
		}
		if p := wire.Protocol(1 << bit); wire.KnownProtocol.Has(p) {
			ours[p.String()] = uint64(p)
		}
	}
	for stage := range wire.MacroStage(wire.NumMacroStages) {
		ours[stage.String()] = uint64(stage)
	}
	return ours
}

// Constants of the headers that this package does not define.
var notOurs = map[string]string{
	"SMFI_VERSION":     "the version of the library, not of the protocol",
	"SMFI_VERSION_MDS": "the version of the library, not of the protocol",
	"SMFI_V1_ACTS":     "version 1 is not implemented",
	"SMFI_V1_PROT":     "version 1 is not implemented",
	"SMFI_V2_ACTS":     "what version 2 offers is for an MTA to say",
	"SMFI_V2_PROT":     "what version 2 offers is for an MTA to say",
	"SMFI_INTERNAL":    "a mask of libmilter's own, over the MDS bits and a reserved one",
	"SMFIP_TEST":       "a bit for Sendmail's own tests, off in every build that is shipped",
	"SMFIP_NOHREPL":    "an older name of SMFIP_NR_HDR",
	"SMFIF_NONE":       "no bit",
	"SMFIF_MODBODY":    "an older name of SMFIF_CHGBODY",
	"SMFIM_NOMACROS":   "internal to libmilter",
	"SMFIM_FIRST":      "a marker, not a stage",
	"SMFIM_LAST":       "a marker, not a stage",
	"MILTER_OPTLEN":    "an expression, read as a number in TestNegotiateVersions",
	"MILTER_MDS_64K":   "the same as MILTER_MAX_DATA_SIZE",
}

var define = regexp.MustCompile(
	`(?m)^#\s*define\s+((?:SMFI[ACFIMPR]?|MILTER)_\w+)[ \t]+(\S.*?)[ \t]*(?:/\*.*)?$`)

// headerConstants returns the constants that the headers define as numbers, and
// the names of those that they define otherwise.
func headerConstants(t *testing.T) (numbers map[string]uint64, others map[string]bool) {
	t.Helper()
	numbers, others = map[string]uint64{}, map[string]bool{}
	for _, path := range libmilterHeaders {
		source, err := os.ReadFile(path)
		require.NoError(t, err, "install libmilter-dev")
		for _, m := range define.FindAllStringSubmatch(string(source), -1) {
			if n, ok := cNumber(m[2]); ok {
				numbers[m[1]] = n
			} else {
				others[m[1]] = true
			}
		}
	}
	return numbers, others
}

var dataSize = regexp.MustCompile(`^\(\((\d+) \* 1024\) - 1\)$`)

func cNumber(s string) (uint64, bool) {
	if len(s) == 3 && s[0] == '\'' {
		return uint64(s[1]), true
	}
	if m := dataSize.FindStringSubmatch(s); m != nil {
		n, err := strconv.ParseUint(m[1], 10, 32)
		return n*1024 - 1, err == nil
	}
	n, err := strconv.ParseUint(strings.TrimSuffix(s, "L"), 0, 64)
	return n, err == nil
}

func TestConstantsAreThoseOfLibmilter(t *testing.T) {
	t.Parallel()
	ours := ourConstants()
	theirs, others := headerConstants(t)
	require.Greater(t, len(theirs), 80, "the headers were read")

	for name, value := range theirs {
		if _, without := notOurs[name]; without {
			assert.NotContains(t, ours, name)
			continue
		}
		if assert.Containsf(t, ours, name, "%s is in the headers and not here", name) {
			assert.Equal(t, value, ours[name], name)
		}
	}
	for name := range others {
		assert.Contains(t, notOurs, name, "not a number that this test can read")
	}
	for name := range ours {
		assert.Containsf(t, theirs, name, "%s is here and not in the headers", name)
	}
	for name := range notOurs {
		_, number := theirs[name]
		assert.Truef(t, number || others[name], "%s is excused and not in the headers", name)
	}
}
