// Package inspect shows what happens in a milter: it records messages, and it is an
// http.Handler with a page to look at them. See [New].
//
// An Inspector is a framework.Recorder. It keeps the records of the latest messages in a
// ring in memory, and on request in a folder. Both are bounded, and the oldest records
// leave. Mail never waits for it: a session only copies bytes into the ring, and what a
// disk does not take in time is missing in the folder.
//
// Records hold what clients and mail said, so they deserve the protection of the mail
// itself. Config.Content says how much of the content is recorded, and Config.Shorten
// hides the local parts of addresses before a record is kept.
package inspect
