package main

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
)

// digest is the hash of a message's body. The framework has it reset for every
// message, so that what it took is used again.
type digest struct {
	hash hash.Hash
	sum  [sha256.Size]byte
	text [2 * sha256.Size]byte
}

// ResetSlot reuses the memory for the next message.
func (d *digest) ResetSlot() {
	if d.hash != nil {
		d.hash.Reset()
	}
}

func (d *digest) write(chunk []byte) error {
	if d.hash == nil {
		d.hash = sha256.New()
	}
	_, err := d.hash.Write(chunk)
	return err
}

func (d *digest) hex() string {
	if d.hash == nil {
		d.hash = sha256.New()
	}
	d.hash.Sum(d.sum[:0])
	hex.Encode(d.text[:], d.sum[:])
	return string(d.text[:])
}
