package dkim_test

import (
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-msgauth/authres"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

const (
	fromAnn = "From: ann@example.org\nSubject: x\n"
	tagsRSA = "v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org; s=r"
	tagsEd  = "v=1; a=ed25519-sha256; c=relaxed/relaxed; d=example.org; s=e"
)

// withTags returns the tags of a crafted signature, with some replaced or
// added.
func withTags(list string, tags ...string) string {
	for _, tag := range tags {
		name, _, _ := strings.Cut(tag, "=")
		name = strings.TrimSpace(name)
		kept := strings.Split(list, "; ")
		for i := range kept {
			if strings.HasPrefix(kept[i], name+"=") {
				kept[i] = tag
				tag = ""
			}
		}
		if list = strings.Join(kept, "; "); tag != "" {
			list += "; " + tag
		}
	}
	return list
}

func verify(t testing.TB, cfg dkim.Verifying, message string) []string {
	t.Helper()
	results, err := dkim.Verify(t.Context(), cfg, strings.NewReader(message))
	require.NoError(t, err)
	return describe(results)
}

// fromNow replaces each {duration} by the time at that distance. A table that is made long
// before its last row runs has no times.
func fromNow(t *testing.T, tags []string) []string {
	t.Helper()
	now, result := time.Now(), slices.Clone(tags)
	for i, tag := range result {
		name, distance, found := strings.Cut(strings.TrimSuffix(tag, "}"), "{")
		if !found {
			continue
		}
		d, err := time.ParseDuration(distance)
		require.NoError(t, err)
		result[i] = name + base10(now.Add(d).Unix())
	}
	return result
}

// TestSignatures has at least one signature for each possible result.
func TestSignatures(t *testing.T) {
	t.Parallel()
	z := publish(t, key(t, "example.org", "r", "rsa"), key(t, "example.org", "e", "ed25519"), key(t, "example.org", "weak", "rsa1024"), key(t, "example.org", "r.2026.mail", "rsa"))
	at := func(d time.Duration) string { return "{" + d.String() + "}" }
	strict := dkim.Verifying{Resolver: z, BodyLength: dkim.BodyLengthRefuse, MinBits: 2048}
	lenient := dkim.Verifying{Resolver: z, BodyLength: dkim.BodyLengthAccept}
	tests := map[string]struct {
		tags []string
		cfg  dkim.Verifying
		body string // covered, of "body\nmore\n"
		want string
	}{
		"valid":                           {nil, dkim.Verifying{}, "", "pass example.org"},
		"names in capitals":               {[]string{"d=EXAMPLE.org", "s=R"}, dkim.Verifying{}, "", "pass example.org"},
		"tags on lines of their own":      {[]string{"v =\r\n 1", "d\t=\r\n\texample\r\n .org", "c=relaxed\r\n /relaxed"}, dkim.Verifying{}, "", "pass example.org"},
		"a selector with dots":            {[]string{"s=r.2026.mail"}, dkim.Verifying{}, "", "pass example.org"},
		"the domain above":                {[]string{"d=org"}, dkim.Verifying{}, "", "permerror org no key record"},
		"a domain with a dot at the end":  {[]string{"d=example.org."}, dkim.Verifying{}, "", "neutral  malformed domain"},
		"a tag twice, in capitals":        {[]string{"D=example.net"}, dkim.Verifying{}, "", "pass example.org"},
		"the hash of the body twice":      {[]string{"bh=AAAA"}, dkim.Verifying{}, "", "neutral  malformed signature"},
		"white space in tags":             {[]string{"d=exam \t ple.org"}, dkim.Verifying{}, "", "pass example.org"},
		"a tag that nobody knows":         {[]string{"zz=1"}, dkim.Verifying{}, "", "pass example.org"},
		"identity below the domain":       {[]string{"i=ann@a.example.org"}, dkim.Verifying{}, "", "pass example.org"},
		"identity elsewhere":              {[]string{"i=ann@example.net"}, dkim.Verifying{}, "", "neutral example.org identity outside of the domain"},
		"identity that ends alike":        {[]string{"i=ann@notexample.org"}, dkim.Verifying{}, "", "neutral example.org identity outside of the domain"},
		"identity without an at":          {[]string{"i=example.org"}, dkim.Verifying{}, "", "neutral example.org identity outside of the domain"},
		"no version":                      {[]string{"v=2"}, dkim.Verifying{}, "", "neutral example.org unknown signature version"},
		"domain that is none":             {[]string{"d=ex/ample"}, dkim.Verifying{}, "", "neutral  malformed domain"},
		"selector that is none":           {[]string{"s=a..b"}, dkim.Verifying{}, "", "neutral example.org malformed selector"},
		"names too long for the DNS":      {[]string{"s=" + strings.Repeat("a.", 124) + "a"}, dkim.Verifying{}, "", "neutral example.org malformed selector"},
		"unknown algorithm":               {[]string{"a=dsa-sha256"}, dkim.Verifying{}, "", "neutral example.org unknown algorithm"},
		"SHA-1":                           {[]string{"a=rsa-sha1"}, dkim.Verifying{}, "", "policy example.org SHA-1 is not accepted"},
		"algorithm of another key":        {[]string{"a=ed25519-sha256"}, dkim.Verifying{}, "", "permerror example.org key is of another algorithm"},
		"unknown canonicalization":        {[]string{"c=relaxed/nofws"}, dkim.Verifying{}, "", "neutral example.org unknown canonicalization"},
		"empty canonicalization":          {[]string{"c=/relaxed"}, dkim.Verifying{}, "", "neutral example.org unknown canonicalization"},
		"canonicalization not as signed":  {[]string{"c=simple/simple"}, dkim.Verifying{}, "", "fail example.org signature did not verify"},
		"key by DNS":                      {[]string{"q=dns/txt:http"}, dkim.Verifying{}, "", "pass example.org"},
		"key by other means":              {[]string{"q=http"}, dkim.Verifying{}, "", "neutral example.org unknown query method"},
		"not expired":                     {[]string{"t=" + at(-time.Hour), "x=" + at(time.Hour)}, dkim.Verifying{}, "", "pass example.org"},
		"expired":                         {[]string{"x=" + at(-time.Hour)}, dkim.Verifying{}, "", "fail example.org signature expired"},
		"expired just now":                {[]string{"x=" + at(-time.Minute)}, dkim.Verifying{}, "", "pass example.org"},
		"from the future":                 {[]string{"t=" + at(time.Hour)}, dkim.Verifying{}, "", "fail example.org signed in the future"},
		"from a clock that is ahead":      {[]string{"t=" + at(time.Minute)}, dkim.Verifying{}, "", "pass example.org"},
		"expired when it was made":        {[]string{"t=" + at(time.Minute), "x=" + at(time.Minute)}, dkim.Verifying{}, "", "neutral example.org it expires before it was made"},
		"expired before it was made":      {[]string{"t=" + at(-time.Minute), "x=" + at(-time.Hour)}, dkim.Verifying{}, "", "neutral example.org it expires before it was made"},
		"a time that is no number":        {[]string{"t=yesterday"}, dkim.Verifying{}, "", "neutral example.org malformed signing time"},
		"a time below zero":               {[]string{"x=-1"}, dkim.Verifying{}, "", "neutral example.org malformed expiration time"},
		"a time far beyond":               {[]string{"x=9223372036854775807"}, dkim.Verifying{}, "", "pass example.org"},
		"a time beyond 64 bits":           {[]string{"x=99999999999999999999"}, dkim.Verifying{}, "", "neutral example.org malformed expiration time"},
		"length of the whole":             {[]string{"l=12"}, dkim.Verifying{}, "", "pass example.org"},
		"length of a part":                {[]string{"l=6"}, dkim.Verifying{}, "body\n", "policy example.org signature does not cover the whole body"},
		"length of a part, accepted":      {[]string{"l=6"}, lenient, "body\n", "pass example.org"},
		"length of nothing, accepted":     {[]string{"l=0"}, lenient, " \n", "pass example.org"},
		"length refused":                  {[]string{"l=12"}, strict, "", "policy example.org body length tag is not accepted"},
		"length beyond the body":          {[]string{"l=13"}, lenient, "", "fail example.org body is shorter than its length tag"},
		"length that is no number":        {[]string{"l=+1"}, lenient, "", "neutral example.org malformed body length"},
		"another body":                    {nil, dkim.Verifying{}, "other\n", "fail example.org body hash did not verify"},
		"no record":                       {[]string{"s=none"}, dkim.Verifying{}, "", "permerror example.org no key record"},
		"the least key":                   {[]string{"s=weak"}, dkim.Verifying{}, "", "fail example.org signature did not verify"},
		"a key too small for this host":   {[]string{"s=weak"}, strict, "", "policy example.org key of 1024 bits is too short"},
		"a tag twice":                     {[]string{"v=1; v=1"}, dkim.Verifying{}, "", "neutral  malformed signature"},
		"neither tags nor anything":       {[]string{"v"}, dkim.Verifying{}, "", "neutral  malformed signature"},
		"an escape in the domain":         {[]string{"d=exa\x1b[31mmple.org"}, dkim.Verifying{}, "", "neutral  malformed signature"},
		"text for people in the selector": {[]string{"s=r (pass)"}, dkim.Verifying{}, "", "neutral example.org malformed selector"},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c.cfg.Resolver == nil {
				c.cfg.Resolver = z
			}
			message := craft(t, crafted{key: private(t, "rsa"), tags: withTags(tagsRSA, fromNow(t, c.tags)...), body: c.body}, fromAnn, "body\nmore\n")
			assert.Equal(t, []string{c.want}, verify(t, c.cfg, message))
		})
	}
}

