"""Reads mails with Python's email package, and writes what it finds in each as JSON."""

import email
import hashlib
import json
import sys

words = sys.argv[1].encode()


def leaves(part, path):
    if part.is_multipart():
        for number, below in enumerate(part.get_payload(), 1):
            yield from leaves(below, f"{path}.{number}".lstrip("."))
        return
    content = part.get_payload(decode=True) or b""
    yield {
        "path": path,
        "kind": part.get_content_type(),
        "name": part.get_filename() or "",
        "sum": hashlib.sha256(content).hexdigest(),
        "seen": content.count(words),
    }


def faults(part):
    found = [type(fault).__name__ for fault in part.defects]
    if part.is_multipart():
        for below in part.get_payload():
            found += faults(below)
    return found


found = {}
for file in sys.argv[2:]:
    with open(file, "rb") as source:
        mail = email.message_from_binary_file(source)
    read = list(leaves(mail, ""))  # decoding finds faults, too
    found[file] = {"leaves": read, "faults": faults(mail)}
json.dump(found, sys.stdout)
