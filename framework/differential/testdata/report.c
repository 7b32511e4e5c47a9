#include <stdlib.h>
#include <string.h>
#include <stdio.h>
#include <unistd.h>

#include "report.h"

static void grow(struct line *l, size_t more)
{
	if (l->len + more + 1 <= l->size)
		return;
	l->size = 2 * (l->len + more + 1);
	if ((l->text = realloc(l->text, l->size)) == NULL)
		abort();
}

void put(struct line *l, const char *text)
{
	size_t n = strlen(text);

	grow(l, n);
	memcpy(l->text + l->len, text, n);
	l->len += n;
}

void put_quoted(struct line *l, const char *text, size_t len)
{
	char escape[5];

	put(l, "\"");
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c < ' ' || c > '~' || c == '"' || c == '\\')
			snprintf(escape, sizeof escape, "\\x%02x", c);
		else
			snprintf(escape, sizeof escape, "%c", c);
		put(l, escape);
	}
	put(l, "\"");
}

static void put_macros(struct line *l, SMFICTX *ctx)
{
	char *names = strdup(orders.macros), *rest = NULL;

	for (char *name = strtok_r(names, " ", &rest); name != NULL; name = strtok_r(NULL, " ", &rest)) {
		char *value = smfi_getsymval(ctx, name);
		size_t n = strlen(name);

		if (value == NULL)
			continue;
		put(l, "macro ");
		if (name[0] == '{' && name[n - 1] == '}') {
			name[n - 1] = '\0';
			name++;
		}
		put(l, name);
		put(l, "=");
		put_quoted(l, value, strlen(value));
		put(l, "\n");
	}
	free(names);
}

void end(struct line *l, SMFICTX *ctx, enum stage stage)
{
	size_t done = 0;

	put(l, "\n");
	if (stage == orders.macro_stage && orders.macros != NULL)
		put_macros(l, ctx);
	while (done < l->len) {
		ssize_t n = write(STDOUT_FILENO, l->text + done, l->len - done);

		if (n <= 0)
			exit(1);
		done += (size_t)n;
	}
	free(l->text);
}
