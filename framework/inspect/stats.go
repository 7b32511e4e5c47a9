package inspect

// Stats are the counters of an [Inspector] since its creation.
type Stats struct {
	// Seen are the messages, and sessions without a message, that ended. Kept are those
	// whose records were kept.
	Seen, Kept uint64
	// Dropped are the records that are missing in the folder, because the disk was too
	// slow, full or failed.
	Dropped uint64
}

// Stats returns the counters. It is cheap enough for each scrape of metrics.
func (in *Inspector) Stats() (s Stats) {
	in.figures.mu.Lock()
	s.Seen, s.Kept = in.figures.seen, in.figures.kept
	in.figures.mu.Unlock()
	if in.folder != nil {
		_, _, s.Dropped = in.folder.state()
	}
	return s
}
