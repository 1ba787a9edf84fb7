#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every restartable sequence in the code is in the table, and nothing else is. TAP.

usage: table.py TARGET gcc|clang

Links sites.c in the ways that move, copy and drop code. Then each entry must be one sequence of the
disassembly: it begins before a read of the per-CPU register, contains no other, and ends after a store.
There must be as many reads in the code as entries; entries must be in order and apart. With --gc-sections
the one function that nothing uses must be gone, where the linker can know.
"""
import re
import shutil
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
FLAGS = ('-ffreestanding -fno-pic -fno-pie -fno-stack-protector -fno-asynchronous-unwind-tables '
         '-Wall -Wextra -Werror -DPERCPU_PLATFORM_BARE -DPERCPU_RESTART')
A64 = '-mgeneral-regs-only -mstrict-align -mno-outline-atomics'
ARM = '-march=armv7-a -mfloat-abi=soft -mno-unaligned-access'
RV64 = '-march=rv64imac_zicsr_zifencei -mabi=lp64 -mcmodel=medany'
RV32 = '-march=rv32imac_zicsr_zifencei -mabi=ilp32 -mcmodel=medany -DPERCPU_RISCV_M_MODE'
RISCV = (r'^(c\.)?add\s.*\bgp$', r'^(c\.)?s[bhwd]\s')

# Compilers, GNU ld, load address, how the register is read, how a sequence commits, in the words of
# llvm-objdump. arm twice: A32 and T32.
TARGETS = {
    'aarch64': ({'gcc': f'aarch64-linux-gnu-gcc {A64}', 'clang': f'clang-19 --target=aarch64-none-elf {A64}'},
                'aarch64-linux-gnu-ld', 0x40200000, (r'^mrs\s.*tpidr_el1', r'^str[bh]?\s')),
    'arm': ({'gcc': f'arm-none-eabi-gcc -marm {ARM}',
             'clang': f'clang-19 --target=armv7a-none-eabi -mthumb {ARM}'},
            'arm-none-eabi-ld', 0x40200000, (r'^mrc\s+p15, #0x0, \w+, c13, c0, #0x3', r'^str(|b|h|exd)(\.w)?\s')),
    'riscv64': ({'gcc': f'riscv64-linux-gnu-gcc {RV64}', 'clang': f'clang-19 --target=riscv64-none-elf {RV64}'},
                'riscv64-linux-gnu-ld -m elf64lriscv', 0x80200000, RISCV),
    'riscv32': ({'gcc': f'riscv64-linux-gnu-gcc {RV32}', 'clang': f'clang-19 --target=riscv32-none-elf {RV32}'},
                'riscv64-linux-gnu-ld -m elf32lriscv', 0x80000000, RISCV),
    'loongarch64': ({'clang': 'clang-19 --target=loongarch64-none-gnusf -msoft-float'},
                    None, 0x200000, (r'^ldx?\..*\$r21$', r'^stx?\.')),
}
LLD = 'ld.lld-19'
# What arm's ARMv7-A is, objects do not say; other architectures ignore it.
DISASSEMBLE = ['llvm-objdump-19', '-d', '--no-show-raw-insn', '--print-imm-hex', '--mattr=+v7']

# How it is compiled, how it is linked, by which compilers and linkers, and whether never() goes. GNU ld
# keeps what a section has whose bounds are used, unless it is told.
SECTIONS, GC, GC_TABLE = '-ffunction-sections', '--gc-sections', '--gc-sections -z start-stop-gc'
BOTH, LINKERS = ('gcc', 'clang'), ('bfd', 'lld')
WAYS = (
    ('-O2', '', BOTH, LINKERS, False),
    (f'-O2 {SECTIONS}', '', BOTH, LINKERS, False),
    (f'-O2 {SECTIONS}', GC, BOTH, ('bfd',), False),
    (f'-O2 {SECTIONS}', GC, BOTH, ('lld',), True),
    (f'-O2 {SECTIONS}', GC_TABLE, BOTH, ('bfd',), True),
    (f'-O0 {SECTIONS}', GC_TABLE, BOTH, LINKERS, True),
    (f'-O3 -funroll-loops {SECTIONS}', GC_TABLE, BOTH, LINKERS, True),
    (f'-Os {SECTIONS}', GC_TABLE, BOTH, LINKERS, True),
    (f'-O2 {SECTIONS} -flto', GC_TABLE, ('gcc',), ('bfd',), True),
    (f'-O2 {SECTIONS} -flto -flto-partition=max', GC_TABLE, ('gcc',), ('bfd',), True),
    (f'-O2 {SECTIONS} -flto', GC, ('clang',), ('lld',), True),
    (f'-O2 {SECTIONS} -flto=thin', GC, ('clang',), ('lld',), True),
    (f'-O2 {SECTIONS} -x c++', GC_TABLE, ('clang',), LINKERS, True),
    (f'-O3 {SECTIONS} -flto -x c++', GC, ('clang',), ('lld',), True),
)
# The table is an orphan, or as docs/restart.md shows it: in turns.
SCRIPTS = ('', 'percpu_restart : { *(percpu_restart) }')
SCRIPT = '''
ENTRY(_start)
SECTIONS
{
    . = %#x;
    .text : { *(.text.elsewhere) *(.text .text.*) }
    .rodata : { *(.rodata .rodata.* .srodata .srodata.*) BYTE(1) }
    %s
    .data : { *(.data .data.* .sdata .sdata.* .got .got.*) }
    PERCPU_CPU_NUM = 4;
    PERCPU_LMA_OFFSET = 0;
    INCLUDE percpu.ld
    .bss : { *(.bss .bss.* .sbss .sbss.*) }
    /DISCARD/ : { *(.eh_frame .note.* .comment .ARM.*) }
}
'''


class Failure(Exception):
    pass


def run(command):
    if shutil.which(command[0]) is None:
        raise Failure(f'{command[0]} is not installed')
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        raise Failure(f'{" ".join(map(str, command))}\n{done.stdout}')
    return done.stdout


def build(compiler, linker, flags, link, script, work):
    """-> the linked image. GCC's LTO needs its driver; its objects go to the linker otherwise."""
    objects = [work / 'first.o', work / 'second.o', work / 'restart.o']
    sources = [[HERE / 'sites.c', '-DFIRST'], [HERE / 'sites.c'], [ROOT / 'src' / 'restart.c']]
    for obj, (source, *define) in zip(objects, sources):
        words = flags if obj != objects[2] else flags.replace('-x c++', '')
        run(compiler.split() + FLAGS.split() + words.split()
            + ['-std=gnu++17' if '-x c++' in words else '-std=gnu17', f'-I{ROOT}/include', *define,
               '-c', '-o', obj, source])
    (work / 'script').write_text(script)
    image = work / 'image'
    options = ['-nostdlib', '-static', f'-L{ROOT}/ld', '-T', work / 'script', '-o', image]
    if 'gcc' in compiler and '-flto' in flags:
        emulation = linker.split()[1:]
        run(compiler.split() + flags.split() + ['-Wl,' + ','.join(link.split()), '-Wl,--build-id=none']
            + (['-Wl,' + ','.join(emulation)] if emulation else []) + options + objects)
    else:
        run(linker.split() + link.split() + options + objects)
    return image


