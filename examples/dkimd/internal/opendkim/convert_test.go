package opendkim_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v4"

	"github.com/sluicemail/sluice/examples/dkimd/internal/opendkim"
)

// convert converts the text of a configuration. In the result, DIR stands for
// the directory and CONF for the file.
func convert(t *testing.T, dir, text string) (yamlText string, notes []string, changes bool) {
	t.Helper()
	path := write(t, dir, "opendkim.conf", text)
	settings, err := opendkim.Read(path)
	require.NoError(t, err)
	result, err := opendkim.Convert(path, settings)
	require.NoError(t, err)
	plain := strings.NewReplacer(path, "CONF", dir, "DIR")
	for _, note := range result.Notes {
		notes = append(notes, plain.Replace(note.String()))
	}
	var parsed map[string]any
	require.NoError(t, yaml.Load([]byte(result.YAML), &parsed, yaml.WithUniqueKeys()))
	return plain.Replace(result.YAML), notes, result.Changes()
}

// TestConvert shows the lines that settings become. OpenDKIM's defaults that
// differ from dkimd's are written too.
func TestConvert(t *testing.T) {
	t.Parallel()
	const keyed = "Domain example.org\nSelector s\nKeyFile DIR/key\n"
	const tabled = "KeyTable file:DIR/KeyTable\nSigningTable refile:DIR/SigningTable\n"
	tests := map[string]struct {
		text string
		want []string // lines
		none []string // texts that are not there
	}{
		"nothing":                      {"", []string{"mode: verify  # OpenDKIM's default", "  max_signatures: 3  # OpenDKIM's default", "      temperror: tempfail  # OpenDKIM's default"}, []string{"trust", "signing"}},
		"signing alone":                {"Mode s\n" + keyed, []string{"mode: sign  # CONF:1 Mode", "  networks: [127.0.0.1]  # OpenDKIM's default", "  canonicalization: simple/simple  # OpenDKIM's default", "  oversign: []  # OpenDKIM's default"}, []string{"verifying"}},
		"no keys":                      {"Mode sv\nMacroList x\n", []string{"mode: verify  # CONF:1 Mode"}, []string{"macros"}},
		"verifying alone":              {"Mode v\n" + keyed, []string{"mode: verify  # CONF:1 Mode"}, []string{"keys:", "trust:"}},
		"the last counts":              {"SignatureTTL 1\nSignatureTTL 2\n" + keyed, []string{"  lifetime: 2s  # CONF:2 SignatureTTL"}, []string{"lifetime: 1s"}},
		"a socket":                     {"Socket local:/run/x\n", []string{"# Start dkimd with docs/deploy/dkimd.socket, or with -listen inet:9000@127.0.0.1  # CONF:1 Socket"}, []string{"unix:"}},
		"a path for a socket":          {"Socket /run/x\n", []string{"# Start dkimd with docs/deploy/dkimd.socket, or with -listen inet:9000@127.0.0.1  # CONF:1 Socket"}, []string{"unix:"}},
		"a socket of Debian":           {"Socket local:/run/opendkim/opendkim.sock\n", []string{"# Start dkimd with docs/deploy/dkimd.socket, or with -listen inet:9000@127.0.0.1  # CONF:1 Socket"}, []string{"/run"}},
		"a port of IPv6":               {"Socket inet6:8891@[::1]\n", []string{"# Start dkimd with -listen inet6:8891@[::1]  # CONF:1 Socket"}, nil},
		"a port":                       {"Socket inet:8891@localhost\n", []string{"# Start dkimd with -listen inet:8891@localhost  # CONF:1 Socket"}, nil},
		"one domain":                   {keyed, []string{"  - {name: example.org, domain: example.org, selector: s, file: DIR/key}  # CONF:1 Domain, CONF:2 Selector, CONF:3 KeyFile", "    - {senders: [example.org], keys: [example.org]}  # CONF:1 Domain"}, nil},
		"subdomains":                   {"SubDomains yes\nDomain example.org, A.example.org\nSelector s\nKeyFile DIR/key\n", []string{"    - {senders: [a.example.org, .a.example.org], keys: [a.example.org]}  # CONF:2 Domain, CONF:1 SubDomains", "    - {senders: [example.org, .example.org], keys: [example.org]}  # CONF:2 Domain, CONF:1 SubDomains"}, nil},
		"all domains":                  {"SubDomains yes\nDomain *,example.org\nSelector s\nKeyFile DIR/key\n", []string{"    - {senders: [example.org], keys: [example.org]}  # CONF:2 Domain", `    - {senders: ["*"], keys: ["*"]}  # CONF:2 Domain`, `  - {name: "*", domain: "%", selector: s, file: DIR/key}  # CONF:2 Domain, CONF:3 Selector, CONF:4 KeyFile`}, nil},
		"patterns of domains":          {"Domain refile:DIR/domains\nSelector s\nKeyFile DIR/key\n", []string{`    - {senders: ["*@*.example.net"], keys: ["*.example.net"]}  # CONF:1 Domain`, "    - {senders: [example.net], keys: [example.net]}  # CONF:1 Domain"}, nil},
		"a key for the group":          {"Domain example.org\nSelector s\nKeyFile DIR/group\n", []string{"  - {name: example.org, domain: example.org, selector: s, file: DIR/group, allow_readable: true}  # CONF:1 Domain, CONF:2 Selector, CONF:3 KeyFile"}, nil},
		"unsafe keys":                  {"RequireSafeKeys no\n" + tabled, []string{"    allow_readable: true  # CONF:1 RequireSafeKeys"}, nil},
		"tables":                       {tabled, []string{`    key_table: "file:DIR/KeyTable"  # CONF:1 KeyTable`, `    signing_table: "refile:DIR/SigningTable"  # CONF:2 SigningTable`}, []string{"third_party", "allow_readable"}},
		"tables, relative":             {"BaseDirectory DIR\nKeyTable file:KeyTable\nSigningTable file:./Others\n", []string{`    key_table: "file:DIR/KeyTable"  # CONF:2 KeyTable`, `    signing_table: "file:DIR/Others"  # CONF:3 SigningTable`, "    third_party: true  # a key signs for another domain"}, nil},
		"tables in lists":              {"KeyTable csl:one=example.org:s:DIR/key\nSigningTable example.org=one\n", []string{`    key_table: "csl:one=example.org:s:DIR/key"  # CONF:1 KeyTable`}, []string{"third_party"}},
		"several signatures":           {"MultipleSignatures yes\n" + tabled, []string{"  all_rules: true  # CONF:1 MultipleSignatures"}, nil},
		"recipients":                   {"DontSignMailTo a@example.net, b@example.net\n" + keyed, []string{"  except_recipients: [a@example.net, b@example.net]  # CONF:1 DontSignMailTo"}, nil},
		"recipients, all of a domain":  {"DontSignMailTo example.net, *@example.org, .net, b@.net, b@*, *, @x, a@example.net\n" + keyed, []string{"  except_recipients: [a@example.net]  # CONF:1 DontSignMailTo"}, nil},
		"recipients, none":             {"DontSignMailTo example.net\n" + keyed, nil, []string{"except_recipients"}},
		"recipients, with wildcards":   {"DontSignMailTo refile:DIR/recipients\n" + keyed, []string{`  except_recipients: ["*@example.net", "b*", a@example.net]  # CONF:1 DontSignMailTo`}, nil},
		"hosts in a file":              {"InternalHosts refile:DIR/hosts\n" + keyed, []string{`  hosts_file: "refile:DIR/hosts"  # CONF:1 InternalHosts`}, []string{"networks"}},
		"hosts in a list":              {"InternalHosts 127.0.0.1,10.0.0.0/8\n" + keyed, []string{`  networks: ["127.0.0.1/32", "10.0.0.0/8"]  # CONF:1 InternalHosts`}, []string{"hosts_file"}},
		"hosts as texts":               {"InternalHosts file:DIR/written\n" + keyed, []string{`  networks: ["2001:db8::1/128", "192.0.2.5/32", "2001:db8:1::/48", "192.0.2.64/26", "10.0.0.7/32"]  # CONF:1 InternalHosts`, `  except: ["192.0.2.70/32"]  # CONF:1 InternalHosts`}, []string{"hosts_file"}},
		"the same as texts":            {"BaseDirectory DIR\nInternalHosts ./same\n" + keyed, []string{`  hosts_file: DIR/same  # CONF:2 InternalHosts`}, []string{"networks"}},
		"brackets in a refile":         {"InternalHosts refile:DIR/same\n" + keyed, []string{`  networks: ["192.0.2.0/24", "2001:db8::/32", "10.0.0.0/8"]  # CONF:1 InternalHosts`}, []string{"hosts_file"}},
		"the name localhost":           {"InternalHosts 127.0.0.1,localhost\n" + keyed, []string{`  networks: ["127.0.0.1/32", "::1/128"]  # CONF:1 InternalHosts`}, nil},
		"not the name localhost":       {"InternalHosts 10.0.0.0/8,!localhost\n" + keyed, []string{`  networks: ["10.0.0.0/8"]  # CONF:1 InternalHosts`, `  except: ["127.0.0.1/32", "::1/128"]  # CONF:1 InternalHosts`}, nil},
		"hosts, a larger network":      {"InternalHosts refile:DIR/wide\n" + keyed, []string{`  hosts_file: "refile:DIR/wide"  # CONF:1 InternalHosts`}, nil},
		"no hosts":                     {"InternalHosts 10.0.0.1/8\n" + keyed, []string{`  networks: []  # CONF:1 InternalHosts`}, nil},
		"hosts with names":             {"InternalHosts refile:DIR/named\n" + keyed, []string{`  networks: ["127.0.0.1/32", "172.17.0.0/16"]  # CONF:1 InternalHosts`, `  except: ["172.17.9.0/24"]  # CONF:1 InternalHosts`}, []string{"hosts_file"}},
		"macros":                       {"MacroList any,{some}=a|b\nMTA MSA,sub\n" + keyed, []string{`    "{any}":  # CONF:1 MacroList`, `    "{daemon_name}": [MSA, sub]  # CONF:1 MacroList, CONF:2 MTA`, `    "{some}": [a, b]  # CONF:1 MacroList`}, nil},
		"any daemon":                   {"MacroList daemon_name\nMTA MSA\n" + keyed, []string{`    "{daemon_name}":  # CONF:1 MacroList, CONF:2 MTA`}, nil},
		"fields":                       {"SignHeaders From,To,Received\nOversignHeaders From\n" + keyed, []string{"  headers: [From, To]  # CONF:1 SignHeaders", "  oversign: [From]  # CONF:2 OversignHeaders"}, nil},
		"fields, a difference":         {"SignHeaders *,+X-A,-cc\nOmitHeaders *,+subject\n" + keyed, []string{"  headers: [From, Reply-To, Date, To, Resent-Date, Resent-From, Resent-Sender, Resent-To, Resent-Cc, In-Reply-To, References, List-ID, List-Help, List-Unsubscribe, List-Subscribe, List-Post, List-Owner, List-Archive, X-A]  # CONF:1 SignHeaders, CONF:2 OmitHeaders"}, nil},
		"fields that OpenDKIM ignores": {"SignHeaders *,+X-Foo,-To,Sender,-X-Foo,+To\nOmitHeaders *,+Cc,Date\n" + keyed, []string{"  headers: [From, Reply-To, Subject, Date, Resent-Date, Resent-From, Resent-Sender, Resent-To, Resent-Cc, In-Reply-To, References, List-ID, List-Help, List-Unsubscribe, List-Subscribe, List-Post, List-Owner, List-Archive, X-Foo, To]  # CONF:1 SignHeaders, CONF:2 OmitHeaders"}, nil},
		"fields without an asterisk":   {"SignHeaders From,To,-To,.\nOversignHeaders *,+X,-To,From,from\n" + keyed, []string{"  headers: [From, To]  # CONF:1 SignHeaders", "  oversign: [From]  # CONF:2 OversignHeaders"}, nil},
		"a domain twice":               {"Domain Example.org,example.org,*.example.com,.example.net\nSelector s\nKeyFile DIR/key\n", []string{"    - {senders: [example.org], keys: [example.org]}  # CONF:1 Domain"}, []string{"example.com", "example.net", "Example.org"}},
		"keys by relative paths":       {"BaseDirectory DIR\nKeyTable file:RelativeKeys\nSigningTable file:./Others\n", []string{`    key_table: "csl:one=example.org:s:DIR/key,two=example.net:s:DIR/group"  # CONF:2 KeyTable`, "    allow_readable: true  # OpenDKIM's default"}, nil},
		"relative paths in a list":     {"BaseDirectory DIR\nKeyTable one=example.org:s:./key\nSigningTable file:./Others\n", []string{`    key_table: "csl:one=example.org:s:DIR/key"  # CONF:2 KeyTable`}, nil},
		"results":                      {"AuthservID mx.example.org\nRemoveARFrom a.example\n", []string{"authserv_id: mx.example.org  # CONF:1 AuthservID", "also_remove: [a.example]  # CONF:2 RemoveARFrom"}, nil},
		"limits":                       {"MaximumSignaturesToVerify 7\nMinimumKeyBits 0\nClockDrift 0\nDNSTimeout 3\n", []string{"  max_signatures: 7  # CONF:1 MaximumSignaturesToVerify", "  min_bits: 1024  # CONF:2 MinimumKeyBits", "  skew: 1s  # CONF:3 ClockDrift", "  timeout: 3s  # CONF:4 DNSTimeout"}, nil},
		"name servers":                 {"Nameservers 127.0.0.1, ::1\n", []string{`  servers: ["127.0.0.1:53", "[::1]:53"]  # CONF:1 Nameservers`}, nil},
		"records":                      {"TestPublicKeys DIR/records\n", []string{"  records: DIR/records  # CONF:1 TestPublicKeys"}, nil},
		"actions":                      {"On-Default q\nOn-DNSError A\nOn-BadSignature reject\n", []string{"      unsigned: quarantine  # CONF:1 On-Default", "      fail: reject  # CONF:3 On-BadSignature"}, []string{"temperror"}},
		"unsigned alone":               {"On-NoSignature reject\n", []string{"      unsigned: reject  # CONF:1 On-NoSignature", "      fail: accept  # OpenDKIM's default"}, nil},
		"quarantine":                   {"Quarantine yes\n", []string{"      fail: quarantine  # CONF:1 Quarantine"}, nil},
		"unsigned, with a flag":        {"On-NoSignature reject\nAlwaysAddARHeader yes\n", nil, []string{"unsigned"}},
		"texts that YAML reads":        {"AuthservID yes\n", []string{`authserv_id: "yes"  # CONF:1 AuthservID`}, nil},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, _, _ := convert(t, filled(t), c.text)
			lines := strings.Split(got, "\n")
			for _, want := range c.want {
				assert.Contains(t, lines, want, got)
			}
			for _, none := range c.none {
				assert.NotContains(t, got, none)
			}
		})
	}
}

