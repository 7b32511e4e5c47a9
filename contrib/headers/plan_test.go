package headers_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
)

// TestPlans compares what configurations ask of the MTA with golden files.
func TestPlans(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"no-rules":      "rules: []",
		"add-only":      "rules: [{do: [{add: {name: X, value: y}}, {insert: {name: X, value: '{{ .Date }} {{ .Rule }}'}}]}]",
		"add-facts":     "rules: [{do: [{add: {name: X, value: '{{ .Client.Addr }} {{ .Helo }} {{ .QueueID }} {{ .Auth }}'}}]}]",
		"add-envelope":  "rules: [{do: [{add: {name: X, value: '{{ .Sender }}'}}]}]",
		"delete":        "rules: [{do: [{delete: X}]}]",
		"insert-beside": "rules: [{do: [{insert: {name: X, value: y, above: Subject}}, {insert: {name: X, value: y, top: true}}]}]",
		"auth-results":  "rules: [{do: [{strip_auth_results: {}}]}]",
		"auth-relays":   "rules: [{do: [{strip_auth_results: {id: a, relays: 10.0.0.0/8}}]}]",
		"join":          "rules: [{do: [{join: [To, Cc]}]}]",
		"addresses":     "rules: [{when: {addresses: {name: From, in: example.org}}, do: [{reject: no}]}]",
		"equal":         "rules: [{when: {equal: {of: '{{ .Helo }}', to: '{{ .Client.Name }}'}}, do: [{reject: no}]}]",
		"equal-author":  "rules: [{when: {equal: {of: '{{ .Address \"From\" }}', to: '{{ .Auth }}'}}, do: [{reject: no}]}]",
		"add-times":     "rules: [{do: [{add: {name: X, value: '{{ .Unique }} {{ .Time \"unix\" }}'}}]}]",
		"add-shown":     "rules: [{do: [{add: {name: X, value: '{{ .ShownRecipients }}'}}]}]",
		"rename":        "rules: [{do: [{rename: {name: X, to: Y}}]}]",
		"reject":        "rules: [{when: {client: 10.0.0.0/8}, do: [{reject: no}]}]",
		"reject-header": "rules: [{when: {absent: From}, do: [{reject: no}]}]",
		"quarantine":    "rules: [{when: {recipient: example.org}, do: [{quarantine: x}]}]",
		"size":          "rules: [{when: {size: {over: 9}}, do: [{reject: no}]}]",
		"part":          "rules: [{when: {part: {name: x}}, do: [{reject: no}]}]",
		"macro":         "macros: {my: rcpt}\nrules: [{when: {macro: my}, do: [{reject: no}]}]",
		"submission":    "rules: [{when: {authenticated: true}, do: [{strip: {}}, {reply_to: '{{ .Sender }}'}]}]",
	}
	for name, text := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := framework.NewRouter()
			r.Mount(parsed(t, text))
			plan, err := r.Plan()
			require.NoError(t, err)
			got := described(plan)
			golden := filepath.Join("testdata", "plans", name+".golden")
			if *update {
				require.NoError(t, os.WriteFile(golden, []byte(got), 0o600))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			assert.Equal(t, string(want), got)
		})
	}
}

// described returns a plan without its reasons, one bit per line.
func described(p *framework.Plan) string {
	var b strings.Builder
	for _, bits := range []string{p.Actions.String(), p.Optional.String(), p.Protocol.String()} {
		_, _ = b.WriteString(strings.ReplaceAll(bits, "|", "\n") + "\n\n")
	}
	for _, l := range p.Macros {
		_, _ = b.WriteString(l.Stage.String() + " " + l.Names + "\n")
	}
	return b.String()
}
