// SPDX-License-Identifier: BSD-2-Clause
// Plans dom0's memory. Called once by main.c on the boot pcpu, before any frame has an owner; no
// lock. Pure: also built on the host, against many layouts.
//
// Kernel and RAM disk are used where the loader put them if the boot protocol allows (Linux
// Documentation/arm64/booting.rst): copying them costs more than the rest of the start.
#include "boot/plan.h"

#include "boot/nodes.h"
#include "lib/string.h"

#define MIB (1ull << 20)
#define GIB (1ull << 30)
#define DEFAULT_MAX (4 * GIB)
#define WORKING_ROOM (32 * MIB)      // below this a Linux kernel does not reach its RAM disk
#define OWN_ROOM (8 * MIB)           // for the hypervisor: structures of dom0 and of a first guest
#define RAMDISK_SPAN (32 * GIB)      // booting.rst: kernel and RAM disk in one such window
#define EXTENDED_ALIGN (128 * MIB)   // Linux arm64 (4 KiB pages) hot-adds memory in these
#define EXTENDED_TOTAL (4 * GIB)

struct work {
    const struct plan_facts *in;
    struct plan *out;
    struct fault *f;
    struct rangeset chunks; // RAM that can be dom0's, PLAN_BLOCK aligned
    struct rangeset banks;  // what of it is dom0's
    uint64_t size;          // bytes that dom0 gets
    uint64_t ram;           // bytes of the machine
    bool kernel_in_place, ramdisk_in_place;
};

static unsigned long long in_mib(uint64_t bytes)
{
    return (unsigned long long)(bytes / MIB);
}

static bool too_scattered(struct work *w)
{
    return fault_say(w->f, "the machine's memory is too scattered: "
                     "use fewer memory banks and reserved ranges");
}

// Takes what the loader filled, and what is still to be read, out of the room.
static bool leave_loaded(const struct work *w, struct rangeset *room)
{
    const struct plan_facts *in = w->in;
    bool ok = rangeset_remove(room, range_widen(in->machine->fdt, PAGE_SIZE)) &&
              rangeset_remove(room, range_widen(in->kernel, PAGE_SIZE)) &&
              rangeset_remove(room, range_widen(in->ramdisk, PAGE_SIZE));

    for (unsigned i = 0; i < in->others->count; i++) {
        ok = ok && rangeset_remove(room, range_widen(in->others->r[i], PAGE_SIZE));
    }
    return ok;
}

static bool overlaps_others(const struct work *w, struct range r)
{
    for (unsigned i = 0; i < w->in->others->count; i++) {
        if (range_overlaps(w->in->others->r[i], r)) {
            return true;
        }
    }
    return false;
}

// At the upper end of the highest free RAM, so that what is left stays in one piece.
static bool place_table(struct work *w)
{
    struct rangeset room = w->chunks;
    uint64_t size = align_up(w->in->table_size, PAGE_SIZE);

    if (!leave_loaded(w, &room)) {
        return too_scattered(w);
    }
    for (unsigned i = room.count; i > 0; i--) {
        struct range r = room.r[i - 1];

        if (r.size >= size) {
            w->out->frame_table = (struct range){range_end(r) - size, size};
            return rangeset_remove(&w->chunks, w->out->frame_table) || too_scattered(w);
        }
    }
    return fault_say(w->f, "the machine's RAM of %llu MiB has no %llu KiB in one piece for the "
                     "frame table: give it more RAM", in_mib(w->ram),
                     (unsigned long long)(size >> 10));
}

static bool gather_chunks(struct work *w)
{
    const struct machine *m = w->in->machine;
    bool ok = true;

    for (unsigned i = 0; i < m->bank_count; i++) {
        ok = ok && rangeset_add(&w->chunks, range_shrink(m->bank[i], PAGE_SIZE));
    }
    w->ram = rangeset_size(&w->chunks);
    // Frame number 0 means no frame.
    ok = ok && rangeset_remove(&w->chunks, (struct range){0, PAGE_SIZE});
    ok = ok && rangeset_remove(&w->chunks, range_widen(w->in->hypervisor, PLAN_BLOCK));
    for (unsigned i = 0; i < m->reserved_count; i++) {
        ok = ok && rangeset_remove(&w->chunks, range_widen(m->reserved[i], PAGE_SIZE));
    }
    // Second-stage root entries end there.
    ok = ok && rangeset_remove(&w->chunks,
                               (struct range){GUEST_ADDRESS_END, (1ull << 56) - GUEST_ADDRESS_END});
    if (!ok) {
        return too_scattered(w);
    }
    if (!place_table(w)) {
        return false;
    }
    rangeset_shrink(&w->chunks, PLAN_BLOCK);
    return true;
}

