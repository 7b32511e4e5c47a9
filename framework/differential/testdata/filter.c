/*
 * A filter on libmilter that takes the orders of examples/testmilter and prints
 * what it is told in the same words, so that the two can be compared.
 */

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include <libmilter/mfapi.h>
#include <libmilter/mfdef.h>

#include "edits.h"
#include "orders.h"
#include "report.h"

/* custom sets the words of a reply, 'ddd x.y.z text', its lines separated by
 * LF, and returns the verdict that they go with. libmilter takes a percent sign
 * for the begin of a format, so it is doubled. */
static sfsistat custom(SMFICTX *ctx)
{
	char *lines[MAX_LIST] = {0}, code[4], status[16] = "";
	const char *rest = orders.action + 4;
	size_t n = strcspn(rest, " ");
	int count = 1, len = 0;

	snprintf(code, sizeof code, "%.3s", orders.action);
	snprintf(status, sizeof status, "%.*s", (int)n, rest);
	rest += n + (rest[n] == ' ');
	lines[0] = malloc(2 * strlen(rest) + 1);
	for (; *rest != '\0'; rest++) {
		if (*rest == '\n') {
			lines[count - 1][len] = '\0';
			lines[count++] = malloc(2 * strlen(rest) + 1);
			len = 0;
			continue;
		}
		lines[count - 1][len++] = *rest;
		if (*rest == '%')
			lines[count - 1][len++] = '%';
	}
	lines[count - 1][len] = '\0';
	if (smfi_setmlreply(ctx, code, *status ? status : NULL, lines[0], lines[1], lines[2], lines[3], NULL) != MI_SUCCESS) {
		struct line l = {0};

		put(&l, "failed reply");
		end(&l, ctx, NONE);
	}
	for (int i = 0; i < count; i++)
		free(lines[i]);
	return code[0] == '4' ? SMFIS_TEMPFAIL : SMFIS_REJECT;
}

static sfsistat answer(SMFICTX *ctx, enum stage stage)
{
	const char *a = orders.action;

	if (orders.unanswered[stage])
		return SMFIS_NOREPLY;
	if (a == NULL || stage != orders.at)
		return SMFIS_CONTINUE;
	if (strcmp(a, "accept") == 0)
		return SMFIS_ACCEPT;
	if (strcmp(a, "tempfail") == 0)
		return SMFIS_TEMPFAIL;
	if (strcmp(a, "reject") == 0)
		return SMFIS_REJECT;
	if (strcmp(a, "discard") == 0)
		return SMFIS_DISCARD;
	if (strcmp(a, "skip") == 0)
		return SMFIS_SKIP;
	return custom(ctx);
}

static sfsistat tell(SMFICTX *ctx, struct line *l, enum stage stage)
{
	end(l, ctx, stage);
	return answer(ctx, stage);
}

static sfsistat on_connect(SMFICTX *ctx, char *host, _SOCK_ADDR *addr)
{
	struct line l = {0};
	char ip[INET6_ADDRSTRLEN] = "", text[INET6_ADDRSTRLEN + 16] = " unknown";

	put(&l, "connect ");
	put_quoted(&l, host, strlen(host));
	if (addr != NULL && addr->sa_family == AF_INET) {
		struct sockaddr_in *in = (struct sockaddr_in *)addr;

		inet_ntop(AF_INET, &in->sin_addr, ip, sizeof ip);
		snprintf(text, sizeof text, " %s:%d", ip, ntohs(in->sin_port));
	} else if (addr != NULL && addr->sa_family == AF_INET6) {
		struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)addr;

		inet_ntop(AF_INET6, &in6->sin6_addr, ip, sizeof ip);
		snprintf(text, sizeof text, " [%s]:%d", ip, ntohs(in6->sin6_port));
	} else if (addr != NULL && addr->sa_family == AF_UNIX) {
		put(&l, " unix:");
		put(&l, ((struct sockaddr_un *)addr)->sun_path);
		text[0] = '\0';
	}
	put(&l, text);
	return tell(ctx, &l, CONNECT);
}

/* words prints a line of the name and of what follows. */
static void words(struct line *l, const char *name, char **argv)
{
	put(l, name);
	for (; *argv != NULL; argv++) {
		put(l, " ");
		put_quoted(l, *argv, strlen(*argv));
	}
}

static sfsistat on_helo(SMFICTX *ctx, char *name)
{
	struct line l = {0};
	char *argv[] = {name, NULL};

	words(&l, "helo", argv);
	return tell(ctx, &l, HELO);
}

static sfsistat on_mail(SMFICTX *ctx, char **argv)
{
	struct line l = {0};

	words(&l, "mail", argv);
	return tell(ctx, &l, MAIL);
}

static sfsistat on_rcpt(SMFICTX *ctx, char **argv)
{
	struct line l = {0};
	char *mailer = smfi_getsymval(ctx, "{rcpt_mailer}");

	if (orders.rejected && mailer != NULL && strcmp(mailer, "error") == 0) {
		words(&l, "rejected", argv);
		end(&l, ctx, RCPT);
		return orders.unanswered[RCPT] ? SMFIS_NOREPLY : SMFIS_CONTINUE;
	}
	words(&l, "rcpt", argv);
	return tell(ctx, &l, RCPT);
}

static sfsistat plain(SMFICTX *ctx, const char *name, enum stage stage)
{
	struct line l = {0};

	put(&l, name);
	return tell(ctx, &l, stage);
}

