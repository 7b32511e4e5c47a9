// Package dkimfile has the sections of the configuration files of dkimd and sluiced that
// say who signs mail with DKIM, with which keys, and how signatures are verified. It makes
// a configuration of package dkim of them.
package dkimfile
