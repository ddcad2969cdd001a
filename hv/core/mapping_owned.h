// SPDX-License-Identifier: BSD-2-Clause
// Inside core/ only: the owner's side of mapping records, by frame. All records of a frame hang on
// one of them, views first; that one is in a tree whose depth the number of a frame's bits bounds,
// whatever frames others map. Guarded by the owner's p2m lock; costs no memory of its own.
#ifndef CORE_MAPPING_OWNED_H
#define CORE_MAPPING_OWNED_H

#include "core/mapping.h"

// The first record of the frame, a view if there is any; null: nobody maps it. The others follow
// by mapping.same.
struct mapping *mapping_of_frame(struct domain *owner, uint32_t frame);
// Any record of any frame.
struct mapping *mapping_any_owned(struct domain *owner);
// The record, whose kind and frame are filled in, becomes the owner's, or is it no longer. Who its
// owner is from now on is written by the caller of the latter, once, because mapping_lock_lend
// reads it under the mapper's lock alone.
void mapping_own(struct mapping *m, struct domain *owner);
void mapping_disown(struct mapping *m);
// All records of the frame at once: they are the owner's no longer.
struct mapping *mapping_disown_all(struct domain *owner, uint32_t frame);

#endif
