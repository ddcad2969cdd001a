// SPDX-License-Identifier: BSD-2-Clause
// Copies to and from the calling vcpu's memory, and pins of it. Called by the dispatcher and the
// families. Takes the caller's p2m lock for each page: the two translations of an address and the
// copy happen under it, so no frame is reused in between. Charges nothing.
#include "hcall/hcall.h"

#include "lib/errno.h"
#include "lib/string.h"
#include "port/mem.h"

static uint64_t page_tag(guest_ptr_t p)
{
    return (p.n & ~(PAGE_SIZE - 1)) | 1;
}

static NOINLINE uint8_t *guest_find_anew(struct hcall *h, guest_ptr_t p, enum access access)
{
    gpa_t gpa;
    uint8_t *at;

    if (guest_walk(&h->vcpu->arch, (gva_t){p.n}, access, &gpa)) {
        return NULL;
    }
    at = p2m_access_ptr(&h->caller->p2m, gpa, access);
    if (at) {
        h->page.tag = page_tag(p);
        h->page.at = at - p.n % PAGE_SIZE;
        h->page.flushes = h->caller->p2m.flushes;
        h->page.access = access;
    }
    return at;
}

// The hypervisor's address of a byte of the caller's, good while the p2m lock is held; null: a
// fault. What one call reads and writes often lies in one page: its argument and lists on the
// guest's stack.
static uint8_t *guest_find(struct hcall *h, guest_ptr_t p, enum access access)
{
    if (h->page.tag == page_tag(p) && h->page.flushes == h->caller->p2m.flushes &&
        (access == ACCESS_READ || h->page.access == ACCESS_WRITE)) {
        return h->page.at + p.n % PAGE_SIZE;
    }
    return guest_find_anew(h, p, access);
}

// How many of n bytes from p on lie in its page.
static size_t page_part(guest_ptr_t p, size_t n)
{
    return MIN(n, PAGE_SIZE - (p.n & (PAGE_SIZE - 1)));
}

int copy_from_guest(struct hcall *h, void *dst, guest_ptr_t src, size_t n)
{
    uint8_t *to = dst;

    while (n) {
        size_t part = page_part(src, n);
        const uint8_t *from;

        spin_lock(&h->caller->p2m.lock);
        from = guest_find(h, src, ACCESS_READ);
        if (from) {
            memcpy(to, from, part);
        }
        spin_unlock(&h->caller->p2m.lock);
        if (!from) {
            return -E_FAULT;
        }
        to += part;
        src = guest_ptr_add(src, part);
        n -= part;
    }
    return 0;
}

int copy_to_guest(struct hcall *h, guest_ptr_t dst, const void *src, size_t n)
{
    const uint8_t *from = src;

    while (n) {
        size_t part = page_part(dst, n);
        uint8_t *to;

        spin_lock(&h->caller->p2m.lock);
        to = guest_find(h, dst, ACCESS_WRITE);
        if (to) {
            memcpy(to, from, part);
        }
        spin_unlock(&h->caller->p2m.lock);
        if (!to) {
            return -E_FAULT;
        }
        from += part;
        dst = guest_ptr_add(dst, part);
        n -= part;
    }
    return 0;
}

// Finds and pins what lies in the page of dst, as the next part of o.
static int pin_page(struct hcall *h, struct guest_out *o, guest_ptr_t dst, size_t size)
{
    int error = -E_FAULT;
    uint8_t *at;

    spin_lock(&h->caller->p2m.lock);
    at = guest_find(h, dst, ACCESS_WRITE);
    if (at) {
        mfn_t frame = frame_of_ptr(at);

        error = frame_use_add(frame, FRAME_PIN) ? -E_FAULT : 0;
        if (!error) {
            o->part[o->parts].frame = frame;
            o->part[o->parts].at = at;
            o->part[o->parts].size = size;
            o->parts++;
        }
    }
    spin_unlock(&h->caller->p2m.lock);
    return error;
}

int guest_out_pin(struct hcall *h, struct guest_out *o, guest_ptr_t dst, size_t n)
{
    o->parts = 0;
    while (n) {
        size_t part = page_part(dst, n);

        if (o->parts == ARRAY_COUNT(o->part) || pin_page(h, o, dst, part)) {
            guest_out_unpin(o);
            return -E_FAULT;
        }
        dst = guest_ptr_add(dst, part);
        n -= part;
    }
    return 0;
}

void guest_out_read(const struct guest_out *o, void *dst)
{
    uint8_t *to = dst;

    for (unsigned i = 0; i < o->parts; i++) {
        memcpy(to, o->part[i].at, o->part[i].size);
        to += o->part[i].size;
    }
}

void guest_out_write(struct guest_out *o, const void *src)
{
    const uint8_t *from = src;

    for (unsigned i = 0; i < o->parts; i++) {
        memcpy(o->part[i].at, from, o->part[i].size);
        from += o->part[i].size;
    }
}

void guest_out_unpin(struct guest_out *o)
{
    for (unsigned i = 0; i < o->parts; i++) {
        frame_use_drop(o->part[i].frame, FRAME_PIN);
    }
    o->parts = 0;
}
