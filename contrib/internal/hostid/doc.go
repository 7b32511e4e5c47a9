// Package hostid checks the names that a host has in Authentication-Results fields.
package hostid
