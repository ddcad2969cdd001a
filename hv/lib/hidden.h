// SPDX-License-Identifier: BSD-2-Clause
// Included by the build in front of every source: all names belong to the one image, so data of
// other files is addressed directly and not by way of a table that a dynamic loader would fill.
#ifndef LIB_HIDDEN_H
#define LIB_HIDDEN_H

#pragma GCC visibility push(hidden)

#endif
