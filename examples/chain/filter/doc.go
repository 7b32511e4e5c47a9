// Package filter tags the subject of mail from outside.
package filter
