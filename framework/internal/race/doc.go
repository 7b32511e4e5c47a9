// Package race tells tests whether the race detector is in their program. Tests
// outside of framework read it as testproc.RaceEnabled.
package race
