// Package process reads from the system what CPU time and memory a process has used.
package process
