// SPDX-License-Identifier: BSD-2-Clause
// links: hv The emulated UART of a guest: a driver as Linux has one at its registers, xenconsoled
// at its ring and port, and the lies that either may tell.
#include "core_bed.h"

#include "core/console_ring.h"
#include "port/up.h"
#include "tests/bed/tools.h"

#define RING_PAGE (TOOLS_GUEST_RAM + 3)
#define GUEST_PAGES 16u
#define GICD 0x3001000ull
#define GICD_CTLR 0x0u
#define GICD_ISENABLER1 0x104u

// PL011 technical reference manual, table 3-1.
#define DR 0x00u
#define FR 0x18u
#define IMSC 0x38u
#define RIS 0x3cu
#define MIS 0x40u
#define ICR 0x44u
#define BUSY (1u << 3)
#define RXFE (1u << 4)
#define TXFF (1u << 5)
#define RXFF (1u << 6)
#define TXFE (1u << 7)
#define RX (1u << 4)
#define TX (1u << 5)
#define RT (1u << 6)

static struct domain *guest;
static struct xencons_interface *ring;
static uint32_t dom0_port;

static long offer(uint64_t gfn, uint16_t reader, uint32_t *port)
{
    struct xen_domctl op = {0};
    long rc;

    op.u.vuart_op.cmd = XEN_DOMCTL_VUART_OP_INIT;
    op.u.vuart_op.type = XEN_DOMCTL_VUART_TYPE_VPL011;
    op.u.vuart_op.console_domid = reader;
    op.u.vuart_op.gfn = gfn;
    rc = tools_domctl(&op, XEN_DOMCTL_vuart_op, guest->domid);
    *port = op.u.vuart_op.evtchn;
    return rc;
}

static void make_guest(uint32_t spis)
{
    const struct domain_config config = {
        .name = "guest", .vcpus = 2, .max_evtchn_port = 1023, .max_grant_frames = 4,
        .spis = spis, .gicd_base = GICD, .gicr_base = 0x3020000, .domid = -1};

    assert_int_equal(domain_create(fief_root, &config, &guest), 0);
    assert_int_equal(tools_max_vcpus(guest->domid, 2), 0);
    assert_int_equal(tools_max_mem(guest->domid, 1024), 0);
    assert_int_equal(tools_populate(guest->domid, TOOLS_GUEST_RAM, GUEST_PAGES, 0), GUEST_PAGES);
    ring = bed_memory(guest, RING_PAGE << PAGE_SHIFT);
    memset(ring, 0, PAGE_SIZE);
}

static uint64_t reg(uint64_t address, enum access access, uint64_t value)
{
    struct arch_vcpu *a = &guest->vcpu[0]->arch;
    struct up_value v;

    if (access == ACCESS_WRITE) {
        assert_true(up_mmio_write(a, (gpa_t){address}, 4, value));
        return value;
    }
    v = up_mmio_read(a, (gpa_t){address}, 4);
    assert_true(v.known);
    return v.value;
}

static uint32_t get(uint32_t offset)
{
    return (uint32_t)reg(GUEST_PL011_BASE + offset, ACCESS_READ, 0);
}

static void set(uint32_t offset, uint32_t value)
{
    (void)reg(GUEST_PL011_BASE + offset, ACCESS_WRITE, value);
}

static bool interrupted(void)
{
    return vcpu_has_pending(guest->vcpu[0]);
}

static int setup(void **state)
{
    uint32_t port;

    (void)state;
    boot(1);
    make_guest(1);
    assert_int_equal(offer(RING_PAGE, 0, &port), 0);
    assert_int_equal(evtchn_bind_interdomain(dom0, guest, port, &dom0_port), 0);
    (void)reg(GICD + GICD_CTLR, ACCESS_WRITE, VGIC_CTLR_ENABLE_GRP1);
    (void)reg(GICD + GICD_ISENABLER1, ACCESS_WRITE, 1);
    return 0;
}

static void end(void)
{
    assert_int_equal(tools_destroy(guest->domid), 0);
    assert_int_equal(tools_close(dom0_port), 0);
    check_all_back("the end of the guest");
}

static void type(const char *s)
{
    for (; *s; s++) {
        ring->in[MASK_XENCONS_IDX(ring->in_prod, ring->in)] = *s;
        ring->in_prod++;
    }
    assert_int_equal(evtchn_send(dom0, dom0_port), 0);
}