// What dom0 cannot start without. Wherever the loader put things, they touch no more blocks than
// this.
static uint64_t least(const struct plan_facts *in)
{
    uint64_t kernel = align_up(in->image.text_offset + in->image.size, PLAN_BLOCK);
    uint64_t ramdisk = in->ramdisk.size ? align_up(in->ramdisk.size, PLAN_BLOCK) + PLAN_BLOCK : 0;

    return kernel + ramdisk + PLAN_DTB_SIZE + WORKING_ROOM;
}

// Besides dom0's RAM: OWN_ROOM, and a page for each block of dom0's, as its table in reserve.
static uint64_t most(const struct work *w)
{
    uint64_t free = rangeset_size(&w->chunks);

    return free < OWN_ROOM ? 0 : align_down((free - OWN_ROOM) / 513 * 512, PLAN_BLOCK);
}

static bool choose_size(struct work *w)
{
    uint64_t low = least(w->in);
    uint64_t high = most(w);
    uint64_t asked = w->in->dom0_mem;

    if (low > high) {
        return fault_say(w->f, "the machine's RAM of %llu MiB is too small for dom0's kernel and "
                         "RAM disk: give it at least %llu MiB", in_mib(w->ram),
                         in_mib(low + (w->ram - high)));
    }
    if (asked > w->ram) {
        return fault_say(w->f, "dom0_mem=%lluM is larger than the machine's RAM of %llu MiB: "
                         "give at most dom0_mem=%lluM", in_mib(asked), in_mib(w->ram),
                         in_mib(high));
    }
    w->size = asked ? align_up(asked, PLAN_BLOCK)
                    : align_down(MIN(w->ram / 2, DEFAULT_MAX), PLAN_BLOCK);
    if (!asked) {
        w->size = MIN(MAX(w->size, low), high);
    }
    if (w->size > high) {
        return fault_say(w->f, "dom0_mem=%lluM leaves too little of the machine's RAM of %llu MiB "
                         "to the hypervisor: give at most dom0_mem=%lluM", in_mib(asked),
                         in_mib(w->ram), in_mib(high));
    }
    if (w->size < low) {
        return fault_say(w->f, "dom0_mem=%lluM is too small for the kernel and its RAM disk (needs "
                         "at least %llu MiB): give dom0_mem=%lluM or more", in_mib(asked),
                         in_mib(low), in_mib(low));
    }
    return true;
}

// Both in one window of 32 GiB whose base is a multiple of 1 GiB.
static bool near_enough(struct range kernel, struct range ramdisk)
{
    uint64_t base = align_down(MIN(kernel.base, ramdisk.base), GIB);

    return MAX(range_end(kernel), range_end(ramdisk)) - base <= RAMDISK_SPAN;
}

// Decides what can stay where it is, and begins the banks with the blocks around it.
static bool choose_in_place(struct work *w)
{
    const struct plan_facts *in = w->in;
    struct range need = {in->kernel.base, in->image.size};
    struct range kernel = range_widen(need, PLAN_BLOCK);
    struct range ramdisk = range_widen(in->ramdisk, PLAN_BLOCK);

    w->kernel_in_place = in->kernel.base >= in->image.text_offset &&
                         (in->kernel.base - in->image.text_offset) % PLAN_BLOCK == 0 &&
                         rangeset_covers(&w->chunks, kernel) &&
                         !range_overlaps(need, in->machine->fdt) && !overlaps_others(w, need) &&
                         !(in->ramdisk.size && range_overlaps(need, in->ramdisk));
    w->ramdisk_in_place = in->ramdisk.size && rangeset_covers(&w->chunks, ramdisk) &&
                          w->kernel_in_place && near_enough(need, in->ramdisk);
    if (w->kernel_in_place && !rangeset_add(&w->banks, kernel)) {
        return too_scattered(w);
    }
    if (w->ramdisk_in_place && !rangeset_add(&w->banks, ramdisk)) {
        return too_scattered(w);
    }
    return true;
}

// How willingly a free piece is taken: more is better.
enum rank { RANK_ANY, RANK_ABOVE, RANK_BELOW, RANK_BETWEEN, RANK_LOW };

static enum rank rank_piece(const struct work *w, struct range piece, uint64_t left)
{
    bool above = false; // the piece begins where a bank ends
    bool below = false;
    bool low = w->banks.count && w->banks.r[0].base < 4 * GIB;

