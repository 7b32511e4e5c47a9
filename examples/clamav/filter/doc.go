// Package filter has clamd look for viruses in mail.
//
//	router.Mount(filter.Filter{
//		Clamd:    "/run/clamav/clamd.ctl",
//		Infected: filter.Reject,
//		TooLarge: filter.Accept,
//	})
package filter
