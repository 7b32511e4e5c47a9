// Package dnsfile is the section dns in the configuration files of dkimd and sluiced: how
// records are looked up, and the figures of the lookups for Prometheus.
package dnsfile