// filled returns a directory with the files that configurations name.
func filled(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, "key", "not read")
	require.NoError(t, os.Chmod(write(t, dir, "group", ""), 0o640))
	write(t, dir, "KeyTable", "one example.org:s:DIR/key\nany %:s:DIR/key\n")
	write(t, dir, "RelativeKeys", "one example.org:s:./key\ntwo example.net:s:../"+filepath.Base(dir)+"/group\n")
	write(t, dir, "Named", "*@example.org %\n*@*.example.org %:@%\n* %\n")
	write(t, dir, "Several", "ann@example.org one\nexample.org one\nEXAMPLE.org one\nexample.net one\nbob@* one\n")
	write(t, dir, "Three", "ann@example.org one\nexample.org one\nann@* one\n")
	write(t, dir, "ThreeBelow", ".b.example.org one\nann@.example.org one\n* one\n")
	write(t, dir, "ThreePatterns", "*@example.org one\n*@example.org one\na*@* one\n")
	write(t, dir, "TwoPatterns", "*@example.org one\na*@* one\nb*@* one\n*@example.net one\n")
	write(t, dir, "SigningTable", "*@example.org one\n*@*.example.org one\n* any\n")
	write(t, dir, "Others", "example.org one\nexample.net one\n")
	write(t, dir, "domains", "*.example.net\nexample.net\n")
	write(t, dir, "recipients", "*@example.net\nb*\nexample.org\n*@.example.org\na@example.net\n<x@*>\n<x@y>\n")
	write(t, dir, "hosts", "127.0.0.1\n172.17.*\n")
	write(t, dir, "written", "2001:DB8::1\n[192.0.2.5]\n[2001:db8:1::]/48\n2001:db8:2:0::/48\n192.0.2.64/26 text\n!192.0.2.70\n!192.0.2.71/24\n10.0.0.7/32\n::ffff:192.0.2.9\n10.0.0.0/255.0.0.0\n")
	write(t, dir, "same", "192.0.2.0/24\n2001:DB8::/32\n[192.0.3.1]\n10.0.0.0/8\n")
	write(t, dir, "wide", "192.168.*\n!10.*\n172.17.*\n198.51.101.*\n")
	write(t, dir, "named", "127.0.0.1\n.example.org\n172.17.*\n!172.17.9.*\n")
	return dir
}

