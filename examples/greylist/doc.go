// Greylist temporarily refuses a recipient if it has not seen the client
// network, the sender and the recipient together before. Mail servers try again
// later, and then the filter accepts the message. Most senders of spam do not
// try again. See README.md.
package main