static sfsistat on_data(SMFICTX *ctx) { return plain(ctx, "data", DATA); }
static sfsistat on_eoh(SMFICTX *ctx) { return plain(ctx, "eoh", EOH); }
static sfsistat on_abort(SMFICTX *ctx) { return plain(ctx, "abort", ABORT); }
static sfsistat on_close(SMFICTX *ctx) { return plain(ctx, "close", CLOSE); }

static sfsistat on_header(SMFICTX *ctx, char *name, char *value)
{
	struct line l = {0};
	char *argv[] = {name, value, NULL};

	words(&l, "header", argv);
	return tell(ctx, &l, HEADER);
}

static sfsistat on_body(SMFICTX *ctx, unsigned char *chunk, size_t len)
{
	struct line l = {0};
	char number[32];

	put(&l, "body ");
	snprintf(number, sizeof number, "%zu", len);
	if (orders.verbose)
		put_quoted(&l, (char *)chunk, len);
	else
		put(&l, number);
	return tell(ctx, &l, BODY);
}

static sfsistat on_eom(SMFICTX *ctx)
{
	struct line l = {0};

	put(&l, "eom");
	end(&l, ctx, EOM);
	edit(ctx);
	return answer(ctx, EOM);
}

static sfsistat on_unknown(SMFICTX *ctx, const char *line)
{
	struct line l = {0};
	char *argv[] = {(char *)line, NULL};

	words(&l, "unknown", argv);
	return tell(ctx, &l, UNKNOWN);
}

static const unsigned long not_sent[] = {SMFIP_NOCONNECT, SMFIP_NOHELO, SMFIP_NOMAIL, SMFIP_NORCPT,
	SMFIP_NODATA, SMFIP_NOHDRS, SMFIP_NOEOH, SMFIP_NOBODY, SMFIP_NOUNKNOWN};
static const unsigned long not_awaited[] = {SMFIP_NR_CONN, SMFIP_NR_HELO, SMFIP_NR_MAIL, SMFIP_NR_RCPT,
	SMFIP_NR_DATA, SMFIP_NR_HDR, SMFIP_NR_EOH, SMFIP_NR_BODY, SMFIP_NR_UNKN};

/* on_negotiate asks for what the orders need, of what the MTA offers, and
 * insists on the modifications. */
static sfsistat on_negotiate(SMFICTX *ctx, unsigned long f0, unsigned long f1, unsigned long f2,
	unsigned long f3, unsigned long *pf0, unsigned long *pf1, unsigned long *pf2, unsigned long *pf3)
{
	static const int lists[] = {[CONNECT] = SMFIM_CONNECT, [HELO] = SMFIM_HELO, [MAIL] = SMFIM_ENVFROM,
		[RCPT] = SMFIM_ENVRCPT, [DATA] = SMFIM_DATA, [EOH] = SMFIM_EOH, [EOM] = SMFIM_EOM};
	unsigned long wanted = 0;
	char list[256];

	(void)f2, (void)f3;
	for (int s = CONNECT; s <= UNKNOWN; s++) {
		if (orders.unsent[s])
			wanted |= not_sent[s];
		else if (orders.unanswered[s])
			wanted |= not_awaited[s];
		else if (s == BODY)
			wanted |= SMFIP_SKIP;
	}
	if (orders.raw)
		wanted |= SMFIP_HDR_LEADSPC;
	if (orders.rejected)
		wanted |= SMFIP_RCPT_REJ;
	*pf0 = actions();
	*pf1 = f1 & wanted;
	*pf2 = *pf3 = 0;
	if (orders.macros != NULL && (f0 & SMFIF_SETSYMLIST)) {
		*pf0 |= SMFIF_SETSYMLIST;
		/* a list for RCPT must have what tells a refused recipient */
		snprintf(list, sizeof list, "%s%s", orders.macros,
			orders.rejected && orders.macro_stage == RCPT ? " {rcpt_mailer}" : "");
		if (smfi_setsymlist(ctx, lists[orders.macro_stage], list) != MI_SUCCESS)
			return SMFIS_REJECT;
	}
	return SMFIS_CONTINUE;
}

int main(int argc, char **argv)
{
	struct smfiDesc filter = {
		.xxfi_name = "filter", .xxfi_version = SMFI_VERSION,
		.xxfi_connect = on_connect, .xxfi_helo = on_helo, .xxfi_envfrom = on_mail, .xxfi_envrcpt = on_rcpt,
		.xxfi_data = on_data, .xxfi_header = on_header, .xxfi_eoh = on_eoh, .xxfi_body = on_body,
		.xxfi_eom = on_eom, .xxfi_abort = on_abort, .xxfi_close = on_close, .xxfi_unknown = on_unknown,
		.xxfi_negotiate = on_negotiate,
	};

	read_orders(argc, argv);
	filter.xxfi_flags = actions() | (orders.macros != NULL ? SMFIF_SETSYMLIST : 0);
	if (orders.unsent[CONNECT]) filter.xxfi_connect = NULL;
	if (orders.unsent[HELO]) filter.xxfi_helo = NULL;
	if (orders.unsent[MAIL]) filter.xxfi_envfrom = NULL;
	if (orders.unsent[RCPT]) filter.xxfi_envrcpt = NULL;
	if (orders.unsent[DATA]) filter.xxfi_data = NULL;
	if (orders.unsent[HEADER]) filter.xxfi_header = NULL;
	if (orders.unsent[EOH]) filter.xxfi_eoh = NULL;
	if (orders.unsent[BODY]) filter.xxfi_body = NULL;
	if (orders.unsent[UNKNOWN]) filter.xxfi_unknown = NULL;
	if (smfi_register(filter) != MI_SUCCESS || smfi_opensocket(0) != MI_SUCCESS)
		return 1;
	return smfi_main() == MI_SUCCESS ? 0 : 1;
}
