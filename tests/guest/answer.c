// SPDX-License-Identifier: BSD-2-Clause
// A guest of xl that is as small or as large as one likes. It starts all its vcpus, writes to each
// MiB of its memory and reads it back, and then answers each line on its console with what it
// found: that it is alive, for next to no memory and no CPU time.
#include "guest.h"
#include "xen_calls.h"

#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>
#include <xen/io/console.h>
#include <xen/sched.h>

#define HYPERCALL_HVM_OP 34u
#define VCPUS_MOST 128u
#define PSCI_CPU_ON 0xc4000003u // Arm DEN 0022
// Where xl puts memory (Xen public header arch-arm.h).
#define RAM0 0x40000000ul
#define RAM0_MIB 3072ul
#define RAM1 0x200000000ul
#define MIB_SHIFT 20
#define FRAMES_MIB_SHIFT 8

enum { STARTED = 1, RELEASED, SEEN }; // a vcpu's word

static volatile uint64_t word[VCPUS_MOST];
static _Alignas(PAGE_SIZE) struct shared_info shared_page;

// x0: its word. It says that it runs, and runs until the first vcpu has seen all of them do so;
// then it waits for an interrupt that never comes.
__asm__(".text\n"
        ".balign 4\n"
        "answer_other:\n"
        "    mov x19, x0\n"
        "    mov x20, #1\n"
        "    str x20, [x19]\n"
        "1:  mov x0, #0\n"
        "    mov x16, #29\n"
        "    hvc #0xea1\n"
        "    ldr x20, [x19]\n"
        "    cmp x20, #2\n"
        "    b.ne 1b\n"
        "    mov x20, #3\n"
        "    str x20, [x19]\n"
        "2:  wfi\n"
        "    b 2b\n");

extern const char answer_other[];

static int64_t cpu_on(unsigned n)
{
    register uint64_t x0 __asm__("x0") = PSCI_CPU_ON;
    register uint64_t x1 __asm__("x1") = (n >> 4 << 8) | (n & 15); // 16 to a cluster
    register uint64_t x2 __asm__("x2") = (uint64_t)answer_other;
    register uint64_t x3 __asm__("x3") = (uint64_t)(word + n);

    __asm__ volatile("hvc #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3) : : "memory");
    return (int64_t)x0;
}

static void yield(void)
{
    hypercall2(HYPERCALL_SCHED_OP, SCHEDOP_yield, 0);
}

static void wait_words(unsigned vcpus, uint64_t value)
{
    for (unsigned i = 1; i < vcpus; i++) {
        while (word[i] != value) {
            yield();
        }
    }
}

// How many vcpus were running at once.
static unsigned start_others(void)
{
    unsigned vcpus = 1;

    while (vcpus < VCPUS_MOST && cpu_on(vcpus) == 0) {
        vcpus++;
    }
    wait_words(vcpus, STARTED);
    for (unsigned i = 1; i < vcpus; i++) {
        word[i] = RELEASED;
    }
    wait_words(vcpus, SEEN);
    return vcpus;
}

// The last word of a MiB of memory: this program lies at the start of the first one.
static volatile uint64_t *end_of(uint64_t mib)
{
    uint64_t base = mib < RAM0_MIB ? RAM0 + (mib << MIB_SHIFT)
                                   : RAM1 + ((mib - RAM0_MIB) << MIB_SHIFT);

    return (volatile uint64_t *)(base + (1ul << MIB_SHIFT) - sizeof(uint64_t));
}

// How many MiB hold what was written to them.
static uint64_t good_memory(void)
{
    uint64_t all = reserved() >> FRAMES_MIB_SHIFT;
    uint64_t good = 0;

    for (uint64_t i = 0; i < all; i++) {
        *end_of(i) = ~i;
    }
    for (uint64_t i = 0; i < all; i++) {
        good += *end_of(i) == ~i;
    }
    return good;
}

static uint64_t parameter(uint32_t index)
{
    struct xen_hvm_param p = {.domid = DOMID_SELF, .index = index};

    return hypercall2(HYPERCALL_HVM_OP, HVMOP_get_param, (uint64_t)&p) == 0 ? p.value : 0;
}

static void wait_event(evtchn_port_t port)
{
    struct sched_poll poll = {.nr_ports = 1};

    set_xen_guest_handle(poll.ports, &port);
    hypercall2(HYPERCALL_SCHED_OP, SCHEDOP_poll, (uint64_t)&poll);
    __atomic_fetch_and(&shared_page.evtchn_pending[port / 64], ~(1ul << port % 64),
                       __ATOMIC_SEQ_CST);
}

// How many lines were typed since the last look.
static unsigned lines_of(volatile struct xencons_interface *ring)
{
    unsigned lines = 0;

    __asm__ volatile("dmb sy" : : : "memory");
    for (; ring->in_cons != ring->in_prod; ring->in_cons++) {
        lines += ring->in[MASK_XENCONS_IDX(ring->in_cons, ring->in)] == '\n';
    }
    return lines;
}

static void put_text(volatile struct xencons_interface *ring, const char *text)
{
    for (; *text; text++) {
        ring->out[MASK_XENCONS_IDX(ring->out_prod, ring->out)] = *text;
        __asm__ volatile("dmb sy" : : : "memory");
        ring->out_prod++;
    }
}

static void put_number(volatile struct xencons_interface *ring, uint64_t n)
{
    char text[21];
    unsigned at = sizeof(text) - 1;

    text[at] = 0;
    do {
        text[--at] = (char)('0' + n % 10);
        n /= 10;
    } while (n != 0);
    put_text(ring, &text[at]);
}

static void answer(volatile struct xencons_interface *ring, evtchn_port_t port, unsigned vcpus,
                   uint64_t mib)
{
    struct evtchn_send send = {.port = port};

    put_text(ring, "here vcpus=");
    put_number(ring, vcpus);
    put_text(ring, " mib=");
    put_number(ring, mib);
    put_text(ring, "\r\n");
    hypercall2(HYPERCALL_EVENT_CHANNEL_OP, EVTCHNOP_send, (uint64_t)&send);
}

void guest_main(uint64_t fdt)
{
    evtchn_port_t port = (evtchn_port_t)parameter(HVM_PARAM_CONSOLE_EVTCHN);
    volatile struct xencons_interface *ring =
        (volatile struct xencons_interface *)(parameter(HVM_PARAM_CONSOLE_PFN) * PAGE_SIZE);
    unsigned vcpus = start_others();
    uint64_t mib = good_memory();

    (void)fdt;
    add_to_physmap(XENMAPSPACE_shared_info, 0, (uint64_t)&shared_page / PAGE_SIZE);
    for (;;) {
        for (unsigned lines = lines_of(ring); lines > 0; lines--) {
            answer(ring, port, vcpus, mib);
        }
        wait_event(port);
    }
}
