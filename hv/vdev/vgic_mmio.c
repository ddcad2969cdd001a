// SPDX-License-Identifier: BSD-2-Clause
// Guest accesses to the virtual GICv3: which frame, and the registers with one field per line,
// which the distributor and the redistributors' SGI frames have at the same offsets (IHI 0069,
// 12.9 and 12.11). Called by core for each access that no memory answered; takes the vgic's lock.
#include "vdev/vgic_state.h"

// Virtual interfaces keep at least five bits of priority (ICH_VTR_EL2.PRIbits).
#define PRIORITY_MASK 0xf8u
#define CONFIG_EDGE 2u
#define SGI_COUNT 16u

static bool size_taken(uint8_t sizes, const struct vgic_access *a)
{
    return (sizes & a->size) && a->offset % a->size == 0;
}

bool vgic_reg_access(const struct vgic_reg *table, unsigned rows, const struct vgic_access *a,
                     uint64_t *value)
{
    for (unsigned i = 0; i < rows; i++) {
        const struct vgic_reg *r = &table[i];

        if (a->offset < r->first || a->offset >= r->end) {
            continue;
        }
        if (!size_taken(r->sizes, a)) {
            return true;
        }
        if (a->write && r->write) {
            r->write(a, *value);
        } else if (!a->write && r->read) {
            // Only 64-bit registers take eight bytes, and only they can be met in the middle.
            bool high = (r->sizes & SIZE_8) && a->offset % 8 == 4;

            *value = r->read(a) >> (high ? 32 : 0);
        }
        return true;
    }
    return false;
}

// A field of one line. Its writers get the field's value, also when it is zero.
struct field {
    struct vgic *v;
    struct vgic_irq *l;
    unsigned irq;
    struct vgic_effects *e;
};

static unsigned group_get(const struct vgic_irq *l)
{
    return line_has(l, LINE_GROUP1);
}

static void group_set(const struct field *f, unsigned value)
{
    if (line_has(f->l, LINE_GROUP1) == (value == 1)) {
        return;
    }
    f->l->flags ^= LINE_GROUP1;
    vgic_line_update(f->v, f->l, f->irq, f->e);
}

static unsigned enabled_get(const struct vgic_irq *l)
{
    return line_has(l, LINE_ENABLED);
}

static void enable_set(const struct field *f, unsigned value)
{
    if (!value || line_has(f->l, LINE_ENABLED)) {
        return;
    }
    line_set(f->l, LINE_ENABLED);
    if (f->l->pirq && f->l->target != VGIC_NOBODY) {
        vgic_push(f->e, VGIC_PHYS_ENABLE, f->l->pirq, f->l->target);
    }
    vgic_line_update(f->v, f->l, f->irq, f->e);
}

static void enable_clear(const struct field *f, unsigned value)
{
    if (!value || !line_has(f->l, LINE_ENABLED)) {
        return;
    }
    line_clear(f->l, LINE_ENABLED);
    if (f->l->pirq) {
        vgic_push(f->e, VGIC_PHYS_DISABLE, f->l->pirq, 0);
    }
    vgic_line_update(f->v, f->l, f->irq, f->e);
}

// Of a line in the slot of a running vcpu this is what went in: an acknowledge since then is seen
// when that vcpu comes out.
static unsigned pending_get(const struct vgic_irq *l)
{
    return line_pending(l) ||
           (l->flags & (LINE_SLOT_LATCH | LINE_DROP_LATCH)) == LINE_SLOT_LATCH;
}

static void pending_set(const struct field *f, unsigned value)
{
    if (value && !line_has(f->l, LINE_LATCH)) {
        line_set(f->l, LINE_LATCH);
        vgic_line_update(f->v, f->l, f->irq, f->e);
    }
}

static void pending_clear(const struct field *f, unsigned value)
{
    if (value && (f->l->flags & (LINE_LATCH | LINE_SLOT_LATCH))) {
        vgic_line_forget_latch(f->l);
        vgic_line_update(f->v, f->l, f->irq, f->e);
    }
}

