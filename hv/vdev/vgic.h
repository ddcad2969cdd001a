// SPDX-License-Identifier: BSD-2-Clause
// The GICv3 that a domain sees (Arm IHI 0069): distributor, one redistributor per vcpu, and the
// choice of what stands in a vcpu's slots while it runs. A state machine: it touches no hardware;
// what the caller has to do afterwards comes back in struct vgic_effects.
//
// Who calls: core, for guest accesses, injections and at each guest entry and exit. Lock: what
// changes something takes the vgic's own lock, which is a leaf; effects are carried out after it is
// free. A read of one word takes none, so those words (ctlr, route, the bits of enabled lines, a
// vcpu's waiting and asleep) are stored whole (__atomic_store_n).
// Memory: given by the caller, charged to the domain; nothing is allocated here.
//
// The domain sees one security state (GICD_CTLR.DS = 1) with Group 1 only, affinity routing always
// on, no LPIs, no message-based interrupts, no 1-of-N routing, 32 priorities.
//
// A vcpu's slots hold something only between vgic_flush and vgic_sync; after vgic_sync all of them
// are empty (used == 0), and hardware that kept their contents is cleared by the next load.
#ifndef VDEV_VGIC_H
#define VDEV_VGIC_H

#include "lib/bitmap.h"
#include "lib/types.h"
#include "port/irqchip.h"
#include "port/lock.h"

#define VGIC_LINES_MAX 1020u // numbers from here on are special (Arm GIC architecture)
#define VGIC_PRIVATE 32u
#define VGIC_SPIS_MAX (VGIC_LINES_MAX - VGIC_PRIVATE)
#define VGIC_VCPUS_MAX 128u
#define VGIC_GICD_SIZE 0x10000ul
#define VGIC_GICR_SIZE 0x20000ul // of each vcpu: RD_base and SGI_base frames
#define VGIC_WORDS BITMAP_WORDS(VGIC_LINES_MAX)

#define VGIC_CTLR_ENABLE_GRP1 (1u << 1) // GICD_CTLR with DS = 1

// One interrupt line. Flags are in vgic_state.h.
struct vgic_irq {
    uint16_t flags;
    uint16_t pirq;    // physical interrupt behind it; 0: none
    uint8_t priority; // 0 is the highest
    uint8_t target;   // vcpu it is routed to, VGIC_NOBODY when that affinity does not exist
    uint8_t home;     // vcpu in whose queue or slot it is
    uint8_t slot_linked; // the slot that it is in has pirq behind it
};

struct vgic;

// Units of struct vgic_cpu.waiting: each line of the queue counts as the first; one that is
// pending, enabled and not active as the second, too.
#define VGIC_WAITS 1u
#define VGIC_READY 0x10000u

// A vcpu's part; embedded in struct vcpu.
struct vgic_cpu {
    struct vgic *vgic;
    uint64_t queue[VGIC_WORDS]; // lines that want a slot of this vcpu: deliverable, or active
    struct virq_slots slots;
    struct vgic_irq irq[VGIC_PRIVATE];
    uint32_t enabled; // bits of the private lines that are enabled, as their flags say
    uint32_t waiting; // how many lines are in the queue, in VGIC_WAITS and VGIC_READY
    uint16_t summary; // bit i: queue[i] is not zero
    uint8_t id;
    uint8_t asleep; // GICR_WAKER.ProcessorSleep
    uint8_t filled; // slots, from the first on, filled by vgic_flush and not yet seen by vgic_sync
};

struct vgic {
    struct spinlock lock;
    struct vgic_cpu **cpu; // vcpus entries
    // lines - 32 entries, behind them as many of route, behind those a bit per line: which are
    // enabled, as their flags say (vgic_enabled). The first word, of private lines, is not used.
    struct vgic_irq *spi;
    uint32_t *route;       // the same number: GICD_IROUTER as written, low half
    gpa_t gicd;
    gpa_t gicr;
    uint32_t ctlr; // GICD_CTLR, only VGIC_CTLR_ENABLE_GRP1
    uint16_t lines;
    uint16_t fini_next; // progress of vgic_fini
    uint8_t vcpus;
    uint8_t slots; // of the hardware
};

