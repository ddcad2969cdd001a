// SPDX-License-Identifier: BSD-2-Clause
// What the measuring guests share: marks for the counting plugin, interrupts, lines of text.
// The same binary runs as dom0 and as a guest of xl, on any hypervisor that speaks the Xen ABI.
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/xen.h"
#include "guest.h"
#include "hypercall.h"

#define PAGE 4096u
#define ARRAY(a) (sizeof(a) / sizeof(a)[0])

// The end of every array that describes measurements.
#define REPEATS 5u

// Marks (bench/count.c): what runs between the two is counted and goes under this number.
static inline void mark_begin(unsigned number)
{
    for (int bit = 15; bit >= 0; bit--) {
        if ((number >> bit) & 1) {
            __asm__ volatile("hint #0x7d" ::: "memory");
        } else {
            __asm__ volatile("hint #0x7c" ::: "memory");
        }
    }
    __asm__ volatile("hint #0x7e" ::: "memory");
}

static inline void mark_end(void)
{
    __asm__ volatile("hint #0x7f" ::: "memory");
}

// Text: collected, and written by say_flush(), so that no console work falls into a measurement.
void say(const char *text);
void say_number(uint64_t number);
// "bench NUMBER OPERATIONS NAME": what the runner needs to read the plugin's lines.
void say_measured(unsigned number, uint64_t operations, const char *name);
// "value NAME = NUMBER": a figure that the guest itself has.
void say_value(const char *name, uint64_t number);
// Says why, writes all out, ends the domain.
_Noreturn void give_up(const char *why, int64_t error);
void say_flush(void);

// domain.c: who we are
extern bool is_dom0;
void domain_init(void);
bool domain_told(uint64_t fdt, const char *word);       // whether it is on our command line
void *domain_page(void);                // a zeroed page of our own, never given back
uint64_t frame_of(const void *page);

// interrupt.c
#define SGI_PEER 1u
#define SGI_SELF 2u
#define TIMER 27u
extern volatile uint64_t interrupts[1020];
void interrupt_init(unsigned cpu);
void interrupt_wait(unsigned intid, uint64_t until);   // WFI until that many have come
uint64_t gicd_base(void);
uint64_t gicr_base(unsigned cpu);

static inline void irq_on(void)
{
    __asm__ volatile("msr daifclr, #2" ::: "memory");
}

static inline void irq_off(void)
{
    __asm__ volatile("msr daifset, #2" ::: "memory");
}

static inline uint64_t now(void)        // ticks of the system counter
{
    uint64_t t;

    __asm__ volatile("isb; mrs %0, cntvct_el0" : "=r"(t)::"memory");
    return t;
}

static inline void timer_set(uint64_t when)
{
    __asm__ volatile("msr cntv_cval_el0, %0; msr cntv_ctl_el0, %1; isb" ::"r"(when),
                     "r"((uint64_t)1)
                     : "memory");
}

// As a guest's other CPU sends it: to one CPU of cluster 0, itself included.
static inline void sgi_send(unsigned intid, unsigned cpu)
{
    __asm__ volatile("msr s3_0_c12_c11_5, %0; isb" ::"r"((uint64_t)intid << 24 | 1u << cpu)
                     : "memory");
}

// Event channels to this domain (event.c)
extern struct shared_info *shared;
extern volatile uint64_t upcalls;
void event_init(void);
void event_take(void);                  // from the interrupt handler
uint64_t event_wait(void);              // WFI until there is one; a bit for each of ports 0 to 63

#endif
