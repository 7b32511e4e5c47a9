// Package corpus makes signed mail from many domains, and the zone that these domains
// publish, to measure mail authentication.
package corpus
