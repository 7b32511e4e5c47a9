// Command authenticate checks mail with SPF and DKIM, for the benchmark of mail
// authentication.
package main
