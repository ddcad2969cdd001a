// SPDX-License-Identifier: BSD-2-Clause
// The hypervisor's own translation: every mapped address is its own (VA = PA), four levels of 4-KiB
// tables, 48 bits. Text may be executed, nothing that may be written may. mmu_early runs on the
// boot pcpu with the MMU off; the others add to the live tables, still on the boot pcpu alone, so
// there is no lock: entries only ever go from absent to present. The tables are part of the image.
#include "arch_cpu.h"
#include "link.h"
#include "lib/panic.h"
#include "pcpu.h"

#define TABLE_ENTRIES 512u
#define LEAF_LEVEL 3u
#define FIRST_BLOCK_LEVEL 1u
#define ADDRESS_END (1ull << 48)
#define PTE_ADDRESS 0x0000fffffffff000ull

// Descriptor bits, Arm ARM D8.3 (VMSAv8-64, stage 1, one privilege level).
#define PTE_PRESENT 1ull
#define PTE_TABLE 2ull // levels 0 to 2: a table follows; level 3: a page
#define PTE_DEVICE (1ull << 2)
#define PTE_RES1 (1ull << 6)
#define PTE_READ_ONLY (1ull << 7)
#define PTE_INNER_SHAREABLE (3ull << 8)
#define PTE_ACCESSED (1ull << 10)
#define PTE_NO_EXECUTE (1ull << 54)

#define ATTR_COMMON (PTE_PRESENT | PTE_RES1 | PTE_ACCESSED)
#define ATTR_TEXT (ATTR_COMMON | PTE_INNER_SHAREABLE | PTE_READ_ONLY)
#define ATTR_CONSTANT (ATTR_TEXT | PTE_NO_EXECUTE)
#define ATTR_DATA (ATTR_COMMON | PTE_INNER_SHAREABLE | PTE_NO_EXECUTE)
#define ATTR_DEVICE (ATTR_COMMON | PTE_DEVICE | PTE_NO_EXECUTE)

// Enough for an image, a device tree and devices each in a place of its own, RAM in a dozen banks
// that begin and end at odd places, and as many holes in it as there may be, each of them in 2 MiB
// of its own.
#define TABLES_MAX (24u + MACHINE_RANGES_MAX)

// head.S puts the first one into TTBR0_EL2.
uint64_t mmu_tables[TABLES_MAX][TABLE_ENTRIES] __attribute__((aligned(4096)));
static unsigned tables_used = 1;
static unsigned areas_used = PCPU_MAX;

uint64_t mmu_early(uint64_t fdt);

static uint64_t *table_below(uint64_t *entry)
{
    if (!*entry) {
        if (tables_used == TABLES_MAX) {
            panic("device tree: memory begins, ends and is reserved at too many odd places");
        }
        *entry = (uint64_t)mmu_tables[tables_used++] | PTE_PRESENT | PTE_TABLE;
    }
    if (!(*entry & PTE_TABLE)) {
        return NULL;
    }
    return (uint64_t *)(*entry & PTE_ADDRESS);
}

// Maps the largest piece that begins at pa and ends at or before end. What is mapped already stays
// as it is. Returns where the piece ends.
static uint64_t map_piece(uint64_t pa, uint64_t end, uint64_t attributes)
{
    uint64_t *table = mmu_tables[0];

    for (unsigned level = 0;; level++) {
        unsigned shift = 39 - 9 * level;
        uint64_t size = 1ull << shift;
        uint64_t *entry = &table[(pa >> shift) % TABLE_ENTRIES];

        if (level == LEAF_LEVEL) {
            *entry = *entry ? *entry : pa | attributes | PTE_TABLE;
            return pa + size;
        }
        if (level >= FIRST_BLOCK_LEVEL && !*entry && pa % size == 0 && end - pa >= size) {
            *entry = pa | attributes;
            return pa + size;
        }
        table = table_below(entry);
        if (!table) {
            return (pa & ~(size - 1)) + size;
        }
    }
}

