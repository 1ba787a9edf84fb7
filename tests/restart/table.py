#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every restartable sequence in the code is in the table, and nothing else is. TAP.

usage: table.py TARGET gcc|clang [PART...]     parts: ways lost taken far oldest; default: all

Links sites.c in the ways that move, copy, merge and drop code. Then each entry must be one sequence of
the disassembly: it begins before a read of the per-CPU register, contains no other, and ends after a
store; entries must be apart. There must be as many reads in the code as entries, apart from those of
one byte that src/restart.c has for itself. With --gc-sections the one function that nothing uses must
be gone, where the linker can know. Links that lose entries must fail, and say why, or at least
tools/percpu-image.py does.
"""
import re
import shutil
import struct
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from tools import (  # noqa: E402
    A64, ARM, CROSS, FREESTANDING, ROOT, Failure, Tap, compilers, needs, run, said, workspace)

FLAGS = f'{FREESTANDING} -Wall -Wextra -Werror -DPERCPU_PLATFORM_BARE -DPERCPU_RESTART'
RV64 = '-march=rv64imac_zicsr_zifencei -mabi=lp64 -mcmodel=medany'
RV32 = '-march=rv32imac_zicsr_zifencei -mabi=ilp32 -mcmodel=medany -DPERCPU_RISCV_M_MODE'
RISCV = (r'^(c\.)?add\s.*\bgp$', r'^(c\.)?s[bhwd]\s')

# Compilers, GNU ld, load address, how the register is read, how a sequence commits, in the words of
# llvm-objdump. arm twice: A32 and T32.
TARGETS = {
    'aarch64': (compilers('aarch64', A64), CROSS['aarch64'][2], 0x40200000,
                (r'^mrs\s.*tpidr_el1', r'^str[bh]?\s')),
    'arm': ({'gcc': f'arm-none-eabi-gcc -marm {ARM}', 'clang': f'clang --target=armv7a-none-eabi -mthumb {ARM}'},
            CROSS['arm'][2], 0x40200000,
            (r'^mrc\s+p15, #0x0, \w+, c13, c0, #0x3', r'^str(|b|h|exd)(\.w)?\s')),
    'riscv64': (compilers('riscv64', RV64), CROSS['riscv64'][2], 0x80200000, RISCV),
    'riscv32': (compilers('riscv32', RV32), CROSS['riscv32'][2], 0x80000000, RISCV),
    'loongarch64': ({'clang': 'clang --target=loongarch64-none-gnusf -msoft-float'},
                    None, 0x200000, (r'^ldx?\..*\$r21$', r'^stx?\.')),
}
LLD = 'ld.lld'
# What arm's ARMv7-A is, objects do not say; other architectures ignore it.
DISASSEMBLE = ['llvm-objdump', '-d', '--no-show-raw-insn', '--print-imm-hex', '--mattr=+v7']

# How it is compiled, how it is linked, by which compilers and linkers, whether never() goes, and which
# linker makes one file of the two before that by -r: both sources' entries are one section then, which
# keeps never(). GNU ld keeps what a section has whose bounds are used, unless it is told.
SECTIONS, GC, GC_TABLE = '-ffunction-sections', '--gc-sections', '--gc-sections -z start-stop-gc'
ORDER = '--symbol-ordering-file=order --no-warn-symbol-ordering'
BOTH, LINKERS = ('gcc', 'clang'), ('bfd', 'lld')
WAYS = (
    ('-O2', '', BOTH, LINKERS, False, None),
    (f'-O2 {SECTIONS}', GC, BOTH, ('bfd',), False, None),
    (f'-O2 {SECTIONS}', GC, BOTH, ('lld',), True, None),
    (f'-O2 {SECTIONS}', GC_TABLE, BOTH, ('bfd',), True, None),
    (f'-O0 {SECTIONS}', GC_TABLE, BOTH, LINKERS, True, None),
    (f'-O3 -funroll-loops {SECTIONS}', GC_TABLE, BOTH, LINKERS, True, None),
    (f'-Os {SECTIONS}', f'{GC} --icf=all {ORDER}', BOTH, ('lld',), True, None),
    (f'-O2 {SECTIONS}', GC_TABLE, BOTH, LINKERS, False, 'bfd'),
    (f'-O2 {SECTIONS}', GC_TABLE, BOTH, LINKERS, False, 'lld'),
    ('-O2', GC, BOTH, LINKERS, False, 'bfd'),
    (f'-Os {SECTIONS}', f'{GC} --icf=all {ORDER}', BOTH, ('lld',), False, 'bfd'),
    (f'-O2 {SECTIONS} -flto', GC_TABLE, ('gcc',), ('bfd',), True, None),
    (f'-O2 {SECTIONS} -flto -flto-partition=max', GC_TABLE, ('gcc',), ('bfd',), True, None),
    (f'-O2 {SECTIONS} -flto', GC, ('clang',), ('lld',), True, None),
    (f'-O2 {SECTIONS} -flto=thin', GC, ('clang',), ('lld',), True, None),
    (f'-O2 {SECTIONS} -x c++', GC_TABLE, ('clang',), LINKERS, True, None),
    (f'-O2 {SECTIONS} -x c++', GC_TABLE, ('clang',), LINKERS, False, 'bfd'),
    (f'-O3 {SECTIONS} -flto -x c++', GC, ('clang',), ('lld',), True, None),
)
# What --symbol-ordering-file wants: another order than the sources'.
REORDERED = ('elsewhere', 'second', 'alike', 'rarely', '_start')
# The table is an orphan, or as docs/restart.md shows it: in turns.
SCRIPTS = ('', 'percpu_restart : { *(percpu_restart) }')
# Links that lose entries, or code of theirs: what the script says of it, options, linkers, and what they must say.
LOST = (
    ('/DISCARD/ : { *(percpu_restart) }', '', LINKERS),
    ('/DISCARD/ : { *second.o(percpu_restart) }', '', ('bfd',)),
    ('', '--orphan-handling=discard', ('bfd',)),
    ('.init : { *(percpu_restart) }', '', LINKERS),
    ('/DISCARD/ : { *(.exit.text) }', '', LINKERS),  # at_exit(), which has an entry
)
LOST_MESSAGES = (r'undefined (hidden )?(symbol:|reference to) `?__start_percpu_restart'
                 r'|discarded section:? `?(percpu_restart|\.exit\.text|\.Lpercpu_)')
# Scripts that take entries out of the table, linkers, and what must be said: by the linker, or by the tool.
TAKEN = (
    ('.boot : { *second.o(*) }', ('lld',), 'section type mismatch for '),
    ('.boot : { *second.o(*) }', ('bfd',), r'sequences in \.boot, not in their table: {n}:'),
    ('.boot : { *second.o(percpu_restart) }', LINKERS, r'sequences in \.boot, not in their table: {n}:'),
    ('.data.first : { *(.bss.order .bss) BOUNDS }', ('lld',), 'section type mismatch for '),
    ('.data.first : { *(.bss.order .bss) BOUNDS }', ('bfd',), ''),  # right, where there are bounds
    ('.data.first : { BOUNDS }', LINKERS, ''),
)
BOUNDS = '__start_percpu_restart = .; *(percpu_restart) __stop_percpu_restart = .;'
IMAGE = ROOT / 'tools' / 'percpu-image.py'
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
    %s
}
'''
# Sequences that are written by hand, further from the table than 32 bits reach.
FAR = '''
#include <percpu/asm.h>
    .section .far, "ax"
    .globl far
begin:
    nop
far:
    nop
end:
    PERCPU_RESTART_SEQUENCE begin, end
    PERCPU_RESTART_SEQUENCE end, last
    nop
last:
'''


def objects_of(compiler, flags, work):
    """The objects, compiled into `work` unless they are there."""
    objects = [work / 'first.o', work / 'second.o', work / 'restart.o']
    sources = [[HERE / 'sites.c', '-DFIRST'], [HERE / 'sites.c'], [ROOT / 'src' / 'restart.c']]
    if '-O0' in flags:
        objects.append(work / 'calls.o')
        sources.append([ROOT / 'src' / 'calls.c'])
    for obj, (source, *define) in zip(objects, sources):
        words = flags if obj in objects[:2] else flags.replace('-x c++', '')
        if not obj.exists():
            work.mkdir(exist_ok=True)
            run(compiler.split() + FLAGS.split() + words.split()
                + ['-std=gnu++17' if '-x c++' in words else '-std=gnu17', f'-I{ROOT}/include', *define,
                   '-c', '-o', obj, source])
    return objects


def build(compiler, linkers, ld, flags, link, script, work, objects, relocatable=None, more=()):
    """-> the linked image. GCC's LTO needs its driver; its objects go to the linker otherwise."""
    if relocatable:
        merged = work / 'merged.o'
        run(linkers[relocatable].split() + ['-r', '-o', merged] + objects[:2])
        if relocatable == 'lld':  # as build systems do with modules
            run(['llvm-strip', '--strip-unneeded', merged])
        objects = [merged] + objects[2:]
    (work / 'script').write_text(script)
    (work / 'order').write_text('\n'.join(REORDERED) + '\n')
    link, image = link.replace('=order', f'={work}/order'), work / 'image'
    options = ['-nostdlib', '-static', f'-L{ROOT}/ld', '-T', work / 'script', '-o', image]
    if 'gcc' in compiler and '-flto' in flags:
        emulation = linkers[ld].split()[1:]
        run(compiler.split() + flags.split() + ['-Wl,' + ','.join(link.split()), '-Wl,--build-id=none']
            + (['-Wl,' + ','.join(emulation)] if emulation else []) + options + objects)
    else:
        run(linkers[ld].split() + link.split() + options + objects + list(more))
    return image


