"""Seals and verifies chains with dkimpy.

peer.py seal DIR RECORDS     seals each DIR/*.eml by its DIR/*.how, writes *.sealed
peer.py verify DIR RECORDS   verifies the chain of each DIR/*.eml, prints results
"""
import glob
import sys

import dkim

records = {}
for line in open(sys.argv[3], "rb"):
    name, _, text = line.strip().partition(b" ")
    records[name.lower()] = text


def dns(name, timeout=5):
    if isinstance(name, str):
        name = name.encode()
    return records.get(name.rstrip(b".").lower())


for path in sorted(glob.glob(sys.argv[2] + "/*.eml")):
    message = open(path, "rb").read()
    try:
        result, _, reason = dkim.arc_verify(message, dnsfunc=dns)
    except Exception as err:
        if sys.argv[1] == "seal":
            raise
        result = b"raised"
    if sys.argv[1] == "verify":
        print(path.rsplit("/", 1)[1], (result or b"ended").decode())
        continue
    domain, selector, key = open(path[:-3] + "how").read().split()
    host = b"mx." + domain.encode()
    own = b"Authentication-Results: " + host + b"; arc=" + result + b"; spf=pass smtp.mailfrom=ann@example.org\r\n"
    fields = dkim.arc_sign(
        own + message, selector.encode(), domain.encode(), open(key, "rb").read(), host,
        include_headers=[b"from", b"to", b"subject", b"date"])
    open(path[:-3] + "sealed", "wb").write(b"".join(fields) + message)