static void take_all(void)
{
    ring->out_cons = ring->out_prod;
    assert_int_equal(evtchn_send(dom0, dom0_port), 0);
}

// Whether an event came to dom0 since it was last asked.
static bool told(void)
{
    uint64_t *word =
        &((struct shared_info *)frame_ptr(dom0->shared_info))->evtchn_pending[dom0_port / 64];
    bool is = *word >> dom0_port % 64 & 1;

    *word &= ~(1ull << dom0_port % 64);
    return is;
}

static void written(void **state)
{
    (void)state;
    (void)told();
    assert_int_equal(get(FR) & (BUSY | TXFF | TXFE | RXFE), TXFE | RXFE);
    set(DR, 'H');
    set(DR, 0x100 | 'i'); // the upper bits are no characters
    assert_memory_equal(ring->out, "Hi", 2);
    assert_int_equal(ring->out_prod, 2);
    assert_true(told());
    // Linux waits until it is not busy after each line: what is in the ring counts as sent.
    assert_int_equal(get(FR) & (BUSY | TXFF | TXFE), 0);
    take_all();
    assert_int_equal(get(FR) & (BUSY | TXFF | TXFE), TXFE);
    end();
}

static void typed(void **state)
{
    (void)state;
    set(IMSC, RX | RT);
    assert_false(interrupted());
    type("ls");
    assert_true(interrupted());
    assert_int_equal(get(MIS), RT);
    assert_int_equal(get(FR) & RXFE, 0);
    (void)told();
    assert_int_equal(get(DR), 'l');
    assert_true(told()); // there is room again
    assert_true(interrupted());
    assert_int_equal(get(DR), 's');
    assert_false(interrupted());
    assert_int_equal(get(FR) & RXFE, RXFE);
    assert_int_equal(get(DR), 0);
    type("sixteen letters.");
    assert_int_equal(get(RIS) & (RX | RT), RX | RT);
    assert_int_equal(get(DR), 's');
    assert_int_equal(get(RIS) & (RX | RT), RT);
    set(ICR, RT);
    assert_false(interrupted());
    type("!");
    assert_true(interrupted());
    end();
}

// A driver fills the FIFO, then waits for the interrupt that there is room.
static void full(void **state)
{
    (void)state;
    set(IMSC, TX);
    for (uint32_t i = 0; i < sizeof(ring->out); i++) {
        assert_int_equal(get(FR) & TXFF, 0);
        set(DR, 'a' + i % 26);
    }
    assert_int_equal(get(FR) & (BUSY | TXFF), BUSY | TXFF);
    assert_false(interrupted());
    set(DR, '#'); // lost
    assert_int_equal(ring->out_prod, sizeof(ring->out));
    ring->out_cons += 15;
    assert_int_equal(evtchn_send(dom0, dom0_port), 0);
    assert_false(interrupted());
    ring->out_cons += 1;
    assert_int_equal(evtchn_send(dom0, dom0_port), 0);
    assert_true(interrupted());
    set(DR, 'x');
    assert_false(interrupted());
    take_all();
    assert_true(interrupted());
    set(IMSC, 0);
    assert_false(interrupted());
    end();
}

// The registers that an SBSA UART does not have, and what lies beside it.
static void elsewhere(void **state)
{
    const gpa_t behind = {GUEST_PL011_BASE + GUEST_PL011_SIZE};

    (void)state;
    set(0x30, 0xffff);
    assert_int_equal(get(0x30), 0);
    assert_int_equal(get(0xfe0), 0);
    set(IMSC, UINT32_MAX);
    assert_int_equal(get(IMSC), 0x7f0);
    assert_false(up_mmio_read(&guest->vcpu[1]->arch, behind, 4).known);
    end();
}

static void hostile_indices(void **state)
{
    (void)state;
    set(IMSC, RX | TX | RT);
    for (uint32_t wrong = 1025; wrong != 0; wrong <<= 1) {
        ring->in_prod = ring->in_cons + wrong;
        ring->out_prod = ring->out_cons + wrong + 1024;
        assert_int_equal(evtchn_send(dom0, dom0_port), 0);
        assert_int_equal(get(FR) & (RXFE | TXFF), RXFE);
        assert_int_equal(get(DR), 0);
        set(DR, 'x');
    }
    ring->in_cons = UINT32_MAX;
    ring->in_prod = 0;
    ring->in[1023] = 'z';
    assert_int_equal(get(DR), 'z');
    assert_int_equal(get(FR) & RXFE, RXFE);
    end();
}

