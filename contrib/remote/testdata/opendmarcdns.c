#include <netdb.h>
#include <resolv.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/nameser.h>

/* The resolver of OpenDMARC in the tests, which LD_PRELOAD puts before the C library's. It
 * answers from the variable DNS_RECORDS, lines of a name, a space and a TXT record, and knows
 * no other names. */
int res_nquery(res_state state, const char *name, int class, int type, unsigned char *answer, int size)
{
	const char *line = getenv("DNS_RECORDS");
	size_t len = strlen(name);
	(void)state;
	while (line != NULL && *line != '\0') {
		const char *end = strchrnul(line, '\n');
		if (type == ns_t_txt && strncasecmp(line, name, len) == 0 && line[len] == ' ') {
			const char *text = line + len + 1;
			unsigned char *p = answer;
			memset(p, 0, NS_HFIXEDSZ);
			p[2] = 0x84, p[5] = 1, p[7] = 1; /* an authoritative answer, one question, one record */
			p += NS_HFIXEDSZ;
			p += dn_comp(name, p, size - NS_HFIXEDSZ, NULL, NULL);
			NS_PUT16(type, p);
			NS_PUT16(class, p);
			NS_PUT16(0xc000 | NS_HFIXEDSZ, p); /* the name of the question */
			NS_PUT16(type, p);
			NS_PUT16(class, p);
			NS_PUT32(60, p);
			NS_PUT16(end - text + 1, p);
			*p++ = end - text;
			memcpy(p, text, end - text);
			return p + (end - text) - answer;
		}
		line = *end == '\0' ? end : end + 1;
	}
	h_errno = HOST_NOT_FOUND;
	return -1;
}
