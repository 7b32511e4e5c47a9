"""Signs and verifies messages with dkimpy.

peer.py sign DIR RECORDS    signs each DIR/*.eml by its DIR/*.how, writes *.signed
peer.py verify DIR RECORDS  verifies all signatures of DIR/*.eml, prints results
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
    if sys.argv[1] == "sign":
        domain, selector, key, algorithm, header, body, length = open(path[:-3] + "how").read().split()
        key = open(key, "rb").read().strip()
        signed = dkim.sign(
            message, selector.encode(), domain.encode(), key,
            canonicalize=(header.encode(), body.encode()),
            signature_algorithm=algorithm.encode(), length=length == "length",
            linesep=b"\r\n")
        open(path[:-3] + "signed", "wb").write(signed + message)
    else:
        d = dkim.DKIM(message)
        count = sum(1 for n, _ in d.headers if n.lower() == b"dkim-signature")
        results = []
        for i in range(count):
            try:
                results.append("pass" if dkim.DKIM(message).verify(i, dnsfunc=dns) else "fail")
            except dkim.DKIMException as e:
                results.append("error:" + str(e).replace(" ", "_"))
        print(path.rsplit("/", 1)[1], *results)
