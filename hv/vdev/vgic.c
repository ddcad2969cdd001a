// SPDX-License-Identifier: BSD-2-Clause
// The virtual GICv3's lines and their delivery: who has an interrupt waiting, what goes into a
// slot, what came back. Called by core (vgic.h says how) and by the register files beside this
// one. Takes the vgic's lock for whatever changes something; allocates nothing.
#include "vdev/vgic_state.h"

#include "lib/errno.h"
#include "lib/panic.h"

_Static_assert((SLOT_PENDING | SLOT_ACTIVE) == SLOT_PENDING_ACTIVE, "slot states are two bits");
_Static_assert(sizeof(struct vgic_irq) == 8, "a line is one word");
_Static_assert(sizeof(struct vgic_cpu) <= 700, "a vcpu's part stays small");
_Static_assert(VGIC_WORDS <= 16, "summary has a bit per word");

#define SGI_COUNT 16u

void vgic_kick(struct vgic_effects *e, unsigned vcpu)
{
    bitmap_set(e->kick, vcpu);
}

void vgic_push(struct vgic_effects *e, enum vgic_phys_op op, unsigned pirq, unsigned vcpu)
{
    invariant(e->count < VGIC_PHYS_MAX);
    e->phys[e->count++] =
        (struct vgic_phys){.pirq = (uint16_t)pirq, .op = (uint8_t)op, .vcpu = (uint8_t)vcpu};
}

// Affinities as Xen numbers vcpus: sixteen to an aff1.
uint32_t vgic_affinity(unsigned vcpu)
{
    return (vcpu >> 4) << 8 | (vcpu & 15);
}

uint8_t vgic_vcpu_of_route(const struct vgic *v, uint32_t route)
{
    uint32_t vcpu = (route >> 8 & 0xff) << 4 | (route & 15);

    if (vcpu >= v->vcpus || vgic_affinity(vcpu) != route) {
        return VGIC_NOBODY;
    }
    return (uint8_t)vcpu;
}

// The line with that number as c sees it. It is one that stands in a queue or slot of c's.
static inline struct vgic_irq *line_of(struct vgic *v, struct vgic_cpu *c, unsigned irq)
{
    return irq < VGIC_PRIVATE ? &c->irq[irq] : &v->spi[irq - VGIC_PRIVATE];
}

static inline void count(struct vgic_cpu *c, uint32_t waiting)
{
    __atomic_store_n(&c->waiting, waiting, __ATOMIC_RELAXED);
}

static inline uint32_t counts_as(unsigned flags)
{
    return (flags & LINE_READY) ? VGIC_WAITS + VGIC_READY : VGIC_WAITS;
}

static void queue_add(struct vgic *v, struct vgic_irq *l, unsigned irq, unsigned flags)
{
    struct vgic_cpu *c = v->cpu[l->home];

    bitmap_set(c->queue, irq);
    c->summary = (uint16_t)(c->summary | 1u << irq / 64);
    count(c, c->waiting + counts_as(flags));
    line_set(l, flags);
}

static void queue_remove(struct vgic *v, struct vgic_irq *l, unsigned irq)
{
    struct vgic_cpu *c = v->cpu[l->home];

    bitmap_clear(c->queue, irq);
    if (!c->queue[irq / 64]) {
        c->summary = (uint16_t)(c->summary & ~(1u << irq / 64));
    }
    count(c, c->waiting - counts_as(l->flags));
    line_clear(l, LINE_QUEUED | LINE_READY);
}

static bool line_deliverable(const struct vgic_irq *l)
{
    return line_has(l, LINE_ENABLED | LINE_GROUP1) && l->target != VGIC_NOBODY && line_pending(l);
}

// A physical interrupt is left active only as long as the guest is going to deactivate it. A level
// that is still up will come again when the guest enables the line; an edge has to be kept here.
static void line_release_phys(struct vgic_irq *l, struct vgic_effects *e)
{
    if (!line_has(l, LINE_PHYS) || line_has(l, LINE_ACTIVE_HW) ||
        line_has(l, LINE_ENABLED | LINE_LATCH)) {
        return;
    }
    vgic_push(e, VGIC_PHYS_DEACTIVATE, l->pirq, 0);
    line_clear(l, LINE_PHYS | (line_has(l, LINE_EDGE) ? 0 : LINE_LATCH));
}

