/* A filter on libmilter that uses most functions of libmilter, for the test in
 * libmilter_test.go. */
#include <libmilter/mfapi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Whether the MTA understands SMFIS_SKIP. libmilter sends it even to an MTA that
 * does not. The filter has one connection at a time. */
static int can_skip;

static sfsistat negotiate(SMFICTX *ctx, unsigned long f0, unsigned long f1,
			  unsigned long f2, unsigned long f3,
			  unsigned long *pf0, unsigned long *pf1,
			  unsigned long *pf2, unsigned long *pf3)
{
	(void)f2;
	(void)f3;
	*pf0 = f0;
	*pf1 = f1 & (SMFIP_NOUNKNOWN | SMFIP_NR_HDR | SMFIP_NR_HELO |
		     SMFIP_SKIP | SMFIP_HDR_LEADSPC | SMFIP_RCPT_REJ);
	*pf2 = *pf3 = 0;
	can_skip = (f1 & SMFIP_SKIP) != 0;
	smfi_setsymlist(ctx, SMFIM_EOH, "i");
	smfi_setsymlist(ctx, SMFIM_EOM, "i {daemon_name}");
	return SMFIS_CONTINUE;
}

static sfsistat rcpt(SMFICTX *ctx, char **argv)
{
	if (strstr(argv[0], "refuse") == NULL)
		return SMFIS_CONTINUE;
	smfi_setmlreply(ctx, "550", "5.7.1", "not", "100%% you", NULL);
	return SMFIS_REJECT;
}

static sfsistat header(SMFICTX *ctx, char *name, char *value)
{
	(void)ctx;
	printf("%s:%s\n", name, value);
	return SMFIS_CONTINUE;
}

static sfsistat body(SMFICTX *ctx, unsigned char *p, size_t n)
{
	(void)ctx;
	(void)p;
	printf("body %lu\n", (unsigned long)n);
	return can_skip ? SMFIS_SKIP : SMFIS_CONTINUE;
}

static sfsistat eom(SMFICTX *ctx)
{
	char *id = smfi_getsymval(ctx, "i");
	char *daemon = smfi_getsymval(ctx, "{daemon_name}");

	smfi_progress(ctx);
	smfi_addheader(ctx, "X-Id", id != NULL ? id : "none");
	smfi_insheader(ctx, 1, "X-Daemon", daemon != NULL ? daemon : "none");
	smfi_chgheader(ctx, "Subject", 1, " changed");
	smfi_chgfrom(ctx, "<z@example.org>", "RET=HDRS");
	smfi_addrcpt_par(ctx, "<more@example.net>", "NOTIFY=NEVER");
	smfi_delrcpt(ctx, "<b@example.net>");
	smfi_replacebody(ctx, (unsigned char *)"new\r\n", 5);
	smfi_quarantine(ctx, "a reason");
	return SMFIS_ACCEPT;
}

int main(int argc, char **argv)
{
	struct smfiDesc d;

	if (argc != 2)
		return 2;
	memset(&d, 0, sizeof d);
	d.xxfi_name = "probed";
	d.xxfi_version = SMFI_VERSION;
	d.xxfi_flags = SMFIF_ADDHDRS | SMFIF_CHGHDRS | SMFIF_CHGBODY |
		       SMFIF_ADDRCPT | SMFIF_DELRCPT | SMFIF_QUARANTINE |
		       SMFIF_CHGFROM | SMFIF_ADDRCPT_PAR | SMFIF_SETSYMLIST;
	d.xxfi_negotiate = negotiate;
	d.xxfi_envrcpt = rcpt;
	d.xxfi_header = header;
	d.xxfi_body = body;
	d.xxfi_eom = eom;
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (smfi_setconn(argv[1]) != MI_SUCCESS || smfi_register(d) != MI_SUCCESS)
		return 1;
	return smfi_main();
}