// TestNotes shows what is said about settings.
func TestNotes(t *testing.T) {
	t.Parallel()
	const keyed = "Domain example.org\nSelector s\nKeyFile DIR/key\n"
	const changes = ", which changes the mail that is signed or refused: "
	tests := map[string]struct {
		text    string
		want    []string
		changes bool
	}{
		"none":                     {"Mode v\nStrictHeaders no\nMaximumHeaders 0\nAlwaysAddARHeader no\n", nil, false},
		"needless":                 {"UserID opendkim\n", []string{"CONF:1: UserID is not needed: left to the service manager"}, false},
		"missing":                  {"\nSoftwareHeader yes\n", []string{"CONF:2: SoftwareHeader has no counterpart: dkimd adds no field with its name; headerd can"}, false},
		"changing":                 {"PeerList 10.0.0.1\n", []string{"CONF:1: PeerList has no counterpart" + changes + "the mail server chooses the filters for a client; Postfix has smtpd_milter_maps"}, true},
		"set twice":                {"StrictHeaders yes\nStrictHeaders no\n", nil, false},
		"in their order":           {"UserID a\nRemoveARFrom .example.org\nPidFile x\n", []string{"CONF:1: UserID is", "CONF:2: RemoveARFrom differs: also_remove has whole names; \".example.org\" is left out", "CONF:3: PidFile is"}, false},
		"no recipients":            {keyed + "DontSignMailTo *@example.net,example.net,<a@b>\n", []string{`CONF:4: DontSignMailTo: "*@example.net" is no address, so OpenDKIM signs the mail to it, and it is left out`, `CONF:4: DontSignMailTo: "example.net" is no address`, `CONF:4: DontSignMailTo: "<a@b>" matches no recipient`}, false},
		"recipients in a table":    {keyed + "DontSignMailTo refile:DIR/recipients\n", []string{`DIR/recipients:3: DontSignMailTo: "example.org" is no address`, `DIR/recipients:4: DontSignMailTo: "*@.example.org" is no address`, `DIR/recipients:6: DontSignMailTo differs` + changes + `"<x@*>" is left out`, `DIR/recipients:7: DontSignMailTo: "<x@y>" matches no recipient`}, true},
		"fields beside *":          {keyed + "SignHeaders *,Sender,+X*\n", []string{`CONF:4: SignHeaders: OpenDKIM ignores "Sender" beside an asterisk, and it is left out; to add it, write +Sender`, "CONF:4: SignHeaders differs" + changes + `dkimd has no patterns for the names of fields; "+X*" is left out`}, true},
		"no From":                  {keyed + "OmitHeaders from\n", []string{"CONF:4: OmitHeaders differs" + changes + "OpenDKIM signs no mail without From"}, true},
		"oversigned, odd":          {keyed + "OversignHeaders +X,From,X-Y\n", []string{`CONF:4: OversignHeaders: "+X" is the name of no field`, "CONF:4: OversignHeaders differs" + changes + "dkimd also signs X-Y"}, true},
		"domains of no author":     {"Domain example.org,*.example.com,.example.net\nSelector s\nKeyFile DIR/key\n", []string{`CONF:1: Domain: "*.example.com" matches no author in OpenDKIM`, `CONF:1: Domain: ".example.net" matches no author in OpenDKIM`}, false},
		"keys by relative paths":   {"BaseDirectory DIR\nKeyTable file:RelativeKeys\nSigningTable file:./Others\n", []string{"CONF:2: KeyTable: paths in it are relative, so its entries are written as a list"}, false},
		"keys named after domains": {"KeyTable file:DIR/KeyTable\nSigningTable refile:DIR/Named\n", []string{"DIR/Named:2: SigningTable differs" + changes + "OpenDKIM defers the mail of a domain that has no key of its name", "DIR/Named:3: SigningTable differs"}, true},
		"three keys":               {"KeyTable file:DIR/KeyTable\nSigningTable file:DIR/Three\nMultipleSignatures yes\n", []string{"CONF:3: MultipleSignatures differs" + changes + "of three or more entries that match an author, OpenDKIM signs with the keys of the first and of the last"}, true},
		"three keys, not several":  {"KeyTable file:DIR/KeyTable\nSigningTable file:DIR/Three\nMultipleSignatures no\n", nil, false},
		"three keys, below":        {"KeyTable file:DIR/KeyTable\nSigningTable file:DIR/ThreeBelow\nMultipleSignatures yes\n", []string{"CONF:3: MultipleSignatures differs"}, true},
		"three keys, patterns":     {"KeyTable file:DIR/KeyTable\nSigningTable refile:DIR/ThreePatterns\nMultipleSignatures yes\n", []string{"CONF:3: MultipleSignatures differs"}, true},
		"two keys":                 {"KeyTable file:DIR/KeyTable\nSigningTable file:DIR/Several\nMultipleSignatures yes\n", nil, false},
		"two keys, patterns":       {"KeyTable file:DIR/KeyTable\nSigningTable refile:DIR/TwoPatterns\nMultipleSignatures yes\n", nil, false},
		"a name of a host":         {keyed + "InternalHosts 127.0.0.1,.example.org\n", []string{"CONF:4: InternalHosts differs" + changes + `".example.org" is left out: want an address or a network; host names are not supported`}, true},
		"names in a file":          {keyed + "InternalHosts refile:DIR/named\n", []string{"DIR/named:2: InternalHosts differs" + changes + `".example.org" is left out`}, true},
		"networks as texts":        {keyed + "InternalHosts 172.16.0.0/255.240.0.0,192.168.1.77/24,!::0/0\n", []string{`CONF:4: InternalHosts: "172.16.0.0/255.240.0.0" matches no client in OpenDKIM, which compares texts, and is left out; the network is 172.16.0.0/12`, `the network is 192.168.1.0/24`, `the network is ::/0`}, false},
		"the name localhost":       {keyed + "InternalHosts 127.0.0.1,LocalHost\n", []string{`CONF:4: InternalHosts differs` + changes + `"LocalHost" is the name of a client, which OpenDKIM looks up; dkimd looks up addresses, and has ::1/128 for it`}, true},
		"localhost, with both":     {keyed + "InternalHosts 127.0.0.1,localhost,::1\n", []string{`CONF:4: InternalHosts: "localhost" is the name of a client, whose addresses 127.0.0.1 and ::1 are in the list`}, false},
		"a larger network":         {keyed + "InternalHosts refile:DIR/wide\n", []string{`DIR/wide:1: InternalHosts differs` + changes + `OpenDKIM compares "192.168.*" with the texts of networks too, and finds it for all clients in 192.168.0.0/13; dkimd has 192.168.0.0/16`, `DIR/wide:2: InternalHosts differs` + changes + `OpenDKIM compares "!10.*" with the texts of networks too, and finds it for all clients in 10.0.0.0/7`}, true},
		"hosts that match none":    {keyed + "InternalHosts 172.17.*,192.0.2/24\n", []string{`CONF:4: InternalHosts: "172.17.*" matches no client in OpenDKIM, and is left out: OpenDKIM reads an asterisk only in a refile: table; write 172.17.0.0/16`, `"192.0.2/24" matches no client in OpenDKIM`}, false},
		"a key table comes first":  {keyed + "KeyTable file:DIR/KeyTable\nSigningTable refile:DIR/SigningTable\n", []string{"CONF:1: Domain is not needed: OpenDKIM ignores it if there is a KeyTable", "CONF:2: Selector is", "CONF:3: KeyFile is"}, false},
		"an action for all":        {"On-Default discard\n", []string{"dkimd discards no mail"}, true},
		"an action, differing":     {"On-KeyNotFound reject\n", []string{"CONF:1: On-KeyNotFound differs" + changes + "dkimd has one action for a bad signature and for a missing key"}, true},
		"an internal error":        {"On-InternalError accept\n", []string{"CONF:1: On-InternalError differs" + changes}, true},
		"an internal error, same":  {"On-InternalError t\nOn-Security tempfail\n", nil, false},
		"SHA-1":                    {keyed + "SignatureAlgorithm rsa-sha1\n", []string{"CONF:4: SignatureAlgorithm: receivers must not accept SHA-1"}, false},
		"small keys":               {"MinimumKeyBits 512\n", []string{"CONF:1: MinimumKeyBits: receivers must not accept smaller keys"}, false},
		"a field that changes":     {keyed + "OversignHeaders Received\n", []string{"CONF:4: OversignHeaders differs: Received changes in transit"}, false},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, notes, changes := convert(t, filled(t), c.text)
			assert.Equal(t, c.changes, changes)
			for i, want := range c.want {
				require.Greater(t, len(notes), i, notes)
				assert.Contains(t, notes[i], want)
			}
			assert.Len(t, notes, len(c.want))
			if c.want == nil {
				assert.Empty(t, notes)
			}
		})
	}
}

