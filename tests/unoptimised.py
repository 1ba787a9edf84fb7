#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What an access costs in code that is not optimised (-O0): instructions and stack of the caller beyond an
ordinary call with the same operands, and the stack of the library function that it calls. TAP.

usage: unoptimised.py [TARGET...]      default: all, and the host

Nothing is run. The figures are the largest of all functions of unoptimised.c and of src/calls.c.
"""
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from tools import absent

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
INSTRUCTIONS = 8   # of the caller, beyond an ordinary call's
FRAME = 0          # bytes of the caller, beyond an ordinary call's
PLACE = 16         # the same where an operand has a place: 8 bytes on 32 bits, an address that is made by an
                   # asm statement, at VMA 0 on aarch64 and riscv64; the stack is aligned
STACK = 128        # bytes of each function that src/calls.c consists of
LISTS = 160        # the same of lists on rseq: programs' stacks are not kernels'

BARE = ('-ffreestanding -fno-pic -fno-pie -fno-stack-protector -fno-asynchronous-unwind-tables '
        '-DPERCPU_PLATFORM_BARE')
SETTINGS = ('', '-DPERCPU_ZERO_VMA', '-DPERCPU_RESTART', '-DPERCPU_PREEMPT -DPERCPU_DEBUG')
# Of a target: compilers, flags, objdump.
TARGETS = {
    'x86_64': ({'gcc': 'gcc', 'clang': 'clang --target=x86_64-none-elf'},
               '-mcmodel=kernel -mno-red-zone -mgeneral-regs-only -fcf-protection=none', 'objdump'),
    'aarch64': ({'gcc': 'aarch64-linux-gnu-gcc -mno-outline-atomics', 'clang': 'clang --target=aarch64-none-elf'},
                '-mgeneral-regs-only -mstrict-align', 'aarch64-linux-gnu-objdump'),
    'riscv64': ({'gcc': 'riscv64-linux-gnu-gcc', 'clang': 'clang --target=riscv64-none-elf'},
                '-mcmodel=medany -march=rv64ima_zicsr_zifencei -mabi=lp64', 'riscv64-linux-gnu-objdump'),
    'riscv32': ({'gcc': 'riscv64-linux-gnu-gcc', 'clang': 'clang --target=riscv32-none-elf'},
                '-mcmodel=medany -march=rv32ima_zicsr_zifencei -mabi=ilp32', 'riscv64-linux-gnu-objdump'),
    'arm': ({'gcc': 'arm-none-eabi-gcc', 'clang': 'clang --target=armv7a-none-eabi'},
            '-march=armv7-a -mfloat-abi=soft', 'arm-none-eabi-objdump'),
    'loongarch64': ({'clang': 'clang --target=loongarch64-none-elf'}, '-mabi=lp64s -mfpu=none', 'llvm-objdump'),
}
HOSTED = {f'{platform}{", PIC" if "PIC" in pic else ""}': f'-D_GNU_SOURCE -DPERCPU_PLATFORM_{platform.upper()} {pic}'
          for platform in ('rseq', 'thread', 'single') for pic in ('-fno-pie', '-fPIC')}
NOTHING = re.compile(r'nop|udf|unimp|\.|endbr64')


def configurations(targets):
    """-> title, compiler with flags, objdump."""
    for target in targets:
        if target == 'host':
            for name, flags in HOSTED.items():
                for compiler in 'gcc', 'clang':
                    yield f'{name}, {compiler}', f'{compiler} -fcf-protection=none {flags}', 'objdump'
            continue
        compilers, flags, objdump = TARGETS[target]
        for compiler, command in compilers.items():
            for more in SETTINGS:
                if target != 'x86_64' or 'RESTART' not in more:
                    what = f' {more}'.replace(' -DPERCPU_', ', ') if more else ''
                    yield f'{target}{what}, {compiler}', f'{command} {BARE} {flags} {more}', objdump


def build(command, source, folder):
    """-> object, function to bytes of stack."""
    made = folder / 'o.o'
    subprocess.run([*shlex.split(command), '-std=gnu17', '-Wall', '-Wextra', '-Werror', '-O0', '-fstack-usage',
                    f'-I{ROOT}/include', f'-I{ROOT}/src', '-c', '-o', made, source], check=True, capture_output=True,
                   text=True)
    rows = [row.split('\t') for row in made.with_suffix('.su').read_text().splitlines()]
    return made, {where.split(':')[-1]: int(size) for where, size, _ in rows}


def count(objdump, made):
    """-> function to instructions."""
    text = subprocess.run([objdump, '-d', '--no-show-raw-insn', made], check=True, capture_output=True,
                          text=True).stdout
    counts, name = {}, None
    for line in text.splitlines():
        if match := re.match(r'[0-9a-f]+ <(\w+)>:', line):
            name = match[1]
            counts[name] = 0
        elif (match := re.match(r'\s+[0-9a-f]+:\s+(\S.*)', line)) and name and not NOTHING.match(match[1]):
            counts[name] += 1
    return counts


def measure(command, objdump, folder):
    """-> instructions, frame, stack, stack of lists: each the largest, with the function's name."""
    made, frames = build(command, HERE / 'unoptimised.c', folder)
    counts = count(objdump, made)
    operations = [name[3:] for name in counts if name.startswith('op_')]
    if len(operations) < 25:
        raise ValueError(f'only {len(operations)} functions')
    instructions = max((counts[f'op_{n}'] - counts[f'call_{n}'], n) for n in operations)
    frame = max((frames[f'op_{n}'] - frames[f'call_{n}'], n) for n in operations)
    _, stacks = build(command, ROOT / 'src/calls.c', folder)
    if 'percpu__call_add_64' not in stacks or 'percpu__call_list_pop' not in stacks:
        raise ValueError(f'only {len(stacks)} functions in calls.c')
    lists = max((size, name) for name, size in stacks.items() if '_list_' in name)
    return instructions, frame, max((s, n) for n, s in stacks.items() if '_list_' not in n), lists


def main():
    plan = list(configurations(sys.argv[1:] or [*TARGETS, 'host']))
    failed = 0
    print(f'1..{len(plan)}')
    with tempfile.TemporaryDirectory() as name:
        for number, (title, command, objdump) in enumerate(plan, 1):
            missing = absent(command, objdump)
            if missing:
                print(f'ok {number} - {title} # SKIP missing: {missing[0]}')
                continue
            try:
                measured = measure(command, objdump, Path(name))
            except subprocess.CalledProcessError as error:
                failed += 1
                print(f'not ok {number} - {title}')
                for line in error.stderr.splitlines()[:20]:
                    print('#', line)
                continue
            place = title.startswith(('arm', 'riscv32')) or re.match('(aarch64|riscv64), ZERO', title)
            limits = (INSTRUCTIONS, PLACE if place else FRAME, STACK,
                      LISTS if title.startswith('rseq') else STACK)
            bad = [f'{name}: {value}, at most {limit}'
                   for (value, name), limit in zip(measured, limits) if value > limit]
            failed += bool(bad)
            print(f'{"not " if bad else ""}ok {number} - {title}')
            print('# caller: %d instructions, %d bytes; called: %d bytes of stack, lists %d'
                  % tuple(value for value, _ in measured))
            for line in bad:
                print('#', line)
    print(f'# end: {len(plan) - failed} passed, {failed} failed')
    return failed > 0


if __name__ == '__main__':
    sys.exit(main())
