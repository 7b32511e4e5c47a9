// Package logattr makes the attributes of filters' log lines.
package logattr
