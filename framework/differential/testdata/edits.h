#ifndef EDITS_H
#define EDITS_H

#include <libmilter/mfapi.h>

/* actions returns the SMFIF_ bits that the orders need. */
unsigned long actions(void);

/* edit modifies the message as ordered. */
void edit(SMFICTX *ctx);

#endif