    for (unsigned i = 0; i < w->banks.count; i++) {
        above = above || range_end(w->banks.r[i]) == piece.base;
        below = below || w->banks.r[i].base == range_end(piece);
    }
    // Devices that reach 32 bits only need RAM of dom0's there.
    if (!low && piece.base < 4 * GIB) {
        return RANK_LOW;
    }
    if (above && below && piece.size <= left) {
        return RANK_BETWEEN;
    }
    return below ? RANK_BELOW : above ? RANK_ABOVE : RANK_ANY;
}

// Adds the best of the free pieces, or as much of it as is wanted.
static bool grow_once(struct work *w, uint64_t left)
{
    struct rangeset free = w->chunks;
    enum rank best = RANK_ANY;
    struct range pick = {0, 0};

    for (unsigned i = 0; i < w->banks.count; i++) {
        if (!rangeset_remove(&free, w->banks.r[i])) {
            return too_scattered(w);
        }
    }
    for (unsigned i = 0; i < free.count; i++) {
        enum rank rank = rank_piece(w, free.r[i], left);

        if (!pick.size || rank > best || (rank == best && free.r[i].size > pick.size)) {
            best = rank;
            pick = free.r[i];
        }
    }
    if (pick.size > left) {
        pick.base += best == RANK_BELOW ? pick.size - left : 0;
        pick.size = left;
    }
    return (pick.size && rangeset_add(&w->banks, pick)) || too_scattered(w);
}

static bool choose_banks(struct work *w)
{
    if (!choose_in_place(w)) {
        return false;
    }
    while (rangeset_size(&w->banks) < w->size) {
        if (!grow_once(w, w->size - rangeset_size(&w->banks))) {
            return false;
        }
    }
    if (w->banks.count > PLAN_BANKS_MAX) {
        return too_scattered(w);
    }
    w->out->bank_count = w->banks.count;
    memcpy(w->out->bank, w->banks.r, w->banks.count * sizeof(struct range));
    w->out->ram = rangeset_size(&w->banks);
    return true;
}

// A place in dom0's free RAM, behind the kernel if there is one.
static bool place(struct work *w, struct rangeset *room, uint64_t size, uint64_t align,
                  const char *what, struct range *out)
{
    uint64_t from = range_end(w->out->kernel);

    if (!rangeset_place(room, size, align, from, &out->base) &&
        !rangeset_place(room, size, align, 0, &out->base)) {
        return fault_say(w->f, "dom0's memory of %llu MiB has no room in one piece for %s: "
                         "give a larger dom0_mem", in_mib(w->size), what);
    }
    out->size = size;
    return rangeset_remove(room, *out) || too_scattered(w);
}

static bool place_contents(struct work *w)
{
    const struct plan_facts *in = w->in;
    struct rangeset room = w->banks;
    struct plan *out = w->out;

    if (!leave_loaded(w, &room)) {
        return too_scattered(w);
    }
    if (w->kernel_in_place) {
        out->kernel = (struct range){in->kernel.base, in->image.size};
        if (!rangeset_remove(&room, out->kernel)) {
            return too_scattered(w);
        }
    } else {
        if (!place(w, &room, in->image.text_offset + in->image.size, PLAN_BLOCK, "the kernel",
                   &out->kernel)) {
            return false;
        }
        out->kernel.base += in->image.text_offset;
        out->kernel.size = in->image.size;
    }
    out->ramdisk = in->ramdisk;
    if (in->ramdisk.size && !w->ramdisk_in_place &&
        !place(w, &room, in->ramdisk.size, PAGE_SIZE, "the RAM disk", &out->ramdisk)) {
        return false;
    }
    return place(w, &room, PLAN_DTB_SIZE, PLAN_BLOCK, "the device tree", &out->dtb);
}

// The block of the hypervisor's image is never dom0's RAM nor a device, so it is a good place in
// dom0's address space for its grant table.
static void place_grant_table(struct work *w)
{
    w->out->grant_table = (struct range){align_down(w->in->hypervisor.base, PLAN_BLOCK),
                                         PLAN_GRANT_SIZE};
}

// Guest addresses from the first RAM on that mean nothing to dom0. Below the RAM is where a board
// keeps devices that no tree mentions.
static bool gather_unused(struct work *w, struct rangeset *unused)
{
    const struct machine *m = w->in->machine;
    uint64_t first = m->bank[0].base;
    bool ok = rangeset_add(unused, (struct range){first, GUEST_ADDRESS_END - first});

    for (unsigned i = 0; i < w->banks.count; i++) {
        ok = ok && rangeset_remove(unused, w->banks.r[i]);
    }
    for (unsigned i = 0; i < w->in->devices->count; i++) {
        ok = ok && rangeset_remove(unused, w->in->devices->r[i]);
    }
    for (unsigned i = 0; i < m->reserved_count; i++) {
        ok = ok && rangeset_remove(unused, m->reserved[i]);
    }
    for (unsigned i = 0; i < m->gicr_count; i++) {
        ok = ok && rangeset_remove(unused, m->gicr[i]);
    }
    ok = ok && rangeset_remove(unused, m->gicd) && rangeset_remove(unused, m->uart) &&
         rangeset_remove(unused, range_widen(w->in->hypervisor, PLAN_BLOCK));
    rangeset_shrink(unused, EXTENDED_ALIGN);
    return ok;
}

