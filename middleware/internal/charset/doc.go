// Package charset converts text of any charset that mail comes in.
package charset