def word_of(image):
    """Bytes of an address."""
    return 8 if image.read_bytes()[4] == 2 else 4


def sections(image):
    """Name, type, address and content of each section."""
    data, wide = image.read_bytes(), word_of(image) == 8
    shoff, = struct.unpack_from('<Q' if wide else '<I', data, 40 if wide else 32)
    size, count, names = struct.unpack_from('<HHH', data, 58 if wide else 46)
    headers = [struct.unpack_from('<IIQQQQ' if wide else '<6I', data, shoff + i * size)
               for i in range(count)]
    for name, kind, _, address, offset, length in headers:
        at = headers[names][4] + name
        yield data[at:data.index(b'\0', at)].decode(), kind, address, data[offset:offset + length]


def table(image):
    """The entries as pairs of addresses, sorted as at start-up, those of restart.c, and are they aligned?"""
    entries, own, aligned, word = [], [], True, word_of(image)
    for name, _, address, content in sections(image):
        if name != 'percpu_restart':
            continue
        aligned = address % word == 0
        for i in range(0, len(content), 2 * word):
            begin, end = struct.unpack_from('<qq' if word == 8 else '<ii', content, i)
            begin, end = address + i + begin, address + i + word + end
            if end == begin + 1:
                own.append(begin)
            else:
                entries.append((begin & ~1, end & ~1))
    return sorted(entries), own, aligned


