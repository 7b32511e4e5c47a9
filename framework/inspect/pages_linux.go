package inspect

import "syscall"

// hugePages asks for large pages of memory. A record goes to where no record went for a long
// time, so that with small pages the processor must look up several of them for each record.
// Memory of this size begins at a page. If the system does not give large pages, recording
// only takes longer.
func hugePages(data []byte) { _ = syscall.Madvise(data, syscall.MADV_HUGEPAGE) }
