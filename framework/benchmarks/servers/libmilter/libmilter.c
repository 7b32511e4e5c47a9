/*
 * libmilter runs the benchmark's workloads with Sendmail's libmilter:
 *
 *	gcc -O2 -o libmilter libmilter.c -lmilter -lpthread -lcrypto
 *	libmilter -addr tcp:HOST:PORT|unix:PATH -w w1|w2|w3|w4|check
 */
#include <libmilter/mfapi.h>

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>

enum { LINE = 64, BODY = 1 << 20, CHUNK = 65535 / LINE * LINE };

static unsigned char new_body[BODY];

/* State of a message. A connection has at most one. */
struct state {
	char from[1024];
	EVP_MD_CTX *hash;
};

/*
 * libmilter itself declines the events without a callback. The filter has to
 * negotiate the events to which it does not reply.
 */
static sfsistat negotiate(unsigned long no_reply, unsigned long f1,
    unsigned long *pf0, unsigned long *pf1, unsigned long *pf2, unsigned long *pf3,
    unsigned long wanted, unsigned long actions)
{
	unsigned long nothing = SMFIP_NOCONNECT | SMFIP_NOHELO | SMFIP_NOMAIL | SMFIP_NORCPT |
	    SMFIP_NODATA | SMFIP_NOHDRS | SMFIP_NOEOH | SMFIP_NOBODY | SMFIP_NOUNKNOWN;

	*pf0 = actions;
	*pf1 = ((nothing & ~wanted) | no_reply) & f1;
	*pf2 = *pf3 = 0;
	return SMFIS_CONTINUE;
}

static struct state *get(SMFICTX *ctx)
{
	struct state *s = smfi_getpriv(ctx);

	if (s == NULL && (s = calloc(1, sizeof *s)) != NULL)
		smfi_setpriv(ctx, s);
	return s;
}

static sfsistat forget(SMFICTX *ctx)
{
	struct state *s = smfi_getpriv(ctx);

	if (s != NULL) {
		EVP_MD_CTX_free(s->hash);
		free(s);
		smfi_setpriv(ctx, NULL);
	}
	return SMFIS_CONTINUE;
}

/* W1: examines each header field and adds one field. */

static sfsistat w1_negotiate(SMFICTX *ctx, unsigned long f0, unsigned long f1,
    unsigned long f2, unsigned long f3,
    unsigned long *pf0, unsigned long *pf1, unsigned long *pf2, unsigned long *pf3)
{
	(void)ctx, (void)f0, (void)f2, (void)f3;
	return negotiate(SMFIP_NR_HDR, f1, pf0, pf1, pf2, pf3, SMFIP_NOHDRS, SMFIF_ADDHDRS);
}

static sfsistat w1_header(SMFICTX *ctx, char *name, char *value)
{
	if (strcasecmp(name, "From") == 0) {
		struct state *s = get(ctx);

		if (s == NULL)
			return SMFIS_TEMPFAIL;
		snprintf(s->from, sizeof s->from, "%s", value);
	}
	return SMFIS_CONTINUE;
}

static sfsistat w1_eom(SMFICTX *ctx)
{
	struct state *s = smfi_getpriv(ctx);
	char empty[] = "";

	if (smfi_addheader(ctx, "X-Seen", s != NULL ? s->from : empty) != MI_SUCCESS)
		return SMFIS_TEMPFAIL;
	if (s != NULL)
		s->from[0] = '\0';
	return SMFIS_CONTINUE;
}

/* W2: has a callback for every stage, and each callback replies. */

static sfsistat w2_connect(SMFICTX *ctx, char *host, _SOCK_ADDR *addr)
{
	(void)ctx, (void)host, (void)addr;
	return SMFIS_CONTINUE;
}

static sfsistat w2_text(SMFICTX *ctx, char *text)
{
	(void)ctx, (void)text;
	return SMFIS_CONTINUE;
}