// Where a line in no slot belongs: LINE_QUEUED, perhaps with LINE_READY, or 0. An active one stays
// with the vcpu that acknowledged it, wherever it is routed by now.
static inline unsigned line_place(const struct vgic_irq *l)
{
    if (line_has(l, LINE_ACTIVE)) {
        return l->home != VGIC_NOBODY ? LINE_QUEUED : 0;
    }
    return line_deliverable(l) ? LINE_QUEUED | LINE_READY : 0;
}

// Puts the line into the queue where it belongs. True: there is something new for its home. It
// looks at active ones, too: the guest can deactivate only what stands in a slot.
static bool line_settle(struct vgic *v, struct vgic_irq *l, unsigned irq)
{
    unsigned was = l->flags & (LINE_QUEUED | LINE_READY);
    uint8_t home = line_has(l, LINE_ACTIVE) ? l->home : l->target;
    unsigned place;

    if (line_has(l, LINE_IN_SLOT)) {
        // The slot may be in use on another pcpu: that vcpu has to come out and sync first.
        return true;
    }
    place = line_place(l);
    if (place == was && home == l->home) {
        return false;
    }
    if (was) {
        queue_remove(v, l, irq);
    }
    l->home = home;
    if (place) {
        queue_add(v, l, irq, place);
    }
    return place != 0;
}

void vgic_line_update(struct vgic *v, struct vgic_irq *l, unsigned irq, struct vgic_effects *e)
{
    if (!line_has(l, LINE_IN_SLOT)) {
        line_release_phys(l, e);
    }
    if (line_settle(v, l, irq)) {
        vgic_kick(e, l->home);
    }
}

void vgic_line_forget_latch(struct vgic_irq *l)
{
    line_clear(l, LINE_LATCH);
    if (line_has(l, LINE_SLOT_LATCH)) {
        line_set(l, LINE_DROP_LATCH);
    }
}

void vgic_line_forget_active(struct vgic_irq *l)
{
    line_clear(l, LINE_ACTIVE | LINE_ACTIVE_HW);
    if (line_has(l, LINE_IN_SLOT)) {
        line_set(l, LINE_DROP_ACTIVE);
    }
}

static void line_reset(struct vgic_irq *l, unsigned flags, unsigned target)
{
    *l = (struct vgic_irq){
        .flags = (uint16_t)(LINE_GROUP1 | flags),
        .target = (uint8_t)target,
        .home = (uint8_t)target,
    };
}

void vgic_init(struct vgic *v, const struct vgic_config *config)
{
    invariant(config->nr_spis <= VGIC_SPIS_MAX);
    invariant(config->vcpus >= 1 && config->vcpus <= VGIC_VCPUS_MAX);
    invariant(config->slots >= 1 && config->slots <= VIRQ_SLOTS_MAX);
    *v = (struct vgic){
        .cpu = config->cpu,
        .spi = config->spi_memory,
        .route = (uint32_t *)(void *)((struct vgic_irq *)config->spi_memory + config->nr_spis),
        .gicd = config->gicd,
        .gicr = config->gicr,
        .lines = (uint16_t)(VGIC_PRIVATE + config->nr_spis),
        .vcpus = (uint8_t)config->vcpus,
        .slots = (uint8_t)config->slots,
    };
    for (unsigned i = 0; i < config->nr_spis; i++) {
        line_reset(&v->spi[i], 0, 0);
    }
    for (unsigned i = 0; i < config->nr_spis + vgic_enabled_words(config->nr_spis); i++) {
        v->route[i] = 0;
    }
}

void vgic_cpu_init(struct vgic *v, struct vgic_cpu *c, unsigned id)
{
    invariant(id < v->vcpus);
    *c = (struct vgic_cpu){.vgic = v, .id = (uint8_t)id, .asleep = 1};
    for (unsigned i = 0; i < VGIC_PRIVATE; i++) {
        line_reset(&c->irq[i], i < SGI_COUNT ? LINE_EDGE : 0, id);
    }
    v->cpu[id] = c;
}