static unsigned active_get(const struct vgic_irq *l)
{
    return line_has(l, LINE_ACTIVE) ||
           (l->flags & (LINE_SLOT_ACTIVE | LINE_DROP_ACTIVE)) == LINE_SLOT_ACTIVE;
}

static void active_set(const struct field *f, unsigned value)
{
    if (value && !active_get(f->l)) {
        line_set(f->l, LINE_ACTIVE);
        vgic_line_update(f->v, f->l, f->irq, f->e);
    }
}

static void active_clear(const struct field *f, unsigned value)
{
    if (value && (line_has(f->l, LINE_ACTIVE) || line_has(f->l, LINE_IN_SLOT))) {
        vgic_line_forget_active(f->l);
        vgic_line_update(f->v, f->l, f->irq, f->e);
    }
}

static unsigned priority_get(const struct vgic_irq *l)
{
    return l->priority;
}

// A pending interrupt that is in a slot already keeps the priority that it went in with.
static void priority_set(const struct field *f, unsigned value)
{
    f->l->priority = (uint8_t)(value & PRIORITY_MASK);
}

static unsigned config_get(const struct vgic_irq *l)
{
    return line_has(l, LINE_EDGE) ? CONFIG_EDGE : 0;
}

static void config_set(const struct field *f, unsigned value)
{
    bool edge = value & CONFIG_EDGE;

    if (f->irq < SGI_COUNT || line_has(f->l, LINE_EDGE) == edge) {
        return;
    }
    f->l->flags ^= LINE_EDGE;
    if (f->l->pirq) {
        vgic_push(f->e, edge ? VGIC_PHYS_EDGE : VGIC_PHYS_LEVEL, f->l->pirq, 0);
    }
    vgic_line_update(f->v, f->l, f->irq, f->e);
}

// Room for 1024 lines each: 128 bytes times the bits of a field.
static const struct line_reg {
    uint16_t first;
    uint8_t bits;
    uint8_t sizes;
    uint16_t flag; // 0, or a flag of the line that is the field's one bit, so that get is not asked
    bool by_ones;  // zeroes that are written do nothing
    unsigned (*get)(const struct vgic_irq *l);
    void (*set)(const struct field *f, unsigned value);
} line_regs[] = {
    {0x080, 1, SIZE_4, LINE_GROUP1, false, group_get, group_set},      // IGROUPR
    {0x100, 1, SIZE_4, LINE_ENABLED, true, enabled_get, enable_set},   // ISENABLER
    {0x180, 1, SIZE_4, LINE_ENABLED, true, enabled_get, enable_clear}, // ICENABLER
    {0x200, 1, SIZE_4, 0, true, pending_get, pending_set},             // ISPENDR
    {0x280, 1, SIZE_4, 0, true, pending_get, pending_clear},           // ICPENDR
    {0x300, 1, SIZE_4, 0, true, active_get, active_set},               // ISACTIVER
    {0x380, 1, SIZE_4, 0, true, active_get, active_clear},             // ICACTIVER
    {0x400, 8, SIZE_1 | SIZE_4, 0, false, priority_get, priority_set}, // IPRIORITYR
    {0xc00, 2, SIZE_4, 0, false, config_get, config_set},              // ICFGR
};

// One access to one register: the lines from first on, count of them, that the frame has.
struct span {
    const struct line_reg *r;
    const struct vgic_access *a;
    struct vgic_irq *line;
    unsigned first;
    unsigned count;
    unsigned shift; // of the first line's field in the value
};

static uint64_t span_flags(const struct span *s)
{
    unsigned bit = (unsigned)__builtin_ctz(s->r->flag);
    const struct vgic_irq *end = s->line + s->count;
    uint64_t value = 0;

    // Linux reads these; each line's bit goes in at the top and moves down.
    for (const struct vgic_irq *l = s->line; l != end; l++) {
        value = value >> 1 | (uint64_t)l->flags >> bit << 63;
    }
    return value >> (64 - s->count) << s->shift;
}

