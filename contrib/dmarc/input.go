package dmarc

// Input is what [Evaluate] needs to know about a message.
type Input struct {
	// From are the values of all From fields of the message, as they stand in it.
	From []string
	// AuthorDomains, if not nil, are the domains of the authors. Then From is ignored.
	AuthorDomains []string
	// SPF are the results of SPF. There may be one for each identity.
	SPF []SPF
	// NullSender is whether the message has the null sender, "<>". Then the domain of HELO
	// stands for that of MAIL FROM (RFC 7208 section 2.4).
	NullSender bool
	// DKIM are the results of all signatures of the message.
	DKIM []DKIM
	// Missing are the methods whose results are not known, "spf" or "dkim". A message that would
	// fail without them is a temperror.
	Missing []string
}

// SPF is a result of SPF.
type SPF struct {
	// Result is the result in the words of RFC 8601, such as "pass".
	Result string
	// Domain is the domain that was checked.
	Domain string
	// Identity is where the domain comes from.
	Identity SPFIdentity
}

// SPFIdentity is an identity that SPF checks.
type SPFIdentity uint8

// Values of SPFIdentity.
const (
	// MailFrom is the sender of the envelope.
	MailFrom SPFIdentity = iota
	// HELO is the name that the client gives itself. It counts only for the null sender (RFC
	// 9989 section 4.4.2).
	HELO
)

// DKIM is the result of a signature.
type DKIM struct {
	// Result is the result in the words of RFC 8601, such as "pass".
	Result string
	// Domain and Selector are the tags d= and s= of the signature.
	Domain, Selector string
}