static bool choose_extended(struct work *w)
{
    struct rangeset unused = {0};
    struct plan *out = w->out;
    uint64_t left = EXTENDED_TOTAL;

    if (!gather_unused(w, &unused)) {
        return too_scattered(w);
    }
    while (left && out->extended_count < PLAN_EXTENDED_MAX) {
        struct range pick = {0, 0};

        for (unsigned i = 0; i < unused.count; i++) {
            if (MIN(unused.r[i].size, left) > pick.size) {
                pick = (struct range){unused.r[i].base, MIN(unused.r[i].size, left)};
            }
        }
        if (!pick.size) {
            break;
        }
        if (!rangeset_remove(&unused, pick)) {
            return too_scattered(w);
        }
        out->extended[out->extended_count++] = pick;
        left -= pick.size;
    }
    return true;
}

// Takes the pages of r out of the rest, and remembers those that were in it.
static bool keep_loaded(struct plan *p, struct range r)
{
    struct range pages = range_widen(r, PAGE_SIZE);
    bool ok = true;

    for (unsigned i = 0; i < p->rest.count; i++) {
        uint64_t base = MAX(pages.base, p->rest.r[i].base);
        uint64_t end = MIN(range_end(pages), range_end(p->rest.r[i]));

        if (base < end) {
            ok = ok && rangeset_add(&p->loaded, (struct range){base, end - base});
        }
    }
    return ok && rangeset_remove(&p->rest, pages);
}

// RAM that somebody may own, page 0 left out because its number means no frame.
static bool gather_rest(const struct work *w)
{
    const struct machine *m = w->in->machine;
    struct plan *p = w->out;
    bool ok = true;

    for (unsigned i = 0; i < m->bank_count; i++) {
        ok = ok && rangeset_add(&p->rest, range_shrink(m->bank[i], PAGE_SIZE));
    }
    for (unsigned i = 0; i < m->reserved_count; i++) {
        ok = ok && rangeset_remove(&p->rest, range_widen(m->reserved[i], PAGE_SIZE));
    }
    ok = ok && rangeset_remove(&p->rest, (struct range){0, PAGE_SIZE}) &&
         rangeset_remove(&p->rest, range_widen(w->in->hypervisor, PAGE_SIZE)) &&
         rangeset_remove(&p->rest, p->frame_table);
    for (unsigned i = 0; i < p->bank_count; i++) {
        ok = ok && rangeset_remove(&p->rest, p->bank[i]);
    }
    return ok;
}

static bool share_out_rest(struct work *w)
{
    const struct plan_facts *in = w->in;
    bool ok = gather_rest(w) && keep_loaded(w->out, in->kernel) &&
              keep_loaded(w->out, in->ramdisk) && keep_loaded(w->out, in->machine->fdt);

    for (unsigned i = 0; i < in->others->count; i++) {
        ok = ok && keep_loaded(w->out, in->others->r[i]);
    }
    return ok || too_scattered(w);
}

bool plan_make(struct plan *p, const struct plan_facts *facts, struct fault *f)
{
    struct work w = {.in = facts, .out = p, .f = f};

    memset(p, 0, sizeof(*p));
    if (facts->machine->bank_count == 0 || facts->machine->bank[0].base >= GUEST_ADDRESS_END) {
        return fault_say(f, "the machine has no RAM below 2^40: give it some");
    }
    place_grant_table(&w);
    return gather_chunks(&w) && choose_size(&w) && choose_banks(&w) && place_contents(&w) &&
           choose_extended(&w) && share_out_rest(&w);
}

bool plan_make_without(struct plan *p, const struct plan_facts *facts, struct rangeset *others,
                       struct fault *why, struct fault *f)
{
    struct plan_facts alone = *facts;

    why->text[0] = 0;
    alone.others = others;
    if (plan_make(p, &alone, f)) {
        return true;
    }
    if (others->count == 0) {
        return false;
    }
    *why = *f;
    others->count = 0;
    return plan_make(p, &alone, f);
}
