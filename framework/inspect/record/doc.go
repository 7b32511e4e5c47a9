// Package record holds what package inspect records of a message: the conversation with
// the MTA, what each filter answered, how long it took, and what it modified.
package record