func TestSignedHeaders(t *testing.T) {
	t.Parallel()
	z := publish(t, key(t, "example.org", "e", "ed25519"))
	signed := func(h string) string {
		return craft(t, crafted{key: private(t, "ed25519"), tags: tagsEd, h: h}, fromAnn, "x\n")
	}
	tests := map[string]struct{ message, want string }{
		"a missing field added":   {"To: eve@example.net\r\n" + signed("From:To"), "fail example.org signature did not verify"},
		"a field that is free":    {"To: eve@example.net\r\n" + signed("From"), "pass example.org"},
		"a second From on top":    {"From: eve@example.net\r\n" + signed("From"), "policy example.org a From field is not signed"},
		"a second From, forbade":  {"From: eve@example.net\r\n" + signed("From:From"), "fail example.org signature did not verify"},
		"white space in the list": {signed("From : Subject "), "pass example.org"},
		"From not signed":         {signed("Subject"), "neutral example.org From is not signed"},
		"no list":                 {signed(" "), "neutral example.org From is not signed"},
		"itself, which is not it": {signed("From:DKIM-Signature"), "pass example.org"},
		"a list without end":      {signed("From" + strings.Repeat(":X", 1000)), "neutral example.org malformed list of header fields"},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, []string{c.want}, verify(t, dkim.Verifying{Resolver: z}, c.message))
		})
	}
}

