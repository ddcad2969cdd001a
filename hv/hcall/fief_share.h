// SPDX-License-Identifier: BSD-2-Clause
// Inside hcall/ only: what of fief_op is about CPU time (abi/fief_op.h). The family is in fief.c.
#ifndef HCALL_FIEF_SHARE_H
#define HCALL_FIEF_SHARE_H

#include "hcall/hcall.h"

struct fief;
struct fief_share;

// All zero but for the identity when the fief has ended.
void fief_share_read(struct fief *f, struct fief_share *out);
long fief_op_set_share(struct hcall *h);

#endif