struct vgic_config {
    unsigned nr_spis; // 0 .. 988
    unsigned vcpus;   // 1 .. 128
    unsigned slots;   // irqchip_slots()
    gpa_t gicd;       // 64 KiB, aligned to it
    gpa_t gicr;       // 128 KiB per vcpu, one after the other, aligned to 64 KiB
    void *spi_memory; // vgic_spi_bytes(nr_spis) bytes, 8-byte aligned
    struct vgic_cpu **cpu; // array of vcpus pointers, filled by vgic_cpu_init
};

enum vgic_phys_op {
    VGIC_PHYS_ENABLE,  // vcpu: the one to route it to first
    VGIC_PHYS_DISABLE,
    VGIC_PHYS_ROUTE,   // vcpu: as above
    VGIC_PHYS_EDGE,
    VGIC_PHYS_LEVEL,
    VGIC_PHYS_DEACTIVATE,
};

struct vgic_phys {
    uint16_t pirq;
    uint8_t op; // enum vgic_phys_op
    uint8_t vcpu;
};

// One register write disables and deactivates up to 32 lines; one sync deactivates up to 16.
#define VGIC_PHYS_MAX 96u

// What is to be done after the call, in this order: phys from first to last, then each vcpu of kick
// is made to leave its guest if it runs on another pcpu (it then syncs and flushes), and woken if
// it waits and vgic_has_pending() is true of it. Emptied by the caller before each call; a sync
// may share its effects with one call that follows it.
struct vgic_effects {
    uint64_t kick[VGIC_VCPUS_MAX / 64];
    unsigned count;
    struct vgic_phys phys[VGIC_PHYS_MAX];
};

static inline void vgic_effects_init(struct vgic_effects *e)
{
    e->kick[0] = 0;
    e->kick[1] = 0;
    e->count = 0;
}

static inline bool vgic_effects_empty(const struct vgic_effects *e)
{
    return (e->kick[0] | e->kick[1] | e->count) == 0;
}

// 32-bit words with a bit for each line, private ones too.
static inline unsigned vgic_enabled_words(unsigned nr_spis)
{
    return (VGIC_PRIVATE + nr_spis + 31) / 32;
}

// Bytes of spi_memory that nr_spis shared lines need.
static inline size_t vgic_spi_bytes(unsigned nr_spis)
{
    return nr_spis * (sizeof(struct vgic_irq) + sizeof(uint32_t)) +
           vgic_enabled_words(nr_spis) * sizeof(uint32_t);
}

// The state after reset: all lines disabled, level-sensitive (SGIs: edge), Group 1, priority 0,
// shared lines routed to vcpu 0, the distributor off. vgic_init first, then vgic_cpu_init for each
// of the vcpus, before any other call.
void vgic_init(struct vgic *v, const struct vgic_config *config);
void vgic_cpu_init(struct vgic *v, struct vgic_cpu *c, unsigned id);

// Whether addr is the distributor's or a redistributor's.
static inline bool vgic_is_at(const struct vgic *v, gpa_t addr)
{
    return addr.n - v->gicd.n < VGIC_GICD_SIZE ||
           addr.n - v->gicr.n < v->vcpus * VGIC_GICR_SIZE;
}

// A guest's access to addr, where the vgic is, of 1, 2, 4 or 8 bytes; whose vcpu makes it does not
// matter. Sizes that a register does not support read as zero and are ignored when written. A read
// gives the value in the low bytes and says nothing by those above.
uint64_t vgic_read(struct vgic *v, gpa_t addr, unsigned size);
void vgic_write(struct vgic *v, gpa_t addr, unsigned size, uint64_t value, struct vgic_effects *e);

// Makes a private line pending, as an edge does. True: c's vcpu has to look, as when it stands in
// vgic_effects.kick; there are no other effects.
bool vgic_raise(struct vgic_cpu *c, unsigned irq) MUST_CHECK;
// The same, and it is no longer active, whatever it was: for a vcpu that waits although its device
// needs it.
bool vgic_raise_again(struct vgic_cpu *c, unsigned irq) MUST_CHECK;