// TestSignatureOfASignature checks that a signature can cover an earlier
// signature, but never itself.
func TestSignatureOfASignature(t *testing.T) {
	t.Parallel()
	cfg := dkim.Verifying{Resolver: publish(t, key(t, "example.org", "e", "ed25519"))}
	message := craft(t, crafted{key: private(t, "ed25519"), tags: tagsEd, h: "From:DKIM-Signature"}, "DKIM-Signature: old\n"+fromAnn, "x\n")
	assert.Equal(t, []string{"pass example.org", "neutral  malformed signature"}, verify(t, cfg, message))
	changed := strings.Replace(message, ": old", ": new", 1)
	assert.Equal(t, []string{"fail example.org signature did not verify", "neutral  malformed signature"}, verify(t, cfg, changed))
}

func TestKeyRecords(t *testing.T) {
	t.Parallel()
	public := private(t, "rsa").Public().(*rsa.PublicKey)
	good, err := dkim.FormatRecord(public)
	require.NoError(t, err)
	other, err := dkim.FormatRecord(private(t, "rsa1024").Public())
	require.NoError(t, err)
	otherKind, err := dkim.FormatRecord(private(t, "ed25519").Public())
	require.NoError(t, err)
	p := good[strings.Index(good, "p="):]
	pkcs1 := "p=" + base64.StdEncoding.EncodeToString(x509.MarshalPKCS1PublicKey(public))
	tests := map[string]struct {
		texts []string
		want  string
	}{
		"only a key":                   {[]string{p}, "pass example.org"},
		"as an RSAPublicKey":           {[]string{pkcs1}, "pass example.org"},
		"white space in the key":       {[]string{"v=DKIM1; " + p[:50] + " \t\r\n " + p[50:]}, "pass example.org"},
		"with notes and flags":         {[]string{"v=DKIM1; n=hello; t=x; " + p + ";"}, "pass example.org"},
		"another text too":             {[]string{"v=spf1 -all", good}, "pass example.org"},
		"for all services":             {[]string{"s=*; " + p}, "pass example.org"},
		"for mail":                     {[]string{"s=other:email; " + p}, "pass example.org"},
		"for another service":          {[]string{"s=other; " + p}, "permerror example.org key is not for this use"},
		"for another hash":             {[]string{"h=sha1; " + p}, "permerror example.org key is not for this use"},
		"for this hash":                {[]string{"h=sha1:sha256; " + p}, "pass example.org"},
		"testing":                      {[]string{"t=y:s; " + p}, "pass example.org domain is testing"},
		"revoked":                      {[]string{"v=DKIM1; p="}, "permerror example.org key revoked"},
		"revoked, and not":             {[]string{"v=DKIM1; p=", good}, "pass example.org"},
		"not revoked, and revoked":     {[]string{good, "v=DKIM1; p="}, "pass example.org"},
		"revoked, and no key":          {[]string{"v=spf1 -all", "v=DKIM1; p=", "v=DKIM1"}, "permerror example.org key revoked"},
		"the same twice":               {[]string{good, good}, "pass example.org"},
		"the same without flags":       {[]string{good, good + "; t=y"}, "pass example.org"},
		"another, and the right one":   {[]string{other, good}, "pass example.org"},
		"the right one, and another":   {[]string{good, other}, "pass example.org"},
		"another kind, and the right":  {[]string{otherKind, good}, "pass example.org"},
		"for another use, and right":   {[]string{"s=other; " + p, good}, "pass example.org"},
		"two others":                   {[]string{other, otherKind}, "fail example.org signature did not verify"},
		"two others, the other way":    {[]string{otherKind, other}, "fail example.org signature did not verify"},
		"another, and for another use": {[]string{otherKind, "s=other; " + p}, "permerror example.org key is not for this use"},
		"another that is testing":      {[]string{otherKind, other + "; t=y"}, "neutral example.org signature did not verify, domain is testing"},
		"the last that is tried":       {append(otherKeys(t, 7), good), "pass example.org"},
		"the first that is not tried":  {append(otherKeys(t, 8), good), "fail example.org signature did not verify"},
		"no key":                       {[]string{"v=DKIM1"}, "permerror example.org key record unusable"},
		"no text":                      {nil, "permerror example.org no key record"},
		"an empty text":                {[]string{""}, "permerror example.org key record unusable"},
		"version not first":            {[]string{p + "; v=DKIM1"}, "permerror example.org key record unusable"},
		"another version":              {[]string{"v=DKIM2; " + p}, "permerror example.org key record unusable"},
		"quotes that do not belong":    {[]string{`"` + good + `"`}, "permerror example.org key record unusable"},
		"not base64":                   {[]string{"p=%%%%"}, "permerror example.org key record unusable"},
		"base64 of nonsense":           {[]string{"p=AAAA"}, "permerror example.org key record unusable"},
		"of an unknown kind":           {[]string{"k=dsa; " + p}, "permerror example.org key record unusable"},
		"of the other kind":            {[]string{"k=ed25519; " + p}, "permerror example.org key record unusable"},
		"a key of 32 bytes":            {[]string{"k=ed25519; p=" + base64.StdEncoding.EncodeToString(make([]byte, 32))}, "permerror example.org key is of another algorithm"},
		"without end":                  {[]string{strings.Repeat("x", 1<<20)}, "permerror example.org key record unusable"},
		"texts without end, one right": {append(manyTexts(100), good), "permerror example.org key record unusable"},
	}
	message := craft(t, crafted{key: private(t, "rsa"), tags: tagsRSA}, fromAnn, "x\n")
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			z := zone{"r._domainkey.example.org": c.texts}
			assert.Equal(t, []string{c.want}, verify(t, dkim.Verifying{Resolver: z}, message))
		})
	}
}

