// SPDX-License-Identifier: BSD-2-Clause
// Inside hcall/ only: the rows of fief_op that are about the fiefs below the caller's
// (abi/fief_op.h). Their family is in fief.c.
#ifndef HCALL_FIEF_TREE_H
#define HCALL_FIEF_TREE_H

#include "hcall/hcall.h"

long fief_op_grant(struct hcall *h);
long fief_op_set_budget(struct hcall *h);
long fief_op_set_limits(struct hcall *h);
long fief_op_set_rights(struct hcall *h);
long fief_op_revoke(struct hcall *h);
long fief_op_seat(struct hcall *h);
long fief_op_node(struct hcall *h);

#endif
