/* The end of the message: what the filter modifies, in testmilter's order. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edits.h"
#include "report.h"

static void check(SMFICTX *ctx, const char *what, int result)
{
	struct line l = {0};

	if (result == MI_SUCCESS)
		return;
	put(&l, "failed ");
	put(&l, what);
	end(&l, ctx, NONE);
}

/* The file's lines end in LF, those of a body in CRLF. */
static int replace_body(SMFICTX *ctx, const char *path)
{
	FILE *f = fopen(path, "r");
	char *text = NULL;
	size_t len = 0;
	int c, before = 0, result;

	if (f == NULL)
		return MI_FAILURE;
	while ((c = getc(f)) != EOF) {
		if ((text = realloc(text, len + 2)) == NULL)
			abort();
		if (c == '\n' && before != '\r')
			text[len++] = '\r';
		text[len++] = (char)c;
		before = c;
	}
	fclose(f);
	result = smfi_replacebody(ctx, (unsigned char *)(text != NULL ? text : ""), (int)len);
	free(text);
	return result;
}

static int change_sender(SMFICTX *ctx)
{
	char *sender = strdup(orders.sender), *args = strchr(sender, ' ');
	int result;

	if (args != NULL)
		*args++ = '\0';
	result = smfi_chgfrom(ctx, sender, args);
	free(sender);
	return result;
}

unsigned long actions(void)
{
	unsigned long a = 0;

	if (orders.body != NULL)
		a |= SMFIF_CHGBODY;
	if (orders.sender != NULL)
		a |= SMFIF_CHGFROM;
	if (orders.insert.given)
		a |= SMFIF_ADDHDRS;
	if (orders.change.given)
		a |= SMFIF_CHGHDRS;
	if (orders.add.n > 0)
		a |= SMFIF_ADDRCPT;
	if (orders.delete.n > 0)
		a |= SMFIF_DELRCPT;
	return a;
}

void edit(SMFICTX *ctx)
{
	struct field *insert = &orders.insert, *change = &orders.change;

	if (orders.body != NULL)
		check(ctx, "body", replace_body(ctx, orders.body));
	if (orders.sender != NULL)
		check(ctx, "sender", change_sender(ctx));
	if (insert->given)
		check(ctx, "insert", smfi_insheader(ctx, insert->index, insert->name, insert->value));
	if (change->given)
		check(ctx, "change", smfi_chgheader(ctx, change->name, change->index,
			*change->value ? change->value : NULL));
	for (int i = 0; i < orders.add.n; i++)
		check(ctx, "add", smfi_addrcpt(ctx, orders.add.of[i]));
	for (int i = 0; i < orders.delete.n; i++)
		check(ctx, "delete", smfi_delrcpt(ctx, orders.delete.of[i]));
}
