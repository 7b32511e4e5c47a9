// Package filter asks a scanner that speaks rspamd's HTTP protocol about mail, and does
// what the scanner answers.
//
//	router.Mount(filter.Filter{URL: "http://127.0.0.1:11333/checkv2"})
package filter
