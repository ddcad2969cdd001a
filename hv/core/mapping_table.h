// SPDX-License-Identifier: BSD-2-Clause
// Inside core/ only: where a mapper's records lie. A directory frame names up to 1000 frames of 63
// records each; frames that become empty go back. All of it is the mapper's (class mapping),
// guarded by the mapper's p2m lock.
#ifndef CORE_MAPPING_TABLE_H
#define CORE_MAPPING_TABLE_H

#include "core/mapping.h"

#define MAPPING_FRAMES_MAX 1000u
#define MAPPING_RECORDS 63u // in a frame
#define MAPPING_SHIFT 6u    // a handle is frame << 6 | record
#define MAPPING_BUCKETS 1024u

struct mapping_frame {
    uint32_t used;
    uint32_t first_free; // record + 1, of those that have been given back
    uint32_t fresh;      // records from here on have never been used
    uint32_t index;      // in the directory
    uint32_t next;       // index + 1 of the next frame with a free record
    uint32_t prev;
    uint32_t pad[10];
    struct mapping record[MAPPING_RECORDS];
};

_Static_assert(sizeof(struct mapping_frame) <= PAGE_SIZE, "records and header fill a frame");

struct mapping_table {
    uint32_t frame[MAPPING_FRAMES_MAX]; // frame numbers; 0: none
    uint32_t frames;                    // entries in use
    uint32_t lowest_empty;              // no empty entry of the directory is lower
    uint32_t partial;                   // index + 1 of the first frame with a free record
    uint32_t hash_frame;                // frame of the hash of views by gfn; 0: none
    uint32_t views;
};

_Static_assert(sizeof(struct mapping_table) <= PAGE_SIZE, "the directory is one frame");

struct mapping *mapping_find_view(struct domain *mapper, gfn_t g);
// The view is found by its gfn from here on.
void mapping_hash_view(struct mapping *m);
// Makes sure that a view can be entered. -E_NOMEM.
int mapping_prepare_hash(struct domain *mapper) MUST_CHECK;
// Any record of the mapper's; null: there is none.
struct mapping *mapping_first(struct domain *mapper);

#endif
