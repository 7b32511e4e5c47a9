/* The lines that the filter prints, one write for each event. */

#ifndef REPORT_H
#define REPORT_H

#include <stddef.h>
#include <libmilter/mfapi.h>

#include "orders.h"

/* A line that grows. */
struct line {
	char *text;
	size_t len, size;
};

void put(struct line *l, const char *text);
void put_quoted(struct line *l, const char *text, size_t len);

/* end prints the line and, at the stage of -m, the macros of -M. */
void end(struct line *l, SMFICTX *ctx, enum stage stage);

#endif
