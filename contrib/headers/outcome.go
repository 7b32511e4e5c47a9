package headers

// outcome is the set of results that a condition may have in a message to which its rule
// applies.
type outcome int

const (
	mayHold outcome = 1 << iota
	mayFail
)

// expect sets the outcome of the conditions that are compiled next. The returned function
// restores the previous one.
func (c *compiler) expect(next outcome) (restore func()) {
	before := c.outcome
	c.outcome = next
	return func() { c.outcome = before }
}

// negated returns the outcome of a condition whose negation has this one.
func (o outcome) negated() (n outcome) {
	if o&mayHold != 0 {
		n |= mayFail
	}
	if o&mayFail != 0 {
		n |= mayHold
	}
	return n
}

// ofParts returns the outcome of the parts of a condition. If the condition has the result
// whole, each of its parts has it. Otherwise each may have any.
func (o outcome) ofParts(whole outcome) outcome {
	if o == whole {
		return whole
	}
	return mayHold | mayFail
}
