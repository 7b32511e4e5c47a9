"""Runs the benchmark's workloads with pymilter: -addr ADDR -w w1|w2|w3|w4."""

import argparse
import hashlib
import os

import Milter

LINE = 64
NEW_BODY = (b"n" * (LINE - 2) + b"\r\n") * ((1 << 20) // LINE)
CHUNK = 65535 // LINE * LINE


class W1(Milter.Base):
    """Examines each header field and adds one field."""

    FLAGS = Milter.ADDHDRS

    def __init__(self):
        self.seen = ""

    @Milter.noreply
    def header(self, name, value):
        if name.lower() == "from":
            self.seen = value
        return Milter.CONTINUE

    def eom(self):
        self.addheader("X-Seen", self.seen)
        self.seen = ""
        return Milter.CONTINUE


class W2(Milter.Base):
    """Has a callback for every stage, and each callback replies."""

    FLAGS = 0

    def connect(self, hostname, family, hostaddr):
        return Milter.CONTINUE

    def hello(self, hostname):
        return Milter.CONTINUE

    def envfrom(self, sender, *args):
        return Milter.CONTINUE

    def envrcpt(self, recipient, *args):
        return Milter.CONTINUE

    def data(self):
        return Milter.CONTINUE

    def header(self, name, value):
        return Milter.CONTINUE

    def eoh(self):
        return Milter.CONTINUE

    def body(self, chunk):
        return Milter.CONTINUE

    def unknown(self, line):
        return Milter.CONTINUE

    def eom(self):
        return Milter.CONTINUE


class W3(Milter.Base):
    """Hashes the body and adds a field with the digest."""

    FLAGS = Milter.ADDHDRS

    def __init__(self):
        self.hash = hashlib.sha256()

    @Milter.noreply
    def body(self, chunk):
        self.hash.update(chunk)
        return Milter.CONTINUE

    def eom(self):
        self.addheader("X-Digest", self.hash.hexdigest())
        self.hash = hashlib.sha256()
        return Milter.CONTINUE


class W4(Milter.Base):
    """Replaces the body."""

    FLAGS = Milter.CHGBODY

    def eom(self):
        for at in range(0, len(NEW_BODY), CHUNK):
            self.replacebody(NEW_BODY[at : at + CHUNK])
        return Milter.CONTINUE


def address(text):
    """Converts tcp:HOST:PORT to libmilter notation, inet:PORT@HOST."""
    scheme, rest = text.split(":", 1)
    if scheme == "unix":
        return text
    host, port = rest.rsplit(":", 1)
    return "inet:%s@%s" % (port, host)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("-addr", required=True)
    parser.add_argument("-w", required=True, choices=["w1", "w2", "w3", "w4"])
    args = parser.parse_args()
    Milter.factory = {"w1": W1, "w2": W2, "w3": W3, "w4": W4}[args.w]
    Milter.set_flags(Milter.factory.FLAGS)
    os.umask(0)
    Milter.runmilter("benchmark", address(args.addr), timeout=300)


main()
