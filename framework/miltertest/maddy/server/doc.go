// Package server is empty. Its module pins Maddy, which package maddy builds and runs as
// a program. Nothing of Sluice is in the module, so that the program has the versions of
// its dependencies that its authors chose, and none of them enters another module.
package server
