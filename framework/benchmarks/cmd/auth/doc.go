// Command auth compares mail authentication by Sluice with OpenDKIM and OpenDMARC.
package main
