// Package inspectfile reads the section inspect in the files of the daemons sluiced, headerd
// and dkimd.
package inspectfile
