package mta

// session is what is known of the SMTP session on a connection, for Send.
type session struct {
	greeted bool
	// over is the verdict that the filter gave on the whole session.
	over   *Response
	overAt Stage
}
