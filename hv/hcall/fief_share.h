// SPDX-License-Identifier: BSD-2-Clause
// Inside hcall/ only: the rows of fief_op that are about CPU time (abi/fief_op.h). Their family is
// in fief.c.
#ifndef HCALL_FIEF_SHARE_H
#define HCALL_FIEF_SHARE_H

#include "hcall/hcall.h"

long fief_op_get_share(struct hcall *h);
long fief_op_set_share(struct hcall *h);

#endif
