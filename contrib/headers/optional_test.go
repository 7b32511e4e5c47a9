package headers_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/headers"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire"
)

// TestOptionalRules applies rules behind MTAs that allow all, or not all, of what they need.
func TestOptionalRules(t *testing.T) {
	t.Parallel()
	const header = "Subject: hello\nX-Old: 1\n"
	tests := map[string]struct {
		rules   string
		lacks   wire.Actions
		want    string // the header, or "" if the message is refused
		skipped []string
	}{
		"all is granted": {
			"[{optional: true, do: [{prefix: {name: Subject, text: '[x] '}}]}, {do: [{add: {name: X, value: y}}]}]", 0,
			"Subject: [x] hello\nX-Old: 1\nX: y\n", nil,
		},
		"a change": {
			"[{name: tag, optional: true, do: [{prefix: {name: Subject, text: '[x] '}}]}, {do: [{add: {name: X, value: y}}]}]", wire.ActionChgHdrs,
			header + "X: y\n",
			[]string{"tag SMFIF_CHGHDRS"},
		},
		"all actions of the rule": {
			"[{optional: true, do: [{add: {name: A, value: b}}, {delete: X-Old}]}]", wire.ActionChgHdrs,
			header,
			[]string{"rule 1 SMFIF_ADDHDRS|SMFIF_CHGHDRS"},
		},
		"last": {
			"[{optional: true, do: [{delete: X-Old}], last: true}, {do: [{add: {name: X, value: y}}]}]", wire.ActionChgHdrs,
			header + "X: y\n",
			[]string{"rule 1 SMFIF_CHGHDRS"},
		},
		"a rename": {
			"[{optional: true, do: [{rename: {name: X-Old, to: X-New}}]}]", wire.ActionAddHdrs,
			header,
			[]string{"rule 1 SMFIF_ADDHDRS|SMFIF_CHGHDRS"},
		},
		"a rename, and an addition that is required": {
			"[{optional: true, do: [{rename: {name: X-Old, to: X-New}}]}, {do: [{add: {name: X, value: y}}]}]", wire.ActionChgHdrs,
			header + "X: y\n",
			[]string{"rule 1 SMFIF_ADDHDRS|SMFIF_CHGHDRS"},
		},
		"beside another field": {
			"[{optional: true, do: [{insert: {name: A, value: b, above: Subject}}]}]", wire.ActionAddHdrs,
			header,
			[]string{"rule 1 SMFIF_ADDHDRS"},
		},
		"quarantine": {
			"[{optional: true, do: [{quarantine: x}]}, {do: [{delete: X-Old}]}]", wire.ActionQuarantine,
			"Subject: hello\n",
			[]string{"rule 1 SMFIF_QUARANTINE"},
		},
		"the same action in another rule": {
			"[{optional: true, do: [{delete: X-Old}]}, {do: [{delete: Subject}]}]", wire.ActionChgHdrs,
			"", nil,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := miltertest.Postfix().WithoutActions(tt.lacks)
			srv := miltertest.NewServer(t, parsed(t, "rules: "+tt.rules), miltertest.As(p))
			conn := srv.Dial(t)
			for range 2 { // the second message has no further line
				res := conn.Run(t, miltertest.Message(header+"\nbody\n"))
				if tt.want == "" {
					res.AssertTempFailed(t)
				} else {
					assert.Equal(t, tt.want, headerOf(res))
				}
			}
			srv.Close(t)
			var skipped []string
			for _, record := range srv.Logs() {
				if record.Message == "optional rule skipped: the MTA does not allow its actions" {
					rule, _ := miltertest.LogAttr(record, "rule")
					needs, _ := miltertest.LogAttr(record, "needs")
					skipped = append(skipped, rule.String()+" "+needs.String())
				}
			}
			assert.Equal(t, tt.skipped, skipped)
		})
	}
}

func TestOptionalMistakes(t *testing.T) {
	t.Parallel()
	_, err := headers.Parse("x.yaml", []byte("rules:\n- optional: true\n  do:\n  - strip_auth_results: mx.example.org\n"))
	require.EqualError(t, err, "x.yaml:2:13: rule 1: optional: a rule with strip_auth_results cannot be optional: "+
		"behind a server that does not let it delete fields, readers would trust forged results")

	f, err := headers.NewReloadable(config(t, "rules:\n- optional: true\n  do: [{reject: no}]\n"))
	require.NoError(t, err)
	require.Len(t, f.Warnings(), 1)
	assert.EqualError(t, f.Warnings()[0], "test.yaml:2:13: warning: rule 1: optional: the actions of the rule need no permission, so that it is never skipped")
}

func TestReloadOptional(t *testing.T) {
	t.Parallel()
	f, err := headers.NewReloadable(config(t, "rules: [{optional: true, do: [{delete: X}]}, {do: [{add: {name: X, value: y}}]}]"))
	require.NoError(t, err)
	var more *headers.NeedsMoreError
	require.ErrorAs(t, f.Reload(config(t, "rules: [{do: [{delete: X}]}]")), &more)
	assert.Equal(t, []string{"permission to change fields"}, more.Missing, "it was a wish")
	require.ErrorAs(t, f.Reload(config(t, "rules: [{optional: true, do: [{quarantine: X}]}]")), &more)
	assert.Equal(t, []string{"permission to quarantine, as a wish"}, more.Missing)
	require.NoError(t, f.Reload(config(t, "rules: [{optional: true, do: [{add: {name: X, value: y}}]}]")))
}

func TestPermissions(t *testing.T) {
	t.Parallel()
	f, err := headers.NewReloadable(config(t, "rules:\n- do:\n  - add: {name: X, value: y}\n  - reject: no\n- name: tag\n  optional: true\n  do:\n  - prefix: {name: Subject, text: x}\n"))
	require.NoError(t, err)
	assert.Equal(t, []headers.Permission{
		{Rule: "rule 1", Action: "Add", Actions: wire.ActionAddHdrs, File: "test.yaml", Line: 3},
		{Rule: "rule 2 (tag)", Action: "Prefix", Actions: wire.ActionChgHdrs, Optional: true, File: "test.yaml", Line: 8},
	}, f.Permissions())
}