// otherKeys returns key records for keys that nobody has.
func otherKeys(t testing.TB, n int) []string {
	t.Helper()
	out := make([]string, n)
	for i := range out {
		public := weakKey()
		public.N.Lsh(public.N, 8).Add(public.N, big.NewInt(int64(2*i+1)))
		record, err := dkim.FormatRecord(public)
		require.NoError(t, err)
		out[i] = record
	}
	return out
}

func manyTexts(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = "text"
	}
	return out
}

// TestTestingDomain checks that a domain that is testing counts as a domain
// that does not sign.
func TestTestingDomain(t *testing.T) {
	t.Parallel()
	record, err := dkim.FormatRecord(private(t, "ed25519").Public())
	require.NoError(t, err)
	z := zone{"e._domainkey.example.org": {record + "; t=y"}}
	message := craft(t, crafted{key: private(t, "ed25519"), tags: tagsEd, body: "other"}, fromAnn, "x\n")
	assert.Equal(t, []string{"neutral example.org body hash did not verify, domain is testing"}, verify(t, dkim.Verifying{Resolver: z}, message))
}

func TestStrictKey(t *testing.T) {
	t.Parallel()
	record, err := dkim.FormatRecord(private(t, "ed25519").Public())
	require.NoError(t, err)
	z := zone{"e._domainkey.example.org": {record + "; t=s"}}
	for id, want := range map[string]string{
		"i=@example.org":   "pass example.org",
		"i=@a.example.org": "permerror example.org key is not for subdomains",
		// A local part that is not displayed does not change the
		// result.
		"i=a=20b@a.example.org":    "permerror example.org key is not for subdomains",
		`i="a b"@A.Example.org`:    "permerror example.org key is not for subdomains",
		"i=a=20b@EXAMPLE.org":      "pass example.org",
		"i=\xc3\xa4@a.example.org": "permerror example.org key is not for subdomains",
	} {
		message := craft(t, crafted{key: private(t, "ed25519"), tags: withTags(tagsEd, id)}, fromAnn, "x\n")
		assert.Equal(t, []string{want}, verify(t, dkim.Verifying{Resolver: z}, message))
	}
}

