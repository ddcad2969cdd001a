// SPDX-License-Identifier: BSD-2-Clause
// Prints the hypercall table, one row a line, for tools/abi.py: number, family, sub-operation,
// name, right, relation, direction, work, charge, right for another domain. Linked with hcall/
// alone; nothing in it is called.
#include <stdio.h>

#include "hcall/hcall.h"

static void print_family(unsigned number, const struct hcall_family *f)
{
    printf("%u\t%s\n", number, f->name);
    for (unsigned i = 0; i < f->rows; i++) {
        const struct hcall_row *r = &f->row[i];

        if (r->call) {
            printf("%u\t%s\t%u\t%s\t%u\t%u\t%u\t%u\t%u\t%u\n", number, f->name, i, r->name,
                   r->right, r->relation, r->direction, r->work, r->charge, r->right_below);
        }
    }
}

int main(void)
{
    for (unsigned i = 0; i < HCALL_NUMBERS; i++) {
        if (hcall_families[i]) {
            print_family(i, hcall_families[i]);
        }
    }
    return 0;
}