def sections(image):
    """Name, type, address and content of each section."""
    data = image.read_bytes()
    wide = data[4] == 2
    shoff, = struct.unpack_from('<Q' if wide else '<I', data, 40 if wide else 32)
    size, count, names = struct.unpack_from('<HHH', data, 58 if wide else 46)
    headers = [struct.unpack_from('<IIQQQQ' if wide else '<6I', data, shoff + i * size)
               for i in range(count)]
    for name, kind, _, address, offset, length in headers:
        at = headers[names][4] + name
        yield data[at:data.index(b'\0', at)].decode(), kind, address, data[offset:offset + length]


def table(image):
    """The entries as pairs of addresses, in their order, and whether they are aligned."""
    entries, aligned = [], True
    for name, _, address, content in sections(image):
        if name != 'percpu_restart':
            continue
        aligned = address % 4 == 0
        for i in range(0, len(content), 8):
            begin, end = struct.unpack_from('<ii', content, i)
            entries.append(((address + i + begin) & ~1, (address + i + 4 + end) & ~1))
    return entries, aligned


def code(image):
    """Address and text of each instruction."""
    text = run(DISASSEMBLE + [image])
    found = re.findall(r'^\s*([0-9a-f]+):\s+(\S.*?)\s*$', text, re.MULTILINE)
    return [(int(address, 16), re.sub(r'\s+', ' ', words)) for address, words in found]


def functions(image):
    return re.findall(r'^[0-9a-f]+ <(\w+)>:$', run(DISASSEMBLE + [image]), re.MULTILINE)


def check(image, patterns, dropped):
    """-> number of entries, and what is wrong."""
    wrong, (entries, aligned), instructions = [], table(image), code(image)
    if not aligned:
        wrong.append('the table is not aligned')
    reads = [a for a, text in instructions if re.search(patterns[0], text, re.IGNORECASE)]
    for i, (begin, end) in enumerate(entries):
        body = [(a, text) for a, text in instructions if begin <= a < end]
        if i and begin < entries[i - 1][1]:
            wrong.append(f'entry {i}: not after the one before it')
        if sum(begin <= a < end for a in reads) != 1:
            wrong.append(f'entry {i}: not one read of the register')
        if not body or not re.search(patterns[1], body[-1][1]) and body[-1][0] not in reads:
            wrong.append(f'entry {i}: does not end with a store')
        if wrong:
            wrong += [f'    {a:#x} {text}' for a, text in body]
            break
    if not entries:
        wrong.append('the table is empty')
    if ('never' in functions(image)) == dropped:
        wrong.append('never() is ' + ('still there' if dropped else 'gone'))
    if len(entries) != len(reads):
        wrong.append(f'{len(reads)} sequences in the code, {len(entries)} in the table')
    return len(entries), wrong


def main():
    if len(sys.argv) != 3 or sys.argv[1] not in TARGETS:
        sys.exit(__doc__)
    target, cc = sys.argv[1:]
    compilers, bfd, load, patterns = TARGETS[target]
    n = failed = 0
    for flags, link, ccs, linkers, dropped in WAYS:
        for ld in linkers:
            # Unoptimised code for riscv32 contains 8-byte updates, which are none.
            if cc not in ccs or ld == 'bfd' and bfd is None or target == 'riscv32' and '-O0' in flags:
                continue
            script, n, count = SCRIPT % (load, SCRIPTS[n % 2]), n + 1, 0
            with tempfile.TemporaryDirectory() as work:
                try:
                    image = build(compilers[cc], bfd if ld == 'bfd' else LLD, flags, link, script,
                                  Path(work))
                    count, wrong = check(image, patterns, dropped)
                except Failure as failure:
                    wrong = [str(failure)]
            print(f'{"not ok" if wrong else "ok"} {n} - {target}, {ld}, {flags} {link}: {count} sequences')
            for text in '\n'.join(wrong).splitlines():
                print(f'# {text}')
            failed += bool(wrong)
    print(f'1..{n}')
    print(f'# end: {n - failed} passed, {failed} failed')
    return failed != 0


if __name__ == '__main__':
    sys.exit(main())