static void map_range(uint64_t start, uint64_t end, uint64_t attributes)
{
    start &= ~(PAGE_SIZE - 1);
    end = (end + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
    invariant(end <= ADDRESS_END);
    while (start < end) {
        start = map_piece(start, end, attributes);
    }
    // The table walkers see the new entries before the first access through them.
    __asm__ volatile("dsb ishst\n\tisb" ::: "memory");
}

static void map_pcpu_area(unsigned cpu)
{
    uint64_t start = (uint64_t)pcpu_areas + cpu * PCPU_AREA_SIZE;
    uint64_t end = start + PCPU_AREA_SIZE;

    arch_pcpus[cpu].id = cpu;
    arch_pcpus[cpu].stack_top = end;
    arch_pcpus[cpu].emergency_top = start + EMERGENCY_STACK_SIZE;
    map_range(start, start + EMERGENCY_STACK_SIZE, ATTR_DATA);
    map_range(end - STACK_SIZE, end, ATTR_DATA);
}

static uint32_t read_be32(uint64_t pa)
{
    return __builtin_bswap32(*(const uint32_t *)pa);
}

// Called by head.S with the MMU off: maps the image, the boot pcpu's stacks and the device tree.
// Returns the device tree's address, or 0 when there is none where fdt says (Devicetree
// specification 5.2: 8-byte aligned, begins with 0xd00dfeed; Linux's booting.rst: at most 2 MiB).
uint64_t mmu_early(uint64_t fdt)
{
    map_range((uint64_t)image_base, (uint64_t)constants_start, ATTR_TEXT);
    map_range((uint64_t)constants_start, (uint64_t)data_start, ATTR_CONSTANT);
    map_range((uint64_t)data_start, (uint64_t)written_start, ATTR_CONSTANT);
    map_range((uint64_t)written_start, (uint64_t)pcpu_areas, ATTR_DATA);
    map_pcpu_area(0);
    if (!fdt || fdt % 8 || fdt >= ADDRESS_END || read_be32(fdt) != 0xd00dfeed) {
        return 0;
    }
    map_range(fdt, fdt + MIN(read_be32(fdt + 4), 1u << 21), ATTR_DATA);
    return fdt;
}

struct range arch_image(void)
{
    uint64_t end = (uint64_t)pcpu_areas + areas_used * PCPU_AREA_SIZE;

    return (struct range){(uint64_t)image_base, end - (uint64_t)image_base};
}

// Returns where to go on from start: behind the hole when start is in it. Otherwise lowers *stop to
// where the hole begins.
static uint64_t skip_hole(const struct range *r, uint64_t start, uint64_t *stop)
{
    uint64_t hole = r->base & ~(PAGE_SIZE - 1);
    uint64_t after = (r->base + r->size + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);

    if (start >= hole && start < after) {
        return after;
    }
    if (hole > start && hole < *stop) {
        *stop = hole;
    }
    return start;
}

static void map_ram(const struct machine *m, uint64_t start, uint64_t end)
{
    const struct range image = arch_image();

    while (start < end) {
        uint64_t stop = end;
        uint64_t before = start;

        start = skip_hole(&image, start, &stop);
        for (unsigned i = 0; i < m->reserved_count; i++) {
            start = skip_hole(&m->reserved[i], start, &stop);
        }
        if (start == before) {
            map_range(start, stop, ATTR_DATA);
            start = stop;
        }
    }
}

void mmu_map_device(struct range r)
{
    map_range(r.base, r.base + r.size, ATTR_DEVICE);
}

void arch_mmu_init(const struct machine *m)
{
    areas_used = m->cpu_count;
    for (unsigned i = 1; i < m->cpu_count; i++) {
        map_pcpu_area(i);
        arch_pcpus[i].mpidr = m->cpu_id[i];
    }
    arch_pcpus[0].mpidr = m->cpu_id[0];
    for (unsigned i = 0; i < m->bank_count; i++) {
        map_ram(m, m->bank[i].base, m->bank[i].base + m->bank[i].size);
    }
    mmu_map_device(m->gicd);
    for (unsigned i = 0; i < m->gicr_count; i++) {
        mmu_map_device(m->gicr[i]);
    }
    guest_setup_cpu();
}