// An edge of a line without a physical interrupt. True: there is something new for its home.
static inline bool line_raise(struct vgic *v, struct vgic_irq *l, unsigned irq)
{
    // Further edges of a line that is pending already merge.
    if (line_has(l, LINE_LATCH)) {
        return false;
    }
    line_set(l, LINE_LATCH);
    return line_settle(v, l, irq);
}

bool vgic_raise(struct vgic_cpu *c, unsigned irq)
{
    struct vgic *v = c->vgic;
    bool news;

    spin_lock(&v->lock);
    news = line_raise(v, &c->irq[irq], irq);
    spin_unlock(&v->lock);
    return news;
}

bool vgic_raise_again(struct vgic_cpu *c, unsigned irq)
{
    struct vgic *v = c->vgic;
    struct vgic_irq *l = &c->irq[irq];
    bool news;

    spin_lock(&v->lock);
    vgic_line_forget_active(l);
    line_set(l, LINE_LATCH);
    news = line_settle(v, l, irq);
    spin_unlock(&v->lock);
    return news;
}

static void line_inject(struct vgic *v, struct vgic_irq *l, unsigned irq, struct vgic_effects *e)
{
    unsigned gained = LINE_LATCH | (l->pirq ? LINE_PHYS : 0);

    if (line_has(l, LINE_PHYS | LINE_IN_SLOT)) {
        gained |= LINE_PHYS_AGAIN;
    }
    if (!line_has(l, gained)) {
        line_set(l, gained);
        vgic_line_update(v, l, irq, e);
    }
}

void vgic_inject(struct vgic *v, unsigned irq, struct vgic_effects *e)
{
    if (irq < VGIC_PRIVATE || irq >= v->lines) {
        return;
    }
    spin_lock(&v->lock);
    line_inject(v, &v->spi[irq - VGIC_PRIVATE], irq, e);
    spin_unlock(&v->lock);
}

void vgic_set_level(struct vgic *v, unsigned vcpu, unsigned irq, enum vgic_level level,
                    struct vgic_effects *e)
{
    spin_lock(&v->lock);
    struct vgic_irq *l = vgic_line(v, vcpu, irq);

    if (l && line_has(l, LINE_LEVEL) != (level == VGIC_HIGH)) {
        if (level == VGIC_HIGH) {
            line_set(l, LINE_LEVEL | (line_has(l, LINE_EDGE) ? LINE_LATCH : 0));
        } else {
            line_clear(l, LINE_LEVEL);
        }
        vgic_line_update(v, l, irq, e);
    }
    spin_unlock(&v->lock);
}

// ICC_SGI1R_EL1 (IHI 0069, 12.2): Aff3 [55:48], range selector [47:44], all but self [40],
// Aff2 [39:32], number [27:24], Aff1 [23:16], one bit per aff0 [15:0].
#define SGI1R_ALL_BUT_SELF (1ull << 40)
#define SGI1R_ELSEWHERE 0x00fff0ff00000000ull // vcpus have no Aff3 or Aff2, and no aff0 above 15

// Bits of the cluster's vcpus that the register names.
static inline uint32_t sgi_targets(const struct vgic *v, unsigned from, uint64_t sgi1r,
                                   unsigned cluster)
{
    unsigned first = cluster * VGIC_CLUSTER;
    uint32_t there = (1u << MIN(v->vcpus - first, VGIC_CLUSTER)) - 1;

    if (sgi1r & SGI1R_ALL_BUT_SELF) {
        return from / VGIC_CLUSTER == cluster ? there & ~(1u << from % VGIC_CLUSTER) : there;
    }
    if ((sgi1r & SGI1R_ELSEWHERE) || (sgi1r >> 16 & 0xff) != cluster) {
        return 0;
    }
    return there & (uint32_t)sgi1r;
}