static sfsistat w2_unknown(SMFICTX *ctx, const char *text)
{
	(void)ctx, (void)text;
	return SMFIS_CONTINUE;
}

static sfsistat w2_envelope(SMFICTX *ctx, char **args)
{
	(void)ctx, (void)args;
	return SMFIS_CONTINUE;
}

static sfsistat w2_header(SMFICTX *ctx, char *name, char *value)
{
	(void)ctx, (void)name, (void)value;
	return SMFIS_CONTINUE;
}

static sfsistat w2_plain(SMFICTX *ctx)
{
	(void)ctx;
	return SMFIS_CONTINUE;
}

static sfsistat w2_body(SMFICTX *ctx, unsigned char *chunk, size_t len)
{
	(void)ctx, (void)chunk, (void)len;
	return SMFIS_CONTINUE;
}

/* W3: hashes the body and adds a field with the digest. */

static sfsistat w3_negotiate(SMFICTX *ctx, unsigned long f0, unsigned long f1,
    unsigned long f2, unsigned long f3,
    unsigned long *pf0, unsigned long *pf1, unsigned long *pf2, unsigned long *pf3)
{
	(void)ctx, (void)f0, (void)f2, (void)f3;
	return negotiate(SMFIP_NR_BODY, f1, pf0, pf1, pf2, pf3, SMFIP_NOBODY, SMFIF_ADDHDRS);
}

static sfsistat w3_body(SMFICTX *ctx, unsigned char *chunk, size_t len)
{
	struct state *s = get(ctx);

	if (s == NULL)
		return SMFIS_TEMPFAIL;
	if (s->hash == NULL) {
		if ((s->hash = EVP_MD_CTX_new()) == NULL ||
		    !EVP_DigestInit_ex(s->hash, EVP_sha256(), NULL))
			return SMFIS_TEMPFAIL;
	}
	return EVP_DigestUpdate(s->hash, chunk, len) ? SMFIS_CONTINUE : SMFIS_TEMPFAIL;
}

static sfsistat w3_eom(SMFICTX *ctx)
{
	struct state *s = smfi_getpriv(ctx);
	unsigned char sum[EVP_MAX_MD_SIZE];
	char text[2 * EVP_MAX_MD_SIZE + 1];
	unsigned int len = 0;

	if (s == NULL || s->hash == NULL || !EVP_DigestFinal_ex(s->hash, sum, &len))
		return SMFIS_TEMPFAIL;
	for (unsigned int i = 0; i < len; i++)
		sprintf(text + 2 * i, "%02x", sum[i]);
	if (smfi_addheader(ctx, "X-Digest", text) != MI_SUCCESS)
		return SMFIS_TEMPFAIL;
	return EVP_DigestInit_ex(s->hash, EVP_sha256(), NULL) ? SMFIS_CONTINUE : SMFIS_TEMPFAIL;
}

/* W4: replaces the body. */

static sfsistat w4_negotiate(SMFICTX *ctx, unsigned long f0, unsigned long f1,
    unsigned long f2, unsigned long f3,
    unsigned long *pf0, unsigned long *pf1, unsigned long *pf2, unsigned long *pf3)
{
	(void)ctx, (void)f0, (void)f2, (void)f3;
	return negotiate(0, f1, pf0, pf1, pf2, pf3, 0, SMFIF_CHGBODY);
}

static sfsistat w4_eom(SMFICTX *ctx)
{
	for (size_t at = 0; at < BODY; at += CHUNK) {
		size_t len = BODY - at < CHUNK ? BODY - at : CHUNK;

		if (smfi_replacebody(ctx, new_body + at, (int)len) != MI_SUCCESS)
			return SMFIS_TEMPFAIL;
	}
	return SMFIS_CONTINUE;
}

/* check: takes 100 ms at the end of the message. */