// Makes a shared line pending. For one that is linked this means: its physical interrupt has
// arrived and is active. A number without a line is ignored.
void vgic_inject(struct vgic *v, unsigned irq, struct vgic_effects *e);

// The level of an emulated device's line. A level that stays high is shown again when the guest has
// deactivated the interrupt, at the latest at its next exit; a line configured as edge takes only
// the rise.
enum vgic_level { VGIC_LOW, VGIC_HIGH };
void vgic_set_level(struct vgic *v, unsigned vcpu, unsigned irq, enum vgic_level level,
                    struct vgic_effects *e);

// The value that vcpu from wrote to ICC_SGI1R_EL1, as far as a cluster is meant that has vcpus.
// Affinities are as Xen numbers vcpus: aff0 = id & 15, aff1, the cluster, = id >> 4. Returns bits
// of aff0: who has to look.
#define VGIC_CLUSTER 16u
uint32_t vgic_send_sgi(struct vgic *v, unsigned from, uint64_t sgi1r, unsigned cluster) MUST_CHECK;

// Puts physical interrupt pirq (32 .. 1019) behind shared line virq. 0, -E_INVAL: no such shared
// line; -E_BUSY: it is linked already, or a vcpu has it in a slot just now. Effects configure pirq
// as the guest has configured virq, and enable it if the guest has.
int vgic_link(struct vgic *v, unsigned virq, unsigned pirq, struct vgic_effects *e) MUST_CHECK;
// Takes it away again; effects disable pirq, and deactivate it if it was active for the guest. If a
// vcpu has it in a slot, that vcpu is kicked and its sync deactivates it: the pirq is free for
// others when that has happened. Not linked: no effect.
void vgic_unlink(struct vgic *v, unsigned virq, struct vgic_effects *e);

// Unlinks all; no vcpu may run any more. At most VGIC_PHYS_MAX effects at a time: false means that
// it is to be called again, with fresh effects.
bool vgic_fini(struct vgic *v, struct vgic_effects *e) MUST_CHECK;

// The slow halves of the next two.
void vgic_sync_slots(struct vgic *v, struct vgic_cpu *c, struct vgic_effects *e);
void vgic_flush_queue(struct vgic *v, struct vgic_cpu *c);

// After each guest exit, when irqchip_save_slots() has read the slots back, on the pcpu that ran
// the vcpu: takes the slots' states over and empties them. Effects: lines that moved to another
// vcpu or were disabled meanwhile.
static inline void vgic_sync(struct vgic *v, struct vgic_cpu *c, struct vgic_effects *e)
{
    if (c->filled) {
        vgic_sync_slots(v, c, e);
    }
}

// Whether vgic_flush would do anything. Not under the lock: who adds a line kicks this pcpu
// afterwards, and so makes it come by again.
static inline bool vgic_wants_slots(const struct vgic_cpu *c)
{
    return *(const volatile uint32_t *)&c->waiting != 0;
}

// Before each guest entry, after the last look for kicks: fills the slots, active lines first, then
// by priority, and says in want_more whether some did not fit.
static inline void vgic_flush(struct vgic *v, struct vgic_cpu *c)
{
    if (vgic_wants_slots(c)) {
        vgic_flush_queue(v, c);
    }
}

// Whether the guest would be interrupted, whatever its PSTATE and priority mask. Of a vcpu that is
// not in its guest (all is in the queue). Needs no lock; who waits on it must have said so before
// it looks.
static inline bool vgic_has_pending(const struct vgic_cpu *c)
{
    return __atomic_load_n(&c->waiting, __ATOMIC_RELAXED) >= VGIC_READY &&
           (__atomic_load_n(&c->vgic->ctlr, __ATOMIC_RELAXED) & VGIC_CTLR_ENABLE_GRP1);
}

#define VGIC_NOBODY 0xffu

#endif