// TestConvertMistakes shows the errors for values that OpenDKIM refuses, or
// that dkimd cannot read.
func TestConvertMistakes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"Mode sx\n":               "opendkim.conf:1: Mode: want s, v or sv",
		"Domain example.org\n":    "opendkim.conf:1: Domain: OpenDKIM needs KeyFile and Selector with it",
		"KeyTable file:/x\n":      "opendkim.conf:1: KeyTable: SigningTable is missing",
		"RemoveARFrom db:/x\n":    `opendkim.conf:1: RemoveARFrom: "db:/x": tables of the kind db: are not supported`,
		"On-BadSignature shout\n": `opendkim.conf:1: On-BadSignature: want accept, discard, quarantine, reject or tempfail, not "shout"`,
		"Nameservers localhost\n": `opendkim.conf:1: Nameservers: want IP addresses between commas, not "localhost"`,
		"Domain x\nSelector s\nKeyFile k\nSignHeaders From,+X\n": `opendkim.conf:4: SignHeaders: OpenDKIM does not start with "+X", unless the list has an asterisk (*)`,
		"Domain x\nSelector s\nKeyFile k\nOmitHeaders +X,-Y\n":   `opendkim.conf:4: OmitHeaders: OpenDKIM does not start with "+X"`,
		"KeyTable a=x:y:./k,b=x:y:AAAA\nSigningTable x=a\n":      "opendkim.conf:1: KeyTable: ",
		"RemoveARFrom file:none\n":                               "opendkim.conf:1: RemoveARFrom: open ",
	} {
		path := write(t, t.TempDir(), "opendkim.conf", text)
		settings, err := opendkim.Read(path)
		require.NoError(t, err, text)
		_, err = opendkim.Convert(path, settings)
		require.ErrorContains(t, err, want, text)
		assert.ErrorContains(t, err, filepath.Dir(path))
	}
}

// TestConvertOddPaths shows that the name of a file cannot add a line to the
// result or to a note.
func TestConvertOddPaths(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "a\ndry_run: true\n#\u0085\u2028b")
	require.NoError(t, os.Mkdir(dir, 0o700))
	text, notes, _ := convert(t, dir, "Mode v\nMinimumKeyBits 512\nUserID x\n")
	assert.NotContains(t, text, "\ndry_run")
	assert.NotContains(t, text, "\u0085")
	require.Len(t, notes, 2)
	for _, note := range notes {
		assert.NotContains(t, note, "\n")
	}
}
