#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tools/check-code on disassembly as GNU's and LLVM's objdump print it: what it finds, and what not.
And what the source of sequences is. TAP. tests/kernel-library.py has the library's own code.

usage: check-code.py [TEST...]     default: all
"""
import os
import re
import sys

from tools import ROOT, Failure, Tap, said, workspace

X86, A64, ARM, RISCV, LOONG = ('elf64-x86-64', 'elf64-littleaarch64', 'elf32-littlearm', 'elf64-littleriscv',
                               'elf64-loongarch')
# Title, format, what is asked for, code, which functions are found.
CASES = (
    ('below the stack pointer', X86, 'red-zone', 'f: mov %rdi,-0x8(%rsp)', 'f'),
    ('at the stack pointer', X86, 'red-zone', 'f: mov %rdi,(%rsp); mov 0x8(%rsp),%rax', ''),
    ('below it by an index', X86, 'red-zone', 'f: mov %rax,-0x48(%rsp,%rdi,8)', 'f'),
    ('below the frame pointer, nothing taken', X86, 'red-zone',
     'f: push %rbp; mov %rsp,%rbp; mov %rdi,-0x8(%rbp)', 'f'),
    ('taken by sub', X86, 'red-zone', 'f: push %rbp; mov %rsp,%rbp; sub $0x10,%rsp; mov %rdi,-0x10(%rbp)', ''),
    ('more than sub takes', X86, 'red-zone',
     'f: push %rbp; mov %rsp,%rbp; sub $0x10,%rsp; mov %rdi,-0x18(%rbp)', 'f'),
    ('taken by push', X86, 'red-zone', 'f: push %rbp; mov %rsp,%rbp; push %rbx; mov %rdi,-0x8(%rbp)', ''),
    ('taken by add of -128', X86, 'red-zone',
     'f: push %rbp; mov %rsp,%rbp; add $0xffffffffffffff80,%rsp; mov %rdi,-0x80(%rbp)', ''),
    ('taken by add of -0x80', X86, 'red-zone',
     'f: push %rbp; mov %rsp,%rbp; add $-0x80,%rsp; mov %rdi,-0x80(%rbp)', ''),
    ('taken by lea', X86, 'red-zone',
     'f: push %rbp; mov %rsp,%rbp; lea -0x20(%rsp),%rsp; mov %rdi,-0x20(%rbp)', ''),
    ('a frame that is aligned', X86, 'red-zone',
     'f: push %rbp; mov %rsp,%rbp; and $-64,%rsp; mov %rdi,-0x40(%rbp)', ''),
    ('taken behind the use', X86, 'red-zone',
     'f: push %rbp; mov %rsp,%rbp; mov %rdi,-0x8(%rbp); sub $0x8,%rsp', ''),
    ('rbp that is no frame pointer', X86, 'red-zone', 'f: mov %rdi,-0x8(%rbp)', ''),
    ('what the next function takes', X86, 'red-zone',
     'f: push %rbp; mov %rsp,%rbp; mov %rdi,-0x8(%rbp)\ng: push %rbp; mov %rsp,%rbp; sub $0x40,%rsp', 'f'),
    ('the frame of the function before', X86, 'red-zone',
     'f: push %rbp; mov %rsp,%rbp\ng: mov %rdi,-0x8(%rbp)', ''),
    ('each function once', X86, 'red-zone',
     'f: mov %rdi,-0x8(%rsp); mov %rdi,-0x8(%rsp)\ng: ret\nh: mov %rdi,-0x8(%rsp)', 'f h'),
    ('vectors', X86, 'fp',
     'f: movups %xmm0,(%rdi)\ng: mov %rdi,%rax\nh: vmovdqu (%rdi),%ymm1\ni: fld %st(1)', 'f h i'),
    ('a register of three sizes', X86, 'r15',
     'f: mov %r15,%rax\ng: mov %r15d,%eax\nh: movb $1,%r15b\ni: mov %r14,%rax', 'f g h'),
    ('vectors', A64, 'fp', 'f: str q0, [x0]\ng: str x0, [x1]\nh: fmov d1, x0\ni: ld1 {v0.16b}, [x0]', 'f h i'),
    ('a register of two sizes', A64, 'x18', 'f: mov x0, x18\ng: mov w18, w0\nh: mov x1, x8', 'f g'),
    ('an immediate of its name', A64, 'x18', 'f: ldr x0, [x1, #0x18]', ''),
    ('a branch to a symbol of its name', A64, 'x18', 'f: b 0x18 <x18>', ''),
    ('a comment', A64, 'x18', 'f: mov x0, x1 // x18', ''),
    ('data', A64, 'x18', 'f: .word x18\ng: ret', ''),
    ('the instruction itself', ARM, 'fp', 'f: vmax.s32 r0, r1\ng: vmov s0, r0', 'g'),
    ('vectors', ARM, 'fp', 'f: vld1.8 {d0-d1}, [r0]\ng: mov r0, r1\nh: vmov s0, r0', 'f h'),
    ('a register by its other name', ARM, 'ip', 'f: mov ip, r0\ng: mov r1, r0', 'f'),
    ('floating point', RISCV, 'fp', 'f: fld fa0, 0(a0)\ng: ld a0, 0(a0)\nh: vadd.vv v1, v2, v3', 'f h'),
    ('a register', RISCV, 's2', 'f: mv a0, s2\ng: mv a0, s20', 'f'),
    ('floating point', LOONG, 'fp', 'f: fld.d $fa0, $a0, 0\ng: ld.d $a0, $a0, 0\nh: vld $vr0, $a0, 0', 'f h'),
    ('a register', LOONG, 's2', 'f: move $a0, $s2\ng: move $a0, $s3', 'f'),
    # What it cannot tell is not fine.
    ('no code', A64, 'fp', '', None),
    ('data only', A64, 'fp', 'f: .word 0', None),
    ('a register of another architecture', X86, 'x18', 'f: ret', None),
    ('a register of another architecture', A64, 's2', 'f: ret', None),
    ('a register of another architecture', ARM, 'x18', 'f: ret', None),
    ('a register of another architecture', RISCV, 'r9', 'f: ret', None),
    ('a register of another architecture', LOONG, 'x18', 'f: ret', None),
    ('the red zone', A64, 'red-zone', 'f: ret', None),
    ('a file that cannot be read', X86, 'fp', 'f: ret\n!', None),
)


def disassembly(form, code):
    yield f'\nobject.o:     file format {form}\n\n'
    for function in code.splitlines():
        name, _, body = function.partition(': ')
        if name != '!':
            yield f'0000000000000000 <{name}>:\n'
            for at, text in enumerate(body.split('; ')):
                yield f'{4 * at:8x}:\t{text.replace(" ", chr(9), 1)}\n'


def check_sequences():
    """All are PERCPU__GOTO, which says what compilers make of others; none uses an output behind its label."""
    sequences, wrong = 0, []
    for source in sorted([*(ROOT / 'include').rglob('*.h'), *(ROOT / 'src').rglob('*.[ch]')]):
        text = re.sub(r'/\*.*?\*/', '', source.read_text(encoding='utf-8'), flags=re.S)
        found = re.findall(r'(?:\b|__)asm\w*\s+(?:\w+\s+)*?goto\b', text)
        if found and source != ROOT / 'include/percpu/detail/platform/rseq.h':
            wrong.append(f'{source}: {found[0]}')
        sequences += len(re.findall(r'PERCPU__(?:VOLATILE_)?GOTO\(', text))
        for label in re.findall(r'^\s*slow:[\s\\]*([^;]*;)', text, re.M):
            if label != 'return false;':
                wrong.append(f'{source}: behind the label: {label}')
    if wrong or sequences < 10:
        raise Failure(f'{sequences} sequences\n' + '\n'.join(wrong))
    return f'{sequences} of them'


def main():
    tap = Tap(sys.argv[1:])
    with workspace() as work:
        text, objdump = work / 'text', work / 'objdump'
        objdump.write_text(f'#!/bin/sh\ncat {text}\n! grep -q unreadable {text}\n')
        objdump.chmod(0o755)
        for title, form, what, code, expected in CASES:
            name = f'{form}, {what}, {title}'
            if not tap.wanted(name):
                continue
            text.write_text(''.join(disassembly(form, code)) + ('unreadable\n' if '!' in code else ''))
            output, status = said([ROOT / 'tools/check-code', what, 'object.o'],
                                  env={**os.environ, 'OBJDUMP': str(objdump)})
            found = [line.split(': ')[1] for line in output.splitlines() if line.startswith('object.o: ')]
            right = status == 2 if expected is None else found == expected.split() and status == bool(found)
            tap.result(name, '' if right else f'status {status}\n{output}')
    if tap.wanted('sequences are PERCPU__GOTO'):
        tap.check('sequences are PERCPU__GOTO', check_sequences)
    return tap.end()


if __name__ == '__main__':
    sys.exit(main())
