// SPDX-License-Identifier: BSD-2-Clause
// Inside hcall/ only: the part of hypfs that shows accounts, which comes and goes with them.
#ifndef HCALL_HYPFS_H
#define HCALL_HYPFS_H

#include "hcall/hcall.h"

// Reads /fief or what is below it, to reg[3], reg[4] as hypfs_op read does. 0, -E_NOENT, -E_FAULT,
// -E_NOBUFS.
long hypfs_fief_read(struct hcall *h, const char *path);

#endif
