// Package replaying is what the programs that replay recorded mail share: flags, and the
// report.
package replaying