static uint64_t span_read(const struct span *s)
{
    uint64_t value = 0;

    if (s->r->flag) {
        return span_flags(s);
    }
    for (unsigned i = 0; i < s->count; i++) {
        value |= (uint64_t)s->r->get(&s->line[i]) << (s->shift + i * s->r->bits);
    }
    return value;
}

static void span_write(const struct span *s, uint64_t value)
{
    unsigned mask = (1u << s->r->bits) - 1;

    value >>= s->shift;
    for (unsigned i = 0; i < s->count && (value || !s->r->by_ones); i++) {
        struct field f = {.v = s->a->v, .l = &s->line[i], .irq = s->first + i, .e = s->a->e};

        if ((value & mask) || !s->r->by_ones) {
            s->r->set(&f, (unsigned)value & mask);
        }
        value >>= s->r->bits;
    }
}

static void line_reg_do(const struct line_reg *r, const struct vgic_access *a, uint64_t *value)
{
    unsigned first = (a->offset - r->first) * 8 / r->bits;
    unsigned end = MIN(first + a->size * 8 / r->bits, a->irq_end);
    unsigned begin = MAX(first, a->irq_first);
    struct span s = {.r = r, .a = a, .first = begin, .shift = (begin - first) * r->bits};

    if (begin >= end) {
        return;
    }
    s.count = end - begin;
    // A frame has private lines or shared ones, so that these are neighbours.
    s.line = vgic_line(a->v, a->vcpu, begin);
    if (a->write) {
        span_write(&s, *value);
    } else {
        *value |= span_read(&s);
    }
}

// Which row begins or goes on in each 128 bytes from offset 0 on, plus 1; 0: none.
#define SLOT_SHIFT 7
static const uint8_t line_slots[] = {
    [1] = 1, [2] = 2, [3] = 3, [4] = 4, [5] = 5, [6] = 6, [7] = 7, [8 ... 15] = 8, [24 ... 25] = 9,
};

bool vgic_line_access(const struct vgic_access *a, uint64_t *value)
{
    unsigned slot = a->offset >> SLOT_SHIFT;
    const struct line_reg *r;

    if (slot >= ARRAY_COUNT(line_slots) || line_slots[slot] == 0) {
        return false;
    }
    r = &line_regs[line_slots[slot] - 1];
    if (size_taken(r->sizes, a)) {
        line_reg_do(r, a, value);
    }
    return true;
}

// The whole access, under the lock. What no table names reads as zero and ignores writes.
static void frame_access(const struct vgic_access *a, uint64_t *value,
                         bool (*access)(const struct vgic_access *, uint64_t *))
{
    uint64_t result = a->write ? *value : 0;

    spin_lock(&a->v->lock);
    (void)access(a, &result);
    spin_unlock(&a->v->lock);
    if (!a->write) {
        *value = a->size == 8 ? result : result & ((1ull << a->size * 8) - 1);
    }
}

bool vgic_mmio(struct vgic *v, unsigned vcpu, gpa_t addr, unsigned size, enum access access,
               uint64_t *value, struct vgic_effects *e)
{
    uint64_t in_dist = addr.n - v->gicd.n;
    uint64_t in_redist = addr.n - v->gicr.n;
    struct vgic_access a = {.v = v, .e = e, .vcpu = vcpu, .size = size,
                            .write = access == ACCESS_WRITE};

    if (in_dist < VGIC_GICD_SIZE) {
        a.offset = (uint32_t)in_dist;
        a.irq_first = VGIC_PRIVATE;
        a.irq_end = v->lines;
        frame_access(&a, value, vgic_dist_access);
        return true;
    }
    if (in_redist < v->vcpus * VGIC_GICR_SIZE) {
        // Each redistributor can be reached by every vcpu.
        a.vcpu = (unsigned)(in_redist / VGIC_GICR_SIZE);
        a.offset = (uint32_t)(in_redist % VGIC_GICR_SIZE);
        a.irq_end = VGIC_PRIVATE;
        frame_access(&a, value, vgic_redist_access);
        return true;
    }
    return false;
}
