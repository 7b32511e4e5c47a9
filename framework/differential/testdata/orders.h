/* What the filter is to do: the flags of examples/testmilter. */

#ifndef ORDERS_H
#define ORDERS_H

#define MAX_LIST 16

enum stage {
	CONNECT, HELO, MAIL, RCPT, DATA, HEADER, EOH, BODY, UNKNOWN, /* these can be left out */
	EOM, ABORT, CLOSE, NONE
};

struct field {
	int given, index;
	char *name, *value;
};

struct list {
	int n;
	char *of[MAX_LIST];
};

struct orders {
	char *action;      /* what to answer, or NULL */
	enum stage at;     /* where */
	int unsent[NONE], unanswered[NONE];
	char *body, *sender;
	struct field change, insert;
	struct list add, delete;
	enum stage macro_stage;
	char *macros;
	int raw, rejected, verbose;
};

extern struct orders orders;

void read_orders(int argc, char **argv);
enum stage stage_named(const char *name);

#endif
