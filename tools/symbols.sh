#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Writes the hypervisor's symbol table as assembly: for each function its offset from image_base and
# the place of its name, ascending. Called by hv/build.mk: symbols.sh NM ELF, or without arguments
# for the empty table of the first link. Read by hv/arch/arm64/backtrace.c.
set -eu
export LC_ALL=C

functions() {
    [ $# -eq 2 ] || return 0
    "$1" --defined-only "$2" | sort | awk '
        function number(s,    i, n) {
            n = 0
            for (i = 1; i <= length(s); i++) n = n * 16 + index("0123456789abcdef", substr(s, i, 1)) - 1
            return n
        }
        $3 == "image_base" { base = number($1) }
        $3 == "text_start" { from = number($1) }
        $3 == "text_end" { to = number($1) }
        $2 ~ /^[tTwW]$/ && $3 !~ /^\$/ && $3 !~ /^\./ { at[n] = number($1); name[n++] = $3 }
        END {
            for (i = 0; i < n; i++)
                if (at[i] >= from && at[i] < to && at[i] != last) {
                    print at[i] - base, name[i]; last = at[i]
                }
        }'
}

functions "$@" | awk '
    BEGIN {
        print "    .section .symbols, \"a\"\n    .balign 4"
        print "    .global symbol_table, symbol_names, symbol_count"
        print "    .hidden symbol_table, symbol_names, symbol_count\nsymbol_table:"
    }
    { print "    .long " $1 ", " place + 0; place += length($2) + 1; name[NR] = $2 }
    END {
        print "symbol_count: .long " NR "\nsymbol_names:"
        for (i = 1; i <= NR; i++) print "    .asciz \"" name[i] "\""
        print "    .section .note.GNU-stack, \"\", %progbits"
    }'
