// Package charset converts text from the charsets that are used in mail to UTF-8.
package charset
