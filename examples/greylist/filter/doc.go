// Package filter temporarily refuses a recipient if it has not seen the client network, the
// sender and the recipient together before. The command greylist serves it.
package filter
