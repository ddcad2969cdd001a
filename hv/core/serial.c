// SPDX-License-Identifier: BSD-2-Clause
// The serial line of a guest (serial.h). Called by domctl, for a guest's accesses, and by
// evtchn_send. Takes p2m.lock, and under it the vgic's, so that levels of the line come in order.
// Charges nothing but the port: the page is the domain's, which may take it away; then characters
// are lost, and none come.
#include "core/serial.h"

#include "abi/xen.h"
#include "core/console_ring.h"
#include "core/domain.h"
#include "lib/errno.h"

static bool has_line(const struct domain *d)
{
    return d->vgic.lines > GUEST_VPL011_SPI;
}

static bool has_page(struct domain *d, uint64_t g)
{
    bool there;

    spin_lock(&d->p2m.lock);
    there = console_ring_find(d, g) != NULL;
    spin_unlock(&d->p2m.lock);
    return there;
}

int serial_offer(struct domain *d, struct domain *reader, uint64_t g, uint32_t *port)
{
    int err;

    spin_lock(&d->lock);
    if (d->started) {
        err = -E_PERM;
    } else if (d->serial.port != 0 || !has_line(d) || !has_page(d, g)) {
        err = -E_INVAL;
    } else {
        err = evtchn_alloc_own(d, reader, port);
    }
    if (err == 0) {
        d->serial.ring = (uint32_t)g; // P2M_GFN_BITS, or there would be no page
        d->serial.port = *port;
    }
    spin_unlock(&d->lock);
    return err;
}

// Indices that make no sense count as a ring that nobody reads: what is sent is lost.
static struct vuart_queues queues_of(const struct xencons_interface *ring)
{
    uint32_t waiting = console_ring_waiting(ring);

    return (struct vuart_queues){
        .in = console_ring_typed(ring),
        .in_size = sizeof(ring->in),
        .out = waiting > sizeof(ring->out) ? 0 : waiting,
        .out_size = sizeof(ring->out),
    };
}

// The register of the characters.
static void transfer(struct serial *s, struct xencons_interface *ring, enum access access,
                     uint64_t *value)
{
    struct vuart_queues after;
    char c = 0;

    if (access == ACCESS_READ) {
        *value = console_ring_take(ring, &c, 1) != 0 ? (uint8_t)c : 0;
    } else {
        c = (char)*value;
        (void)console_ring_put(ring, &c, 1); // as a UART does when its FIFO is full: it is lost
    }
    after = queues_of(ring);
    vuart_settle(&s->uart, &after);
}

static void access_register(struct serial *s, struct xencons_interface *ring, uint32_t offset,
                            enum access access, uint64_t *value)
{
    struct vuart_queues q = queues_of(ring);

    if (offset == VUART_DR) {
        transfer(s, ring, access, value);
    } else if (access == ACCESS_READ) {
        *value = vuart_read(&s->uart, &q, offset);
    } else {
        vuart_write(&s->uart, offset, (uint32_t)*value);
    }
}

// p2m.lock is held.
static void show_line(struct domain *d, struct vgic_effects *e)
{
    vgic_set_level(&d->vgic, 0, GUEST_VPL011_SPI,
                   vuart_line(&d->serial.uart) ? VGIC_HIGH : VGIC_LOW, e);
}

bool serial_mmio(struct domain *d, gpa_t addr, enum access access, uint64_t *value)
{
    uint64_t offset = addr.n - GUEST_PL011_BASE;
    struct xencons_interface *ring;
    struct vgic_effects e;

    if (d->serial.port == 0 || offset >= GUEST_PL011_SIZE) {
        return false;
    }
    if (access == ACCESS_READ) {
        *value = 0;
    }
    vgic_effects_init(&e);
    spin_lock(&d->p2m.lock);
    ring = console_ring_find(d, d->serial.ring);
    if (ring) {
        access_register(&d->serial, ring, (uint32_t)offset, access, value);
        show_line(d, &e);
    }
    spin_unlock(&d->p2m.lock);
    domain_irq_effects(d, &e);
    if (offset == VUART_DR) {
        evtchn_send_own(d, d->serial.port);
    }
    return true;
}

void serial_event(struct domain *d)
{
    struct xencons_interface *ring;
    struct vgic_effects e;

    vgic_effects_init(&e);
    spin_lock(&d->p2m.lock);
    ring = console_ring_find(d, d->serial.ring);
    if (ring) {
        struct vuart_queues q = queues_of(ring);

        vuart_heard(&d->serial.uart, &q);
        show_line(d, &e);
    }
    spin_unlock(&d->p2m.lock);
    domain_irq_effects(d, &e);
}
