// SPDX-License-Identifier: BSD-2-Clause
// Guest accesses to the virtual GICv3: which frame, and the registers with one field per line,
// which the distributor and the redistributors' SGI frames have at the same offsets (IHI 0069,
// 12.9 and 12.11). Called by core for each access to an address of the GIC's; takes the vgic's lock
// for what is not a read of one word.
#include "vdev/vgic_state.h"

// Virtual interfaces keep at least five bits of priority (ICH_VTR_EL2.PRIbits).
#define PRIORITY_MASK 0xf8u
#define CONFIG_EDGE 2u
#define SGI_COUNT 16u

#define SGI_FRAME 0x10000u // of a redistributor: its private lines

static inline bool size_taken(uint8_t sizes, uint32_t offset, unsigned size)
{
    return (sizes & size) && (offset & (size - 1)) == 0;
}

// The register at offset, or null.
static inline const struct vgic_reg *reg_find(const struct vgic_reg *table, unsigned rows,
                                              uint32_t offset, unsigned size)
{
    for (const struct vgic_reg *r = table; r != table + rows; r++) {
        if (offset - r->first < r->end - r->first) {
            return size_taken(r->sizes, offset, size) ? r : NULL;
        }
    }
    return NULL;
}

static inline uint64_t reg_read(const struct vgic_reg *r, const struct vgic *v, unsigned vcpu,
                                uint32_t offset)
{
    if (!r || !r->read) {
        return 0;
    }
    // Only 64-bit registers can be met in the middle.
    return r->read(v, vcpu, offset) >> ((r->sizes & SIZE_8) && (offset & 4) ? 32 : 0);
}

static void reg_write(const struct vgic_reg *r, struct vgic *v, unsigned vcpu, uint32_t offset,
                      uint64_t value, struct vgic_effects *e)
{
    if (r && r->write) {
        spin_lock(&v->lock);
        r->write(v, vcpu, offset, value, e);
        spin_unlock(&v->lock);
    }
}