// TestKeySizes tests keys at and below the minimum size that RFC 8301 allows.
func TestKeySizes(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		public crypto.PublicKey
		want   string
	}{
		"1024": {private(t, "rsa1024").Public(), "pass example.org"},
		"1023": {weakKey(), "policy example.org key of 1023 bits is too short"},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			record, err := dkim.FormatRecord(c.public)
			require.NoError(t, err)
			message := craft(t, crafted{key: private(t, "rsa1024"), tags: tagsRSA}, fromAnn, "x\n")
			assert.Equal(t, []string{c.want}, verify(t, dkim.Verifying{Resolver: zone{"r._domainkey.example.org": {record}}}, message))
		})
	}
}

func TestResultsField(t *testing.T) {
	t.Parallel()
	z := publish(t, key(t, "example.org", "e", "ed25519"))
	f, err := dkim.NewVerifier(dkim.Config{Verifying: dkim.Verifying{Resolver: z, AuthservID: "mx.example.net"}})
	require.NoError(t, err)
	message := craft(t, crafted{key: private(t, "ed25519"), tags: withTags(tagsEd, "i=ann@example.org")}, fromAnn, "x\n")
	res := miltertest.Run(t, f, miltertest.Message("DKIM-Signature: nonsense\r\n"+message))
	res.AssertAccepted(t)
	require.NotEmpty(t, res.Edited.Header)
	assert.Equal(t, "Authentication-Results", res.Edited.Header[0].Name, "on top")
	value := res.Header("Authentication-Results")
	assert.Regexp(t, `^mx\.example\.net;\n`+
		`\tdkim=neutral reason="malformed signature";\n`+
		`\tdkim=pass header\.a=ed25519-sha256 header\.b="?[A-Za-z0-9+/]{8}"? header\.d=example\.org\n\t header\.i=ann@example\.org header\.s=e$`, value)

	id, results, err := authres.Parse(value)
	require.NoError(t, err)
	assert.Equal(t, "mx.example.net", id)
	require.Len(t, results, 2)
	assert.Equal(t, &authres.DKIMResult{Value: authres.ResultPass, Domain: "example.org", Identifier: "ann@example.org"}, results[1])
}

func TestResultsName(t *testing.T) {
	t.Parallel()
	f, err := dkim.NewVerifier(dkim.Config{Verifying: dkim.Verifying{Resolver: zone{}}})
	require.NoError(t, err)
	res := miltertest.Run(t, f, miltertest.Message(fromAnn+"\nx\n", miltertest.Macro(framework.StageConnect, "j", "mta.example.net")))
	assert.Equal(t, "mta.example.net; dkim=none", strings.ReplaceAll(res.Header("Authentication-Results"), "\n\t", " "))
}

func TestVerifierPlan(t *testing.T) {
	t.Parallel()
	f, err := dkim.NewVerifier(dkim.Config{Verifying: dkim.Verifying{Resolver: zone{}}})
	require.NoError(t, err)
	plan := miltertest.NewServer(t, f).Plan()
	assert.ElementsMatch(t, []string{"SMFIF_ADDHDRS", "SMFIF_CHGHDRS"}, plan.Actions.Names())
	assert.Subset(t, plan.Protocol.Names(), []string{"SMFIP_NOMAIL", "SMFIP_NORCPT", "SMFIP_NR_HDR", "SMFIP_NR_BODY"})
}

// TestNoNameOfOurs checks that the filter fails without an authserv-id.
// Programs could not use results without a name, and the filter could not
// recognize forged results.
func TestNoNameOfOurs(t *testing.T) {
	t.Parallel()
	f, err := dkim.NewVerifier(dkim.Config{Verifying: dkim.Verifying{Resolver: zone{}}})
	require.NoError(t, err)
	res := miltertest.Run(t, f, miltertest.Message(fromAnn+"\nx\n", miltertest.Macro(framework.StageConnect, "j", "")), quiet())
	res.AssertTempFailed(t)
}
