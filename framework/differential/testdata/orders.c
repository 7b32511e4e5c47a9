/* The command line. Wrong flags end the program with the status 2. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libmilter/mfapi.h>

#include "orders.h"

struct orders orders = {.at = CONNECT, .macro_stage = CONNECT};

static void fail(const char *what, const char *value)
{
	fprintf(stderr, "filter: %s: %s\n", what, value);
	exit(2);
}

enum stage stage_named(const char *name)
{
	static const char *names[] = {"connect", "helo", "mail", "rcpt", "data", "header",
		"eoh", "body", "unknown", "eom", "abort", "close"};

	for (int i = 0; i < NONE; i++)
		if (strcmp(name, names[i]) == 0)
			return (enum stage)i;
	fail("no such stage", name);
	return NONE;
}

static void append(struct list *list, char *value)
{
	if (list->n == MAX_LIST)
		fail("too many of a flag", value);
	list->of[list->n++] = value;
}

/* 'index name value': without -l, the spaces before the value are left out;
 * with it, they are a part of it, the one after the colon among them, and a name
 * may end in that colon. */
static struct field field(char *text)
{
	struct field f = {.given = 1};
	char *rest;

	f.index = (int)strtol(text, &rest, 10);
	if (rest == text || *rest != ' ')
		fail("no index", text);
	f.name = rest + 1;
	if (orders.raw && f.name[strcspn(f.name, " :")] == ':') {
		f.value = strchr(f.name, ':') + 1;
		f.name = strndup(f.name, (size_t)(f.value - 1 - f.name));
		return f;
	}
	if ((f.value = strchr(f.name, ' ')) == NULL) {
		f.value = "";
		return f;
	}
	if (orders.raw) {
		size_t n = (size_t)(f.value - f.name);
		f.name = strndup(f.name, n);
		return f;
	}
	*f.value++ = '\0';
	while (*f.value == ' ')
		f.value++;
	return f;
}

void read_orders(int argc, char **argv)
{
	char *insert = NULL, *change = NULL;
	int flag;

	while ((flag = getopt(argc, argv, "a:A:b:c:D:f:h:i:lm:M:n:N:p:rv")) != -1)
		switch (flag) {
		case 'a': orders.action = optarg; break;
		case 'A': append(&orders.add, optarg); break;
		case 'b': orders.body = optarg; break;
		case 'c': orders.at = stage_named(optarg); break;
		case 'D': append(&orders.delete, optarg); break;
		case 'f': orders.sender = optarg; break;
		case 'h': change = optarg; break;
		case 'i': insert = optarg; break;
		case 'l': orders.raw = 1; break;
		case 'm': orders.macro_stage = stage_named(optarg); break;
		case 'M': orders.macros = optarg; break;
		case 'n': orders.unsent[stage_named(optarg)] = 1; break;
		case 'N': orders.unanswered[stage_named(optarg)] = 1; break;
		case 'p':
			if (smfi_setconn(optarg) != MI_SUCCESS)
				fail("-p", optarg);
			break;
		case 'r': orders.rejected = 1; break;
		case 'v': orders.verbose = 1; break;
		default: exit(2);
		}
	if (insert != NULL)
		orders.insert = field(insert);
	if (change != NULL)
		orders.change = field(change);
}
