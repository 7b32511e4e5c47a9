"""Evaluates worlds with OpenDMARC's library.

opendmarc.py SUFFIXES reads a world in JSON per line, and writes a result and a policy per line.
"""
import ctypes
import json
import sys

lib = ctypes.CDLL("libopendmarc.so.2")
lib.opendmarc_policy_connect_init.restype = ctypes.c_void_p


class Settings(ctypes.Structure):
    _fields_ = [
        ("tld_type", ctypes.c_int), ("tld_source_file", ctypes.c_char * 4096),
        ("nscount", ctypes.c_int), ("nsaddr_list", ctypes.c_char * (3 * 16))]


settings = Settings(tld_type=1, tld_source_file=sys.argv[1].encode())
if lib.opendmarc_policy_library_init(ctypes.byref(settings)) != 0:
    sys.exit("opendmarc_policy_library_init failed")

RESULTS = {14: "none none", 15: "pass none", 16: "fail reject", 17: "fail quarantine", 18: "fail none"}


def evaluate(world):
    author = world["from"][0].split("@")[1].lower()
    organization = ".".join(author.split(".")[-2:])
    policy = ctypes.c_void_p(lib.opendmarc_policy_connect_init(b"192.0.2.1", 4))

    def check(status):
        if status != 0:
            raise RuntimeError("%d: %s" % (status, world))

    try:
        check(lib.opendmarc_policy_store_from_domain(policy, author.encode()))
        record, above = world["texts"].get("_dmarc." + author), None
        if record is None and author != organization:
            record, above = world["texts"].get("_dmarc." + organization), organization.encode()
        if record is None:
            return RESULTS[14]
        check(lib.opendmarc_policy_store_dmarc(policy, record[0].encode(), author.encode(), above))
        for domain in world["spf"]:
            check(lib.opendmarc_policy_store_spf(policy, domain.encode(), 1, 1, b""))
        for domain in world["dkim"]:
            check(lib.opendmarc_policy_store_dkim(policy, domain.encode(), b"s", 1, b""))
        return RESULTS[lib.opendmarc_get_policy_to_enforce(policy)]
    finally:
        lib.opendmarc_policy_connect_shutdown(policy)


for line in sys.stdin:
    print(evaluate(json.loads(line)))