// A field of one line. Who writes fields of one bit gets ones only, or all: enum written.
struct field {
    struct vgic *v;
    struct vgic_irq *l;
    unsigned vcpu;
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

static void set_enabled(const struct field *f, uint32_t on)
{
    uint32_t *word = vgic_enabled(f->v, f->vcpu, f->irq);
    unsigned at = f->irq % 32;

    __atomic_store_n(word, (*word & ~(1u << at)) | on << at, __ATOMIC_RELAXED);
}

static unsigned enabled_get(const struct vgic_irq *l)
{
    return line_has(l, LINE_ENABLED);
}

static void enable_set(const struct field *f, unsigned value)
{
    (void)value;
    if (line_has(f->l, LINE_ENABLED)) {
        return;
    }
    line_set(f->l, LINE_ENABLED);
    set_enabled(f, 1);
    if (f->l->pirq && f->l->target != VGIC_NOBODY) {
        vgic_push(f->e, VGIC_PHYS_ENABLE, f->l->pirq, f->l->target);
    }
    vgic_line_update(f->v, f->l, f->irq, f->e);
}

static void enable_clear(const struct field *f, unsigned value)
{
    (void)value;
    if (!line_has(f->l, LINE_ENABLED)) {
        return;
    }
    line_clear(f->l, LINE_ENABLED);
    set_enabled(f, 0);
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
    (void)value;
    if (!line_has(f->l, LINE_LATCH)) {
        line_set(f->l, LINE_LATCH);
        vgic_line_update(f->v, f->l, f->irq, f->e);
    }
}

static void pending_clear(const struct field *f, unsigned value)
{
    (void)value;
    if (f->l->flags & (LINE_LATCH | LINE_SLOT_LATCH)) {
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
    (void)value;
    if (!active_get(f->l)) {
        line_set(f->l, LINE_ACTIVE);
        vgic_line_update(f->v, f->l, f->irq, f->e);
    }
}

static void active_clear(const struct field *f, unsigned value)
{
    (void)value;
    if (line_has(f->l, LINE_ACTIVE) || line_has(f->l, LINE_IN_SLOT)) {
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

// What a write does with the fields of one bit that are written as zero.
enum written { ALL_FIELDS, BY_ONES, BY_ONES_ON, BY_ONES_OFF };

// Room for 1024 lines each: 128 bytes times the bits of a field. BY_ONES_ON, _OFF: a one changes
// nothing where the line is enabled, or is not.
static const struct line_reg {
    uint16_t first;
    uint8_t shift; // a field has 1 << shift bits
    uint8_t sizes;
    uint8_t written; // enum written
    unsigned (*get)(const struct vgic_irq *l);
    void (*set)(const struct field *f, unsigned value);
} line_regs[] = {
    {0x080, 0, SIZE_4, ALL_FIELDS, group_get, group_set},              // IGROUPR
    {0x100, 0, SIZE_4, BY_ONES_ON, enabled_get, enable_set},           // ISENABLER
    {0x180, 0, SIZE_4, BY_ONES_OFF, enabled_get, enable_clear},        // ICENABLER
    {0x200, 0, SIZE_4, BY_ONES, pending_get, pending_set},             // ISPENDR
    {0x280, 0, SIZE_4, BY_ONES, pending_get, pending_clear},           // ICPENDR
    {0x300, 0, SIZE_4, BY_ONES, active_get, active_set},               // ISACTIVER
    {0x380, 0, SIZE_4, BY_ONES, active_get, active_clear},             // ICACTIVER
    {0x400, 3, SIZE_1 | SIZE_4, ALL_FIELDS, priority_get, priority_set}, // IPRIORITYR
    {0xc00, 1, SIZE_4, ALL_FIELDS, config_get, config_set},            // ICFGR
};

// Which row begins or goes on in each 128 bytes from offset 0 on, plus 1; 0: none.
#define SLOT_SHIFT 7
static const uint8_t line_slots[] = {
    [1] = 1, [2] = 2, [3] = 3, [4] = 4, [5] = 5, [6] = 6, [7] = 7, [8 ... 15] = 8, [24 ... 25] = 9,
};

// Null: no register of lines is there.
static inline const struct line_reg *line_reg_at(uint32_t offset)
{
    unsigned slot = offset >> SLOT_SHIFT;

    if (slot >= ARRAY_COUNT(line_slots) || line_slots[slot] == 0) {
        return NULL;
    }
    return &line_regs[line_slots[slot] - 1];
}

static inline unsigned line_first(const struct line_reg *r, uint32_t offset)
{
    return (offset - r->first) << 3 >> r->shift;
}

// How many lines from `first` on a register shows: private ones up to 31, or shared ones.
static inline unsigned line_count(const struct line_reg *r, const struct vgic *v, unsigned first,
                                  unsigned size)
{
    unsigned end = first < VGIC_PRIVATE ? VGIC_PRIVATE : v->lines;
    unsigned count = size * 8 >> r->shift;

    return first >= end ? 0 : MIN(count, end - first);
}

static NOINLINE uint64_t fields_read(const struct line_reg *r, struct vgic *v, unsigned vcpu,
                                     unsigned first, unsigned size)
{
    unsigned count = line_count(r, v, first, size);
    const struct vgic_irq *l = count ? vgic_line(v, vcpu, first) : NULL;
    uint64_t value = 0;

    spin_lock(&v->lock);
    for (unsigned i = 0; i < count; i++) {
        value |= (uint64_t)r->get(&l[i]) << (i << r->shift);
    }
    spin_unlock(&v->lock);
    return value;
}

static inline uint64_t line_read(const struct line_reg *r, struct vgic *v, unsigned vcpu,
                                 uint32_t offset, unsigned size)
{
    unsigned first = line_first(r, offset);

    if (!size_taken(r->sizes, offset, size) || first >= v->lines) {
        return 0;
    }
    // Linux reads these; they are one word.
    if (r->get == enabled_get) {
        return __atomic_load_n(vgic_enabled(v, vcpu, first), __ATOMIC_RELAXED);
    }
    return fields_read(r, v, vcpu, first, size);
}

// Lines from f->l on, the first of which has the number f->irq.
static void fields_write(const struct line_reg *r, struct field *f, unsigned count, uint64_t value)
{
    unsigned bits = 1u << r->shift;

    for (unsigned i = 0; i < count; i++, value >>= bits) {
        r->set(f, (unsigned)value & ((1u << bits) - 1));
        f->irq++;
        f->l++;
    }
}

// The same for fields of one bit, of which only the ones count; and of these only those that change
// something.
static void ones_write(const struct line_reg *r, struct field *f, unsigned count, uint64_t value)
{
    uint32_t enabled = *vgic_enabled(f->v, f->vcpu, f->irq);
    uint32_t vain = r->written == BY_ONES_ON ? enabled : r->written == BY_ONES_OFF ? ~enabled : 0;
    uint32_t ones = (uint32_t)(value & ((1ull << count) - 1)) & ~vain;
    struct field one = *f;

    for (; ones; ones &= ones - 1) {
        unsigned i = (unsigned)__builtin_ctz(ones);

        one.irq = f->irq + i;
        one.l = f->l + i;
        r->set(&one, 1);
    }
}

static void line_write(const struct line_reg *r, struct vgic *v, unsigned vcpu, uint32_t offset,
                       unsigned size, uint64_t value, struct vgic_effects *e)
{
    struct field f = {.v = v, .vcpu = vcpu, .irq = line_first(r, offset), .e = e};
    unsigned count = line_count(r, v, f.irq, size);

    if (!size_taken(r->sizes, offset, size) || count == 0) {
        return;
    }
    f.l = vgic_line(v, vcpu, f.irq);
    spin_lock(&v->lock);
    if (r->written == ALL_FIELDS) {
        fields_write(r, &f, count, value);
    } else {
        ones_write(r, &f, count, value);
    }
    spin_unlock(&v->lock);
}

// Where in which frame; each redistributor can be reached by every vcpu.
struct place {
    const struct line_reg *line; // or null: then reg, or nothing
    const struct vgic_reg *reg;
    unsigned vcpu;
    uint32_t offset;
};

static ALWAYS_INLINE struct place place_find(const struct vgic *v, gpa_t addr, unsigned size)
{
    uint64_t at = addr.n - v->gicd.n;
    struct place p = {.offset = (uint32_t)at};

    if (at < VGIC_GICD_SIZE) {
        p.line = line_reg_at(p.offset);
        // Private lines do not appear in the distributor.
        if (p.line && line_first(p.line, p.offset) < VGIC_PRIVATE) {
            p.line = NULL;
        } else if (!p.line) {
            p.reg = reg_find(vgic_dist_regs, VGIC_DIST_REGS, p.offset, size);
        }
        return p;
    }
    at = addr.n - v->gicr.n;
    p.vcpu = (unsigned)(at / VGIC_GICR_SIZE);
    p.offset = (uint32_t)(at % VGIC_GICR_SIZE);
    if (p.offset < SGI_FRAME) {
        p.reg = reg_find(vgic_redist_regs, VGIC_REDIST_REGS, p.offset, size);
        return p;
    }
    p.offset -= SGI_FRAME;
    p.line = line_reg_at(p.offset);
    // Nor do shared ones in a redistributor.
    if (p.line && line_first(p.line, p.offset) >= VGIC_PRIVATE) {
        p.line = NULL;
    }
    return p;
}

uint64_t vgic_read(struct vgic *v, gpa_t addr, unsigned size)
{
    struct place p = place_find(v, addr, size);

    return p.line ? line_read(p.line, v, p.vcpu, p.offset, size)
                  : reg_read(p.reg, v, p.vcpu, p.offset);
}

void vgic_write(struct vgic *v, gpa_t addr, unsigned size, uint64_t value, struct vgic_effects *e)
{
    struct place p = place_find(v, addr, size);

    if (p.line) {
        line_write(p.line, v, p.vcpu, p.offset, size, value, e);
    } else {
        reg_write(p.reg, v, p.vcpu, p.offset, value, e);
    }
}
