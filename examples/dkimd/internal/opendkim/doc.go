// Package opendkim turns a configuration of OpenDKIM into one of dkimd.
//
// [Read] reads the file as OpenDKIM 2.11 does. [Convert] writes the
// configuration of dkimd and says which options have no counterpart. [Options]
// has an entry for each option of opendkim.conf(5).
package opendkim