def disassemble(image):
    """Address and text of each instruction; name and address of each function."""
    text = run(DISASSEMBLE + [image])
    found = re.findall(r'^\s*([0-9a-f]+):\s+(\S.*?)\s*$', text, re.MULTILINE)
    return ([(int(address, 16), re.sub(r'\s+', ' ', words)) for address, words in found],
            [(name, int(address, 16)) for address, name in re.findall(r'^([0-9a-f]+) <(\w+)>:$', text, re.MULTILINE)])


def code(image):
    return disassemble(image)[0]


def image_says(image):
    """What the tool for linked kernels says."""
    output, status = said([sys.executable, IMAGE, image])
    return output.splitlines() or (['it fails, and says nothing'] if status else [])


def check(image, patterns, dropped, link=''):
    """-> number of entries, and what is wrong."""
    wrong, (entries, own, aligned), (instructions, functions) = [], table(image), disassemble(image)
    if not aligned:
        wrong.append('the table is not aligned')
    # The sequence of percpu_restart_selftest() waits to be restarted: it neither reads the register nor commits.
    names = [name for name, _ in functions]
    first = dict(functions).get('percpu_restart_selftest', 0)
    end_of = min((a for _, a in functions if a > first), default=1 << 64)
    entries = [(begin, end) for begin, end in entries if not (first and first <= begin < end_of)]
    reads = [a for a, text in instructions if re.search(patterns[0], text, re.IGNORECASE)]
    for i, (begin, end) in enumerate(entries):
        body = [(a, text) for a, text in instructions if begin <= a < end]
        if i and begin < entries[i - 1][1]:
            wrong.append(f'entry {i}: not apart from the one before it')
        if sum(begin <= a < end for a in reads) != 1:
            wrong.append(f'entry {i}: not one read of the register')
        if not body or not re.search(patterns[1], body[-1][1]) and body[-1][0] not in reads:
            wrong.append(f'entry {i}: does not end with a store')
        if wrong:
            wrong += [f'    {a:#x} {text}' for a, text in body]
            break
    if not entries:
        wrong.append('the table is empty')
    if not own:
        wrong.append("no entry of restart.c's own")
    if '--icf' in link and names.count('alike') != 2:
        wrong.append('functions with sequences were folded')
    if ('never' in names) == dropped:
        wrong.append('never() is ' + ('still there' if dropped else 'gone'))
    if len(entries) != len(reads):
        wrong.append(f'{len(reads)} sequences in the code, {len(entries)} in the table')
    wrong += image_says(image)
    return len(entries), wrong