uint32_t vgic_send_sgi(struct vgic *v, unsigned from, uint64_t sgi1r, unsigned cluster)
{
    uint32_t targets = sgi_targets(v, from, sgi1r, cluster);
    struct vgic_cpu **cpu = v->cpu + (size_t)cluster * VGIC_CLUSTER;
    unsigned irq = sgi1r >> 24 & 15;
    uint32_t news = 0;

    if (!targets) {
        return 0;
    }
    spin_lock(&v->lock);
    for (; targets; targets &= targets - 1) {
        struct vgic_irq *l = &cpu[__builtin_ctz(targets)]->irq[irq];

        // The register makes Group 1 interrupts only: one in Group 0 is not forwarded.
        if (line_has(l, LINE_GROUP1) && line_raise(v, l, irq)) {
            news |= targets & -targets;
        }
    }
    spin_unlock(&v->lock);
    return news;
}

int vgic_link(struct vgic *v, unsigned virq, unsigned pirq, struct vgic_effects *e)
{
    int result = -E_BUSY;

    if (virq < VGIC_PRIVATE || virq >= v->lines || pirq < VGIC_PRIVATE || pirq >= VGIC_LINES_MAX) {
        return -E_INVAL;
    }
    spin_lock(&v->lock);
    struct vgic_irq *l = &v->spi[virq - VGIC_PRIVATE];

    if (!l->pirq && !line_has(l, LINE_IN_SLOT)) {
        l->pirq = (uint16_t)pirq;
        vgic_push(e, line_has(l, LINE_EDGE) ? VGIC_PHYS_EDGE : VGIC_PHYS_LEVEL, pirq, 0);
        if (line_has(l, LINE_ENABLED) && l->target != VGIC_NOBODY) {
            vgic_push(e, VGIC_PHYS_ENABLE, pirq, l->target);
        }
        result = 0;
    }
    spin_unlock(&v->lock);
    return result;
}

static void line_unlink(struct vgic *v, struct vgic_irq *l, unsigned irq, struct vgic_effects *e)
{
    vgic_push(e, VGIC_PHYS_DISABLE, l->pirq, 0);
    if (line_has(l, LINE_PHYS)) {
        // One that stands in a slot is deactivated by the sync that takes it out, or by its guest.
        if (!line_has(l, LINE_IN_SLOT) || !l->slot_linked || line_has(l, LINE_PHYS_AGAIN)) {
            vgic_push(e, VGIC_PHYS_DEACTIVATE, l->pirq, 0);
        }
        if (!line_has(l, LINE_EDGE)) {
            vgic_line_forget_latch(l);
        }
        line_clear(l, LINE_PHYS | LINE_ACTIVE_HW);
    }
    l->pirq = 0;
    vgic_line_update(v, l, irq, e);
}

void vgic_unlink(struct vgic *v, unsigned virq, struct vgic_effects *e)
{
    spin_lock(&v->lock);
    struct vgic_irq *l = virq >= VGIC_PRIVATE ? vgic_line(v, 0, virq) : NULL;

    if (l && l->pirq) {
        line_unlink(v, l, virq, e);
    }
    spin_unlock(&v->lock);
}

bool vgic_fini(struct vgic *v, struct vgic_effects *e)
{
    unsigned total = v->lines - VGIC_PRIVATE;

    spin_lock(&v->lock);
    for (; v->fini_next < total && e->count + 2 <= VGIC_PHYS_MAX; v->fini_next++) {
        struct vgic_irq *l = &v->spi[v->fini_next];

        if (l->pirq) {
            // No vcpu runs any more, so no slot is in use and no sync will come.
            line_clear(l, LINE_IN_SLOT);
            line_unlink(v, l, v->fini_next + VGIC_PRIVATE, e);
        }
    }
    bool done = v->fini_next == total;

    spin_unlock(&v->lock);
    return done;
}