static void page_taken_away(void **state)
{
    (void)state;
    set(IMSC, RT);
    type("x");
    assert_int_equal(tools_decrease(guest->domid, RING_PAGE, 1, 0), 1);
    assert_int_equal(get(DR), 0);
    assert_int_equal(get(FR), 0);
    set(DR, 'y');
    assert_int_equal(evtchn_send(dom0, dom0_port), 0);
    end();
}

// The port is the hypervisor's: the guest can do nothing with it, and sees no events of it.
static void port_is_not_the_guests(void **state)
{
    uint32_t port = guest->serial.port;

    (void)state;
    type("x");
    assert_false(evtchn_pending_for(guest->vcpu[0]));
    assert_int_equal(evtchn_send(guest, port), -E_INVAL);
    assert_int_equal(evtchn_close(guest, port), -E_INVAL);
    assert_int_equal(evtchn_unmask(guest, port), -E_INVAL);
    assert_int_equal(evtchn_bind_vcpu(guest, port, 1), -E_INVAL);
    assert_int_equal(evtchn_is_pending(guest, port), -E_INVAL);
    assert_int_equal(evtchn_reset(guest), 0);
    assert_int_equal(get(DR), 'x');
    (void)told();
    set(DR, 'y');
    assert_true(told());
    end();
}

// xenconsoled dies, and comes again.
static void another_reader(void **state)
{
    (void)state;
    assert_int_equal(tools_close(dom0_port), 0);
    set(DR, 'y');
    assert_int_equal(evtchn_bind_interdomain(dom0, guest, guest->serial.port, &dom0_port), 0);
    assert_memory_equal(ring->out, "y", 1);
    set(IMSC, RT);
    type("x");
    assert_true(interrupted());
    end();
}

static void refused(void **state)
{
    struct xen_domctl op = {.u.vuart_op.cmd = 1};
    uint32_t port;

    (void)state;
    boot(1);
    make_guest(0);
    assert_int_equal(offer(RING_PAGE, 0, &port), -E_INVAL); // no line for its interrupt
    assert_int_equal(tools_destroy(guest->domid), 0);
    make_guest(1);
    assert_int_equal(offer(RING_PAGE, 77, &port), -E_SRCH);
    assert_int_equal(offer(TOOLS_GUEST_RAM + GUEST_PAGES, 0, &port), -E_INVAL);
    assert_int_equal(offer(UINT64_MAX, 0, &port), -E_INVAL);
    assert_int_equal(tools_domctl(&op, XEN_DOMCTL_vuart_op, guest->domid), -E_INVAL);
    assert_int_equal(offer(RING_PAGE, 0, &port), 0);
    assert_int_equal(offer(RING_PAGE, 0, &port), -E_INVAL); // it has one
    assert_int_equal(tools_destroy(guest->domid), 0);
    make_guest(1);
    assert_int_equal(tools_set_context(guest->domid), 0);
    assert_int_equal(tools_unpause(guest->domid), 0);
    assert_int_equal(offer(RING_PAGE, 0, &port), -E_PERM); // it has run
    assert_int_equal(tools_destroy(guest->domid), 0);
    check_all_back("three guests");
}

// Nobody else has one: the addresses are nobody's.
static void none(void **state)
{
    (void)state;
    boot(1);
    make_guest(1);
    assert_false(up_mmio_read(&guest->vcpu[0]->arch, (gpa_t){GUEST_PL011_BASE}, 4).known);
    assert_int_equal(tools_destroy(guest->domid), 0);
    check_all_back("the end of the guest");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(written, setup),
        cmocka_unit_test_setup(typed, setup),
        cmocka_unit_test_setup(full, setup),
        cmocka_unit_test_setup(elsewhere, setup),
        cmocka_unit_test_setup(hostile_indices, setup),
        cmocka_unit_test_setup(page_taken_away, setup),
        cmocka_unit_test_setup(port_is_not_the_guests, setup),
        cmocka_unit_test_setup(another_reader, setup),
        cmocka_unit_test(refused),
        cmocka_unit_test(none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
