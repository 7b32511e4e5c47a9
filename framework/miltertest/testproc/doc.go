// Package testproc builds and runs programs in tests, and keeps what they log.
//
// [Build] compiles a program. [Start] runs it until the test ends, and returns a
// [Process] that the test waits for and signals:
//
//	program := testproc.Build(t, ".")
//	p := testproc.Start(t, exec.Command(program, "-listen", address))
//	p.Await(t, "msg=serving")
//	...
//	p.Signal(t, syscall.SIGTERM)
//	require.NoError(t, p.Wait(t))
//
// [Buffer] keeps text, and [Log] keeps lines of JSON. Both are safe for concurrent
// use, so that a logger writes them while the test reads.
//
// The package imports neither the framework nor testify, so the tests of every
// package can use it.
package testproc
