// Package load plays a Postfix that has mail to filter as fast as the filter
// answers. What it sends is encoded once, for what the filter negotiated, so
// that it is not the slower side; every reply is checked.
package load
