// SPDX-License-Identifier: BSD-2-Clause
// Bit sets of pcpus and nodes in the caller's memory (struct xenctl_bitmap of Xen's public header).
// Called by domctl and sysctl rows. Takes no lock, charges nothing.
#include "hcall/domctl.h"

#include "lib/errno.h"
#include "lib/string.h"

#define CPUMAP_BITS_MAX 8192u

_Static_assert(PCPU_MAX <= 32, "a set of pcpus is 32 bits");

static guest_ptr_t map_at(const struct xenctl_bitmap *map)
{
    return guest_ptr(map->bitmap.q);
}

static size_t map_bytes(const struct xenctl_bitmap *map)
{
    return (map->nr_bits + 7) / 8;
}

// Members that a map of that many bits can show.
static uint32_t set_mask(uint32_t bits)
{
    return bits >= 32 ? UINT32_MAX : (1u << bits) - 1;
}

uint32_t cpumap_online(void)
{
    return set_mask(arch_cpu_count());
}

int cpumap_read(struct hcall *h, const struct xenctl_bitmap *map, uint32_t *set)
{
    uint32_t word = 0; // little-endian, as the ABI's bytes are

    if (map->nr_bits > CPUMAP_BITS_MAX) {
        return -E_INVAL;
    }
    if (copy_from_guest(h, &word, map_at(map), MIN(map_bytes(map), sizeof(word)))) {
        return -E_FAULT;
    }
    *set = word & set_mask(map->nr_bits);
    return 0;
}

// Zeroes the whole map.
static int map_clear(struct hcall *h, const struct xenctl_bitmap *map)
{
    static const uint8_t zeroes[64];
    size_t bytes = map_bytes(map);

    if (map->nr_bits > CPUMAP_BITS_MAX) {
        return -E_INVAL;
    }
    for (size_t at = 0; at < bytes; at += sizeof(zeroes)) {
        size_t part = MIN(bytes - at, sizeof(zeroes));

        if (copy_to_guest(h, guest_ptr_add(map_at(map), at), zeroes, part)) {
            return -E_FAULT;
        }
    }
    return 0;
}

int cpumap_write(struct hcall *h, const struct xenctl_bitmap *map, uint32_t set)
{
    uint32_t word = set & set_mask(map->nr_bits);
    int error = map_clear(h, map);

    if (error) {
        return error;
    }
    return copy_to_guest(h, map_at(map), &word, MIN(map_bytes(map), sizeof(word)));
}

int cpumap_pin(struct hcall *h, struct cpumap_out *o, const struct xenctl_bitmap *map)
{
    int error = map_clear(h, map);

    o->out.parts = 0;
    o->bits = MIN(map->nr_bits, 32u);
    if (error) {
        return error;
    }
    return guest_out_pin(h, &o->out, map_at(map), MIN(map_bytes(map), sizeof(uint32_t)));
}

void cpumap_commit(struct cpumap_out *o, uint32_t set)
{
    uint32_t word = set & set_mask(o->bits);

    guest_out_write(&o->out, &word);
}

void cpumap_unpin(struct cpumap_out *o)
{
    guest_out_unpin(&o->out);
}
