#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""percpu_read_stable(): two reads of one value are one where they may be, and two where they may not. TAP.

usage: stable.py [TEST...]      default: all

Nothing is run: the test counts what reads the per-CPU register in optimised code.
"""
import re
import sys

from tools import ARM, FREESTANDING, ROOT, Tap, absent, run, said, workspace

SOURCE = '''
#include <percpu/percpu.h>
struct thread { long a, b; };
PERCPU_DECLARE(struct thread *, current);
PERCPU_DECLARE_NEAR(struct thread *, near);
void unknown(void);

long merged(void) { return percpu_read_stable(current)->a + percpu_read_stable(current)->b; }
long merged_near(void) { return percpu_read_stable(near)->a + percpu_read_stable(near)->b; }
long merged_at(struct thread *PERCPU *p) { return percpu_read_stable_at(p)->a + percpu_read_stable_at(p)->b; }
long volatile_ones(void) { return percpu_read(current)->a + percpu_read(current)->b; }
long written(struct thread *t)
{
    long a = percpu_read_stable(current)->a;
    percpu_write_raw(current, t);
    return a + percpu_read_stable(current)->b;
}
long called(void)
{
    long a = percpu_read_stable(current)->a;
    unknown();
    return a + percpu_read_stable(current)->b;
}
'''
EXPECTED = {'merged': 1, 'merged_near': 1, 'merged_at': 1, 'volatile_ones': 2, 'written': 3, 'called': 2}
# Where a guard has to be called, each read is as percpu_read()'s: the same function, which GCC may have once.
GUARDED = {**EXPECTED, 'merged': 2, 'merged_near': 2, 'merged_at': 2}
del GUARDED['volatile_ones']
# Compiler and flags, what names the register, objdump.
TARGETS = {
    'x86_64': (('gcc', 'clang --target=x86_64-none-elf'), '-mno-red-zone', r'%gs:', 'objdump'),
    'aarch64': (('aarch64-linux-gnu-gcc', 'clang --target=aarch64-none-elf'), '', 'tpidr_el1',
                'aarch64-linux-gnu-objdump'),
    # clang makes the address of a variable twice there, and so two accesses.
    'arm': (('arm-none-eabi-gcc',), ARM, r'\bmrc\b', 'arm-none-eabi-objdump'),
    'riscv64': (('riscv64-linux-gnu-gcc', 'clang --target=riscv64-none-elf'),
                '-mcmodel=medany -march=rv64ima_zicsr_zifencei -mabi=lp64', r'\bgp\b', 'riscv64-linux-gnu-objdump'),
    'loongarch64': (('clang --target=loongarch64-none-elf',), '-mabi=lp64s -mfpu=none', r'\$r21', 'llvm-objdump'),
}
SETTINGS = ('', '-DPERCPU_ZERO_VMA', '-DPERCPU_RESTART', '-DPERCPU_PREEMPT')


def registers(command, register, objdump, work):
    """-> function to how often it names the register."""
    (work / 's.c').write_text(SOURCE)
    run([*command.split(), *FREESTANDING.split(), '-std=gnu17', '-O2', '-Wall', '-Wextra', '-Werror',
         '-DPERCPU_PLATFORM_BARE', f'-I{ROOT}/include', '-c', '-o', work / 's.o', work / 's.c'])
    output, _ = said([objdump, '-d', '--no-show-raw-insn', work / 's.o'])
    counts, name = {}, ''
    for line in output.splitlines():
        if match := re.match(r'[0-9a-f]+ <(\w+)>:', line):
            name = match[1]
        elif re.search(register, line.lower()):
            counts[name] = counts.get(name, 0) + 1
    return counts


def wrong(expected, command, register, objdump, work):
    counts = registers(command, register, objdump, work)
    return [f'{name}: {counts.get(name, 0)}, not {count}' for name, count in expected.items()
            if counts.get(name, 0) != count]


def main():
    tap = Tap(sys.argv[1:])
    with workspace() as work:
        for target, (compilers, flags, register, objdump) in TARGETS.items():
            for compiler in compilers:
                for setting in SETTINGS:
                    name = f'{target} {"clang" if "clang" in compiler else "gcc"} {setting}'.strip()
                    if not tap.wanted(name):
                        continue
                    one = target in ('x86_64', 'loongarch64')
                    expected = GUARDED if 'PREEMPT' in setting and not one else EXPECTED
                    missing = absent(compiler, objdump)
                    tap.result(name, '' if missing else wrong(expected, f'{compiler} {flags} {setting}', register,
                                                             objdump, work), missing=missing)
    return tap.end()


if __name__ == '__main__':
    sys.exit(main())
