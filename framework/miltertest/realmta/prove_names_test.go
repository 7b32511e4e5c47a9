//go:build integration

package realmta_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/miltertest/realmta"
	"github.com/sluicemail/sluice/wire"
)

// offeredBits is the offer of both servers, which therefore does not tell them
// apart.
const offeredBits = wire.KnownProtocol &^ (wire.ProtoMDS256K | wire.ProtoMDS1M)

// TestProvePostfixByAnotherName shows what the servers send up to CONNECT,
// whatever the name of Postfix is: which of the macros v, t, {daemon_addr} and
// {if_name} have a value by default, and if a filter requests v and t.
func TestProvePostfixByAnotherName(t *testing.T) {
	t.Parallel()
	const asked = `t v`
	mta := realmta.StartPostfix(t, realmta.PostfixConfig{})
	for name, tt := range map[string]struct {
		main        map[string]string
		usual, list string
	}{
		"its name":     {map[string]string{}, "v=Postfix {daemon_addr}", "v=Postfix"},
		"mail_name":    {map[string]string{"mail_name": "Postcow"}, "v=Postcow {daemon_addr}", "v=Postcow"},
		"as Sendmail":  {map[string]string{"milter_macro_v": "8.18.1"}, "v=8.18.1 {daemon_addr}", "v=8.18.1"},
		"a hidden one": {map[string]string{"milter_macro_v": "-"}, "v=- {daemon_addr}", "v=-"},
	} {
		params := map[string]string{"mail_name": "Postfix", "milter_macro_v": "$mail_name $mail_version"}
		maps.Copy(params, tt.main)
		mta.Reconfigure(t, params)
		lines := oneMessage(t, mta, milter{})
		assert.Contains(t, lines[0], "protocol="+offeredBits.String(), name)
		assert.Equal(t, tt.usual, namesAtConnect(lines), name)
		content := strings.Join(lines, "\n")
		assert.Equal(t, 1, strings.Count(content, "MACRO for SMFIC_BODY "), name)
		assert.Equal(t, 2, strings.Count(content, "MACRO for SMFIC_HEADER "), name)
		lines = oneMessage(t, mta, milter{actions: wire.ActionSetSymList, macros: macroLists(asked, wire.MacroConnect)})
		assert.Equal(t, tt.list, namesAtConnect(lines), name)
	}
	assert.Equal(t, "v=Postcow {daemon_addr}", namesAtConnect(localMessage(t, mta)), "mail of the command sendmail")

	sendmail := realmta.StartSendmail(t, realmta.SendmailConfig{})
	lines := oneMessage(t, sendmail, milter{})
	assert.Contains(t, lines[0], "protocol="+offeredBits.String())
	assert.Equal(t, "{if_name}", namesAtConnect(lines))
	lines = oneMessage(t, sendmail, milter{actions: wire.ActionSetSymList, macros: macroLists(asked, wire.MacroConnect)})
	assert.Equal(t, "v="+sendmail.Version()+" t", namesAtConnect(lines))
}

// namesAtConnect describes the macros of CONNECT that tell the servers apart.
func namesAtConnect(lines []string) string {
	var words []string
	for _, line := range lines {
		macros, ok := strings.CutPrefix(line, "MTA SMFIC_MACRO for SMFIC_CONNECT")
		if !ok {
			continue
		}
		if _, v, ok := strings.Cut(macros, ` v="`); ok {
			words = append(words, "v="+v[:strings.IndexAny(v, ` "`)])
		}
		for _, name := range []string{"t", "{daemon_addr}", "{if_name}"} {
			if strings.Contains(macros, " "+name+`="`) {
				words = append(words, name)
			}
		}
	}
	return strings.Join(words, " ")
}

// localMessage sends a message with Postfix's command sendmail, and returns the
// traffic between Postfix and the milter.
func localMessage(t *testing.T, mta *realmta.Postfix) []string {
	t.Helper()
	tr := milter{}.start(t, mta)
	mta.Reconfigure(t, map[string]string{
		"non_smtpd_milters": "$smtpd_milters", "mail_name": "Postcow", "milter_macro_v": "$mail_name $mail_version",
	})
	cmd := mta.Command(t.Context(), "sendmail", "-i", "-f", "a@example.org", "local@example.test")
	cmd.Stdin = strings.NewReader(simple)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	return tr.lines(t)
}