def far(image):
    """-> what is wrong with the entries of FAR."""
    at = next(address for name, _, address, _ in sections(image) if name == '.far')
    entries = [(begin - at, end - at) for begin, end in table(image)[0] if begin >= at]
    return [] if entries in ([(0, 8), (8, 12)], [(0, 4), (4, 6)]) else [f'entries: {entries}']


class Tests(Tap):
    def __init__(self, target, cc, work):
        super().__init__()
        commands, bfd, self.load, self.patterns = TARGETS[target]
        self.compiler, self.target, self.cc, self.work = commands[cc], target, cc, work
        self.linkers = {'lld': LLD} | ({'bfd': bfd} if bfd else {})

    def report(self, title, wrong):
        self.result(f'{self.target}, {title}', wrong)

    def link(self, ld, flags, link, *scripts, dropped=False, judge=None, **how):
        """-> number of sequences, and what is wrong."""
        judge = judge or (lambda image: check(image, self.patterns, dropped, link))
        script = SCRIPT % (self.load, *(scripts + ('', ''))[:2])
        try:
            objects = objects_of(self.compiler, flags, self.work / str(hash(flags)))
            image = build(self.compiler, self.linkers, ld, flags, link, script, self.work, objects, **how)
            return judge(image)
        except Failure as failure:
            return 0, [str(failure)]

    def ways(self):
        for flags, link, ccs, lds, dropped, relocatable in WAYS:
            for ld in lds:
                # Unoptimised code for riscv32 contains 8-byte updates, which are none.
                if (self.cc not in ccs or ld not in self.linkers or relocatable not in {None, *self.linkers}
                        or self.target == 'riscv32' and '-O0' in flags):
                    continue
                count, wrong = self.link(ld, flags, link, SCRIPTS[self.n % 2], dropped=dropped,
                                         relocatable=relocatable)
                after = f' after {relocatable} -r' if relocatable else ''
                self.report(f'{ld}, {flags} {link}{after}', wrong)
                print(f'# {count} sequences')

    def lost(self):
        for script, link, lds in LOST:
            for ld in lds:
                if ld not in self.linkers:
                    continue
                _, wrong = self.link(ld, f'-O2 {SECTIONS}', link, script)
                refused = any(re.search(LOST_MESSAGES, text) for text in wrong)
                self.report(f'{ld}, {script or link}: does not link', [] if refused else ['it links'] + wrong)

    def taken(self):
        for script, lds, message in TAKEN:
            for ld in lds:
                if ld not in self.linkers:
                    continue
                flags = f'-O2 {SECTIONS}'
                _, wrong = self.link(ld, flags, '', script.replace('BOUNDS', BOUNDS),
                                     judge=lambda image: (0, image_says(image)))
                second = code(self.work / str(hash(flags)) / 'second.o')
                sequences = sum(bool(re.search(self.patterns[0], text, re.IGNORECASE)) for _, text in second)
                message = message.format(n=sequences)
                said = any(re.search(message, text) for text in wrong) if message else not wrong
                self.report(f'{ld}, {script}: {"it is said" if message else "nothing is"}',
                            [] if said else [f'it does not say: {message}'] + wrong)

    def far(self):
        source, obj = self.work / 'far.S', self.work / 'far.o'
        source.write_text(FAR)
        away = '' if self.target in ('arm', 'riscv32') else '. = 0x7f00000000;'
        for ld in self.linkers:
            try:
                run(self.compiler.split() + FLAGS.split() + [f'-I{ROOT}/include', '-c', '-o', obj, source])
                _, wrong = self.link(ld, f'-O2 {SECTIONS}', GC + ' -u far', '',
                                     away + '.far : { *(.far) }', more=[obj],
                                     judge=lambda image: (2, far(image)))
            except Failure as failure:
                wrong = [str(failure)]
            self.report(f'{ld}, sequences written by hand, far away', wrong)
            try:
                _, wrong = self.link(ld, f'-O2 {SECTIONS}', '', '.boot : { *far.o(percpu_restart) }', more=[obj],
                                     judge=lambda image: (2, image_says(image)))
            except Failure as failure:
                wrong = [str(failure)]
            said = len(wrong) == 1 and 'sequences in .boot, not in their table: 2:' in wrong[0]
            self.report(f'{ld}, sequences written by hand, not in the table: it is said',
                        [] if said else ['not so'] + wrong)

    def oldest(self):
        """The oldest clang that is supported, and has the target."""
        if self.cc != 'clang' or self.target == 'loongarch64' or not shutil.which('clang-14'):
            return
        newer, self.compiler = self.compiler, self.compiler.replace('clang ', 'clang-14 ', 1)
        self.compiler = self.compiler.replace('_zicsr_zifencei', '')
        for relocatable in (None, 'lld'):
            _, wrong = self.link('lld', f'-Os {SECTIONS}', GC, dropped=not relocatable, relocatable=relocatable)
            self.report('clang 14' + (' after lld -r' if relocatable else ''), wrong)
        self.compiler = newer


PARTS = ('ways', 'lost', 'taken', 'far', 'oldest')


def main():
    if len(sys.argv) < 3 or sys.argv[1] not in TARGETS or not set(sys.argv[3:]) <= set(PARTS):
        sys.exit(__doc__)
    commands, bfd, _, _ = TARGETS[sys.argv[1]]
    needs(commands[sys.argv[2]], LLD, DISASSEMBLE[0], *([bfd] if bfd else []))
    with workspace() as work:
        tests = Tests(*sys.argv[1:3], work)
        for part in sys.argv[3:] or PARTS:
            getattr(tests, part)()
    return tests.end()


if __name__ == '__main__':
    sys.exit(main())
