// Package yamlconf reads the YAML files of the daemons dkimd and sluiced. It has the
// values that YAML does not have, such as networks and durations, and errors with the line
// and the column of a mistake.
//
// A type for a section of a file is a struct with the types of this package. [Parse] fills
// it and reports unknown settings. The caller then checks the values and reports a mistake
// with the method Wrong of the value's [Position]. [Prefixed] puts the name of the file
// before each of them.
package yamlconf
