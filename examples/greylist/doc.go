// Greylist refuses for now what comes from strangers: a client network, sender
// and recipient that were not seen together before. Mail servers try again, and
// are let in; most senders of spam do not. See README.md.
package main
