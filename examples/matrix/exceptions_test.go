package matrix_test

// exception is pairs of filters whose results differ from those of each alone, and the reason.
// Each filter of before, mounted before each of behind, must make a difference.
type exception struct {
	before, behind []string
	reason         string
}

// exceptions returns the pairs in which one filter is meant to change what the other sees.
func exceptions() []exception {
	return []exception{
		{
			[]string{
				"headers add", "headers top", "headers prefix", "headers replace", "headers delete", "headers rename",
				"headers authres", "headers fold", "headers reply", "dkim signer", "dkim verifier", "spf", "authres collector",
				"addheaderip", "changebody", "testmilter", "fxapp stamper", "playground stamper", "playground tagger", "banner", "clamav",
				"httpscan",
			},
			[]string{"logall"},
			"logall logs the message as the filters before left it",
		},
		{
			[]string{"recipient limit", "playground refuser"},
			[]string{"logall"},
			"logall does not see recipients that a filter before has refused",
		},
		{
			[]string{"headers prefix", "headers fold", "headers reply", "changebody", "playground tagger", "banner"},
			[]string{"dkim signer"},
			"the signature is about the message that is delivered, with the edits of the filters before",
		},
		{
			[]string{"dkim signer"},
			[]string{"dkim verifier"},
			"the verifier finds the signature that was added",
		},
		{
			[]string{"dkim verifier", "spf", "authres collector"},
			[]string{"dkim signer"},
			"they write one field with the results of both, and the first has removed the forged ones",
		},
		{
			[]string{"spf", "authres collector"},
			[]string{"dkim verifier"},
			"they write one field with the results of both, and the first has removed the forged ones",
		},
		{
			[]string{"dkim verifier", "dkim signer", "spf"},
			[]string{"authres collector"},
			"they write one field with the results of both, and the first has removed the forged ones",
		},
		{
			[]string{"dkim verifier", "dkim signer", "authres collector"},
			[]string{"spf"},
			"they write one field with the results of both, and the first has removed the forged ones",
		},
		{
			[]string{"headers authres"},
			[]string{"dkim signer", "dkim verifier", "spf", "authres collector"},
			"the forged results are gone already",
		},
		{
			[]string{"dkim signer", "dkim verifier", "spf", "authres collector"},
			[]string{"headers authres"},
			"the forged results are gone already",
		},
		{
			[]string{"playground tagger"},
			[]string{"headers prefix"},
			"both tag the subject: the second sees the tag of the first",
		},
		{
			[]string{"headers prefix"},
			[]string{"playground tagger"},
			"both tag the subject: the second sees the tag of the first",
		},
		{
			[]string{"changebody"},
			[]string{"headers hold", "playground tagger", "clamav"},
			"the new body has no attachment",
		},
		{
			[]string{"changebody"},
			[]string{"banner"},
			"the banner is put into the new body",
		},
		{
			[]string{"headers rename"},
			[]string{"httpscan"},
			"the field that the scanner has removed has another name",
		},
		{
			[]string{"httpscan"},
			[]string{"headers rename"},
			"the field to rename is gone already",
		},
		{
			[]string{"playground refuser"},
			[]string{"aliases"},
			"a recipient that a filter has refused is not replaced",
		},
		{
			[]string{"aliases"},
			[]string{"playground refuser"},
			"a recipient that a filter has refused is not replaced: aliases replaces recipients at the end of the message",
		},
		{
			[]string{"testmilter"},
			[]string{"headers add"},
			"the added field names the sender, which the filter before has changed",
		},
	}
}