// What the slot, which had pirq behind it, says about the physical interrupt; was: the line's flags
// before it was folded.
static NOINLINE void fold_link(struct vgic_irq *l, unsigned pirq, unsigned state, unsigned was,
                               struct vgic_effects *e)
{
    if (pirq != l->pirq) {
        // Unlinked while it stood here.
        if (state != SLOT_EMPTY) {
            vgic_push(e, VGIC_PHYS_DEACTIVATE, pirq, 0);
        }
    } else if (state == SLOT_EMPTY) {
        line_clear(l, (was & LINE_PHYS_AGAIN) ? 0 : LINE_PHYS);
    } else if ((state & SLOT_ACTIVE) && !(was & LINE_DROP_ACTIVE)) {
        line_set(l, LINE_ACTIVE_HW);
    }
}

// Nothing is left of the interrupt, and nothing new has come.
static inline bool line_is_over(const struct vgic_irq *l)
{
    return (l->flags & (LINE_LATCH | LINE_LEVEL | LINE_ACTIVE | LINE_PHYS)) == 0;
}

// The line has come out of c's slot and is wanted elsewhere, or again.
static NOINLINE void line_goes_on(struct vgic *v, const struct vgic_cpu *c, struct vgic_irq *l,
                                  unsigned irq, struct vgic_effects *e)
{
    line_release_phys(l, e);
    // The caller is this vcpu; what waits for it is shown by the flush to come.
    if (line_settle(v, l, irq) && l->home != c->id) {
        vgic_kick(e, l->home);
    }
}

static inline void slot_fold(struct vgic *v, struct vgic_cpu *c, const struct virq_slot *s,
                             unsigned state, struct vgic_effects *e)
{
    struct vgic_irq *l = line_of(v, c, s->virq);
    unsigned flags = l->flags;
    unsigned kept = flags & ~(LINE_ACTIVE_HW | LINE_IN_SLOT | LINE_SLOT_LATCH | LINE_SLOT_ACTIVE |
                              LINE_DROP_LATCH | LINE_DROP_ACTIVE | LINE_PHYS_AGAIN);

    if ((state & SLOT_PENDING) &&
        (flags & (LINE_SLOT_LATCH | LINE_DROP_LATCH)) == LINE_SLOT_LATCH) {
        kept |= LINE_LATCH;
    }
    if ((state & SLOT_ACTIVE) && !(flags & LINE_DROP_ACTIVE)) {
        kept |= LINE_ACTIVE;
    }
    l->flags = (uint16_t)kept;
    if (s->pirq) {
        fold_link(l, s->pirq, state, flags, e);
    }
    if (line_is_over(l)) {
        l->home = l->target;
    } else {
        line_goes_on(v, c, l, s->virq, e);
    }
}

void vgic_sync_slots(struct vgic *v, struct vgic_cpu *c, struct vgic_effects *e)
{
    spin_lock(&v->lock);
    for (unsigned i = 0; i < c->filled; i++) {
        const struct virq_slot *s = &c->slots.slot[i];

        // Who reads the slots back may say that one ran empty by used alone.
        slot_fold(v, c, s, (c->slots.used >> i & 1) ? s->state : SLOT_EMPTY, e);
    }
    c->filled = 0;
    c->slots.used = 0;
    c->slots.want_more = 0;
    spin_unlock(&v->lock);
}

// Of an active line. Pending and active together is not for one with a physical interrupt (IHI
// 0069, ICH_LR<n>): the second one waits for the deactivation of the first.
static bool pends_again(const struct vgic *v, const struct vgic_cpu *c, const struct vgic_irq *l)
{
    return (v->ctlr & VGIC_CTLR_ENABLE_GRP1) && line_deliverable(l) && l->target == c->id &&
           !line_has(l, LINE_PHYS);
}

// The next slot takes a line that is queued; the queue forgets it.
static inline void slot_fill(struct vgic *v, struct vgic_cpu *c, struct vgic_irq *l, unsigned irq)
{
    unsigned flags = l->flags;
    bool active = flags & LINE_ACTIVE;
    bool pending = !active || pends_again(v, c, l);
    bool linked = flags & (active ? LINE_ACTIVE_HW : LINE_PHYS);
    unsigned kept = flags & ~(LINE_QUEUED | LINE_READY | LINE_ACTIVE);

    if (pending && (flags & LINE_LATCH)) {
        kept = (kept & ~LINE_LATCH) | LINE_SLOT_LATCH;
    }
    l->flags = (uint16_t)(kept | LINE_IN_SLOT | (active ? LINE_SLOT_ACTIVE : 0));
    l->slot_linked = linked;
    c->slots.slot[c->filled] = (struct virq_slot){
        .virq = (uint16_t)irq,
        .pirq = linked ? l->pirq : 0,
        .priority = l->priority,
        .state = (uint8_t)((pending ? SLOT_PENDING : 0) | (active ? SLOT_ACTIVE : 0)),
    };
    c->slots.used |= 1u << c->filled;
    c->filled++;
}

