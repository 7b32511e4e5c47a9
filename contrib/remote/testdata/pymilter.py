"""A filter on pymilter that edits everything, for the tests. Its argument is its socket."""

import sys

import Milter


class Editor(Milter.Base):
    def envfrom(self, sender, *args):
        self.forged = 0
        self.subject = None
        self.chunks = []
        self.fields = 0
        return Milter.CONTINUE

    def envrcpt(self, recipient, *args):
        if recipient.startswith("<nobody"):
            self.setreply("550", "5.1.1", "no such user", "try another one")
            return Milter.REJECT
        return Milter.CONTINUE

    @Milter.decode("bytes")
    def header(self, name, value):
        self.fields += 1
        if name.lower() == "x-forged":
            self.forged += 1
        if name.lower() == "subject":
            self.subject = value
        return Milter.CONTINUE

    @Milter.noreply
    def eoh(self):
        return Milter.CONTINUE

    @Milter.noreply
    def body(self, chunk):
        self.chunks.append(chunk)
        return Milter.CONTINUE

    def eom(self):
        body = b"".join(self.chunks)
        if b"refuse this" in body:
            self.setreply("554", "5.7.1", "not this")
            return Milter.REJECT
        for n in range(self.forged, 0, -1):
            self.chgheader("X-Forged", n, "")
        if self.subject is None:
            self.chgheader("Subject", 1, "none")
        else:
            self.chgheader("Subject", 1, "[seen]\n\tfolded")
        self.addheader("X-Queue", self.getsymval("i") is not None and "yes" or "no", 0)
        self.addheader("X-Daemon", self.getsymval("{daemon_name}") or "none", 1)
        self.addheader("X-Middle", "%d fields" % self.fields, self.fields // 2)
        self.addheader("X-End", self.getsymval("{mail_addr}") or "none")
        self.replacebody(body.upper() + b"-- \r\nchecked\r\n")
        self.addrcpt("<archive@example.test>")
        self.chgfrom("<bounce@example.org>")
        return Milter.ACCEPT


Milter.factory = Editor
Milter.set_flags(Milter.ADDHDRS | Milter.CHGHDRS | Milter.CHGBODY | Milter.ADDRCPT | Milter.CHGFROM)
Milter.runmilter("editor", sys.argv[1], 240)