static sfsistat check_negotiate(SMFICTX *ctx, unsigned long f0, unsigned long f1,
    unsigned long f2, unsigned long f3,
    unsigned long *pf0, unsigned long *pf1, unsigned long *pf2, unsigned long *pf3)
{
	(void)ctx, (void)f0, (void)f2, (void)f3;
	return negotiate(0, f1, pf0, pf1, pf2, pf3, 0, 0);
}

static sfsistat check_eom(SMFICTX *ctx)
{
	struct timespec left = { .tv_nsec = 100 * 1000 * 1000 };

	(void)ctx;
	while (nanosleep(&left, &left) != 0)
		;
	return SMFIS_CONTINUE;
}

static struct smfiDesc filters[] = {
	{ .xxfi_name = "w1", .xxfi_version = SMFI_VERSION, .xxfi_flags = SMFIF_ADDHDRS,
	  .xxfi_negotiate = w1_negotiate, .xxfi_header = w1_header, .xxfi_eom = w1_eom, .xxfi_close = forget },
	{ .xxfi_name = "w2", .xxfi_version = SMFI_VERSION,
	  .xxfi_connect = w2_connect, .xxfi_helo = w2_text, .xxfi_envfrom = w2_envelope,
	  .xxfi_envrcpt = w2_envelope, .xxfi_data = w2_plain, .xxfi_header = w2_header,
	  .xxfi_eoh = w2_plain, .xxfi_body = w2_body, .xxfi_eom = w2_plain, .xxfi_unknown = w2_unknown },
	{ .xxfi_name = "w3", .xxfi_version = SMFI_VERSION, .xxfi_flags = SMFIF_ADDHDRS,
	  .xxfi_negotiate = w3_negotiate, .xxfi_body = w3_body, .xxfi_eom = w3_eom, .xxfi_close = forget },
	{ .xxfi_name = "w4", .xxfi_version = SMFI_VERSION, .xxfi_flags = SMFIF_CHGBODY,
	  .xxfi_negotiate = w4_negotiate, .xxfi_eom = w4_eom },
	{ .xxfi_name = "check", .xxfi_version = SMFI_VERSION,
	  .xxfi_negotiate = check_negotiate, .xxfi_eom = check_eom },
};

/* address converts tcp:HOST:PORT to libmilter's notation, inet:PORT@HOST. */
static int address(const char *addr, char *out, size_t size)
{
	const char *colon;

	if (strncmp(addr, "unix:", 5) == 0)
		return snprintf(out, size, "%s", addr) < (int)size;
	if (strncmp(addr, "tcp:", 4) != 0 || (colon = strrchr(addr + 4, ':')) == NULL)
		return 0;
	return snprintf(out, size, "inet:%s@%.*s", colon + 1, (int)(colon - addr - 4), addr + 4) < (int)size;
}

int main(int argc, char **argv)
{
	const char *addr = "", *name = "w1";
	char conn[512];

	for (int i = 1; i + 1 < argc; i += 2) {
		if (strcmp(argv[i], "-addr") == 0)
			addr = argv[i + 1];
		else if (strcmp(argv[i], "-w") == 0)
			name = argv[i + 1];
	}
	for (size_t i = 0; i < sizeof new_body; i++)
		new_body[i] = i % LINE == LINE - 2 ? '\r' : i % LINE == LINE - 1 ? '\n' : 'n';
	for (size_t i = 0; i < sizeof filters / sizeof filters[0]; i++) {
		if (strcmp(filters[i].xxfi_name, name) != 0 || !address(addr, conn, sizeof conn))
			continue;
		umask(0);
		if (smfi_setconn(conn) != MI_SUCCESS || smfi_setbacklog(4096) != MI_SUCCESS ||
		    smfi_register(filters[i]) != MI_SUCCESS)
			return 1;
		return smfi_main() == MI_SUCCESS ? 0 : 1;
	}
	fprintf(stderr, "usage: libmilter -addr tcp:HOST:PORT|unix:PATH -w w1|w2|w3|w4|check\n");
	return 2;
}