// A candidate for a slot as one number, the smaller the sooner: active ones first (the guest can
// deactivate only what is in a slot), then by priority, then by number.
static uint32_t candidate_make(struct vgic *v, struct vgic_cpu *c, unsigned irq)
{
    const struct vgic_irq *l = line_of(v, c, irq);

    return (line_has(l, LINE_ACTIVE) ? 0 : 1u << 24) | (uint32_t)l->priority << 16 | irq;
}

// Keeps the best `room` of all candidates in best[], in order; returns how many it kept in all.
static unsigned candidate_insert(uint32_t *best, unsigned count, unsigned room, uint32_t candidate)
{
    unsigned at = count < room ? count : room - 1;

    if (count == room && best[at] < candidate) {
        return count;
    }
    for (; at > 0 && best[at - 1] > candidate; at--) {
        best[at] = best[at - 1];
    }
    best[at] = candidate;
    return count < room ? count + 1 : room;
}

// Sorts the queue's candidates into best[]; returns how many there are in all, also beyond room.
static unsigned candidates_collect(struct vgic *v, struct vgic_cpu *c, uint32_t *best,
                                   unsigned room)
{
    bool enabled = v->ctlr & VGIC_CTLR_ENABLE_GRP1;
    unsigned kept = 0;
    unsigned total = 0;

    for (unsigned words = c->summary; words; words &= words - 1) {
        unsigned word = (unsigned)__builtin_ctz(words);

        for (uint64_t bits = c->queue[word]; bits; bits &= bits - 1) {
            unsigned irq = word * 64 + (unsigned)__builtin_ctzll(bits);

            if (enabled || line_has(line_of(v, c, irq), LINE_ACTIVE)) {
                kept = candidate_insert(best, kept, room, candidate_make(v, c, irq));
                total++;
            }
        }
    }
    return total;
}

// More is queued than there is room for, or some of it cannot be shown.
static NOINLINE void fill_with_best(struct vgic *v, struct vgic_cpu *c, unsigned room)
{
    uint32_t best[VIRQ_SLOTS_MAX];
    unsigned total = room ? candidates_collect(v, c, best, room) : 1;

    for (unsigned i = 0; i < MIN(total, room); i++) {
        unsigned irq = best[i] & 0xffff;
        struct vgic_irq *l = line_of(v, c, irq);

        queue_remove(v, l, irq);
        slot_fill(v, c, l, irq);
    }
    c->slots.want_more = total > room;
}

// The usual case: the hardware finds by itself what comes first.
static inline void fill_with_all(struct vgic *v, struct vgic_cpu *c)
{
    for (unsigned words = c->summary; words; words &= words - 1) {
        unsigned word = (unsigned)__builtin_ctz(words);

        for (uint64_t bits = c->queue[word]; bits; bits &= bits - 1) {
            unsigned irq = word * 64 + (unsigned)__builtin_ctzll(bits);

            slot_fill(v, c, line_of(v, c, irq), irq);
        }
        c->queue[word] = 0;
    }
    c->summary = 0;
    count(c, 0);
}

void vgic_flush_queue(struct vgic *v, struct vgic_cpu *c)
{
    spin_lock(&v->lock);
    unsigned room = (unsigned)v->slots - c->filled;

    if ((uint16_t)c->waiting <= room && (v->ctlr & VGIC_CTLR_ENABLE_GRP1)) {
        fill_with_all(v, c);
    } else {
        fill_with_best(v, c, room);
    }
    spin_unlock(&v->lock);
}
