// SPDX-License-Identifier: BSD-2-Clause
// QEMU plugin (plugin API 1, QEMU 6.2 and later): counts what runs, and who runs it. bench/run.py
// loads it; with -icount QEMU has one thread for all CPUs, so nothing here is locked.
//
//   -plugin file=count.so,out=FILE,lo=ADDRESS,hi=ADDRESS[,profile=FILE]
//
// Instructions at virtual addresses from lo to hi (not included) are the hypervisor's, at or above
// KERNEL a Linux kernel's, all others a program's or a bare-metal guest's. What is to be measured
// says so itself, by hints that do nothing on any CPU, at any privilege:
//
//   hint #0x7c, #0x7d   append a 0 or a 1 bit to the number of what is measured
//   hint #0x7e          begins
//   hint #0x7f          ends: a line to FILE: number, then one count for each name in COUNTS
//
// What ends without having begun, began at power-on and is number 0.
//
// At the end of each measurement the profile file, if asked for, gets a line
// "number address count" for each of the hypervisor's instructions that ran in it.
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Debian has no package with QEMU's header; these declarations are all that is used of it.
typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_info_t;
enum { ADD_U64 = 0, NO_REGISTERS = 0 };
typedef void (*on_exec_t)(unsigned cpu, void *data);
typedef void (*on_tb_t)(qemu_plugin_id_t id, struct qemu_plugin_tb *tb);
typedef void (*on_exit_t)(qemu_plugin_id_t id, void *data);
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, on_tb_t call);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *insn, int op,
                                                void *counter, uint64_t add);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn, on_exec_t call,
                                            int flags, void *data);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id, on_exit_t call, void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);

#define EXPORT __attribute__((visibility("default")))
EXPORT int qemu_plugin_version = 1;
EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info_t *info, int argc,
                               char **argv);

#define KERNEL 0xffff000000000000u

// The columns of a line; bench/run.py knows them in this order.
// CLEARING: the hypervisor's instructions in loops that clear memory or write it back from caches.
enum counts { HYPERVISOR, KERNELS, PROGRAMS, TRAPS, INTERRUPTS, TLBI, DSB, CLEARING, COUNTS };

static uint64_t counter[COUNTS], at_begin[COUNTS];
static uint64_t *profile;               // one a hypervisor's instruction; null: not asked for
static uint64_t low, high, number;
static uint64_t guests_seen;            // guests' instructions when the hypervisor last ran
static bool measuring = true;           // from power-on, as number 0, until something begins
static FILE *out, *profile_out;

static uint64_t guests(void)
{
    return counter[KERNELS] + counter[PROGRAMS];
}

// The first instruction of a hypervisor's block: an entry if a guest ran since the last one. The
// vectors for traps and interrupts of a guest lie 0x400 and 0x480 behind a multiple of 0x800.
static void on_hypervisor(unsigned cpu, void *data)
{
    const uint64_t vector = (uint64_t)data & 0x7ff;

    (void)cpu;
    if (guests() == guests_seen) {
        return;
    }
    guests_seen = guests();
    counter[TRAPS] += vector == 0x400;
    counter[INTERRUPTS] += vector == 0x480 || vector == 0x500;
}

static void on_digit(unsigned cpu, void *data)
{
    (void)cpu;
    number = (number << 1) | (uint64_t)data;
}

static void on_begin(unsigned cpu, void *data)
{
    (void)cpu;
    (void)data;
    measuring = true;
    memcpy(at_begin, counter, sizeof at_begin);
    if (profile) {
        memset(profile, 0, (high - low) * 2);
    }
}

static void write_profile(void)
{
    for (uint64_t i = 0; profile && i < (high - low) / 4; i++) {
        if (profile[i]) {
            fprintf(profile_out, "%" PRIu64 " %" PRIx64 " %" PRIu64 "\n", number, low + i * 4,
                    profile[i]);
        }
    }
}

static void on_end(unsigned cpu, void *data)
{
    (void)cpu;
    (void)data;
    if (measuring) {
        fprintf(out, "%" PRIu64, number);
        for (unsigned i = 0; i < COUNTS; i++) {
            fprintf(out, " %" PRIu64, counter[i] - at_begin[i]);
        }
        fputc('\n', out);
        write_profile();
        fflush(out);
    }
    measuring = false;
    number = 0;
}

