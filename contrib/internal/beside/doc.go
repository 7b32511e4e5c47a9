// Package beside runs functions at the same time as their caller.
package beside