static uint32_t code_of(const struct qemu_plugin_insn *insn)
{
    uint32_t code;

    memcpy(&code, qemu_plugin_insn_data(insn), sizeof code);
    return code;
}

// DC ZVA, DC CVAC, DC CVAU, DC CIVAC: SYS instructions as TLBI is, by op1 3 and CRn 7.
static bool is_clearing(uint32_t code)
{
    const uint32_t operation = code & 0xffffffe0;

    return operation == 0xd50b7420 || operation == 0xd50b7a20 || operation == 0xd50b7b20 ||
           operation == 0xd50b7e20;
}

static void count(struct qemu_plugin_insn *insn, uint64_t *where)
{
    qemu_plugin_register_vcpu_insn_exec_inline(insn, ADD_U64, where, 1);
}

static void translate_guest(struct qemu_plugin_insn *insn, uint32_t code, uint64_t address)
{
    static const on_exec_t hint[] = {on_digit, on_digit, on_begin, on_end};

    if ((code & 0xffffff9f) == 0xd5032f9f) {
        const uint64_t which = (code >> 5) & 3;

        qemu_plugin_register_vcpu_insn_exec_cb(insn, hint[which], NO_REGISTERS, (void *)which);
        return;                         // what marks is not counted
    }
    count(insn, &counter[address >= KERNEL ? KERNELS : PROGRAMS]);
}

static void translate_hypervisor(struct qemu_plugin_insn *insn, uint32_t code, uint64_t address)
{
    count(insn, &counter[HYPERVISOR]);
    if ((code & 0xfff8f000) == 0xd5088000) {
        count(insn, &counter[TLBI]);
    } else if ((code & 0xfffff0ff) == 0xd503309f) {
        count(insn, &counter[DSB]);
    }
    if (profile) {
        count(insn, &profile[(address - low) / 4]);
    }
}

static void translate_entry(struct qemu_plugin_tb *tb)
{
    struct qemu_plugin_insn *first = qemu_plugin_tb_get_insn(tb, 0);
    const size_t n = qemu_plugin_tb_n_insns(tb);
    bool clears = false;

    qemu_plugin_register_vcpu_insn_exec_cb(first, on_hypervisor, NO_REGISTERS,
                                           (void *)qemu_plugin_insn_vaddr(first));
    for (size_t i = 0; i < n; i++) {
        clears |= is_clearing(code_of(qemu_plugin_tb_get_insn(tb, i)));
    }
    for (size_t i = 0; clears && i < n; i++) {
        count(qemu_plugin_tb_get_insn(tb, i), &counter[CLEARING]);
    }
}

static void on_translate(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    const uint64_t begin = qemu_plugin_insn_vaddr(qemu_plugin_tb_get_insn(tb, 0));
    const bool is_hypervisor = begin >= low && begin < high;

    (void)id;
    if (is_hypervisor) {
        translate_entry(tb);
    }
    for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        const uint64_t address = qemu_plugin_insn_vaddr(insn);

        if (is_hypervisor) {
            translate_hypervisor(insn, code_of(insn), address);
        } else {
            translate_guest(insn, code_of(insn), address);
        }
    }
}

static const char *value_of(const char *argument, const char *name)
{
    const size_t n = strlen(name);

    return strncmp(argument, name, n) == 0 && argument[n] == '=' ? argument + n + 1 : NULL;
}

static void parse(const char *argument)
{
    const char *value;

    if ((value = value_of(argument, "out"))) {
        out = fopen(value, "w");
    } else if ((value = value_of(argument, "profile"))) {
        profile_out = fopen(value, "w");
    } else if ((value = value_of(argument, "lo"))) {
        low = strtoull(value, NULL, 0);
    } else if ((value = value_of(argument, "hi"))) {
        high = strtoull(value, NULL, 0);
    }
}

static void on_exit_flush(qemu_plugin_id_t id, void *data)
{
    (void)id;
    (void)data;
    fflush(NULL);
}

int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info_t *info, int argc, char **argv)
{
    (void)info;
    for (int i = 0; i < argc; i++) {
        parse(argv[i]);
    }
    if (!out || high < low) {
        fprintf(stderr, "count.so: needs out=FILE,lo=ADDRESS,hi=ADDRESS\n");
        return 1;
    }
    if (profile_out) {
        profile = calloc((high - low) / 4 + 1, sizeof *profile);
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translate);
    qemu_plugin_register_atexit_cb(id, on_exit_flush, NULL);
    return 0;
}
