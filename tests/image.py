#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tools/percpu-image.py on made-up images of 32 and 64 bits: what it says, and of what it says nothing.
TAP.

usage: image.py [TEST...]     default: all
"""
import struct
import sys

from tools import ROOT, Tap, said, workspace

PROGBITS, SYMTAB, STRTAB, NOBITS, ALLOC = 1, 2, 3, 8, 2
LOAD, DYNAMIC, INTERP, NOTE, TLS, STACK = 1, 2, 3, 4, 7, 0x6474e551
UNDEFINED, ABSOLUTE = 0, 0xfff1

# Each is its start in memory and in the file, and its size there.
SECTIONS = {
    '.text': (PROGBITS, ALLOC, 0x10000, 0x1000, 0x100),
    'percpu_restart': (PROGBITS, ALLOC, 0x10100, 0x1100, 0x40),
    '.data': (PROGBITS, ALLOC, 0x10140, 0x1140, 0xc0),
    '.percpu': (PROGBITS, ALLOC, 0x10200, 0x1200, 0x200),
    '.percpu_areas': (NOBITS, ALLOC, 0x10400, 0x1400, 0x800),
    '.bss': (NOBITS, ALLOC, 0x10c00, 0x1400, 0x100),
    '.comment': (PROGBITS, 0, 0, 0x1400, 0x20),
}
# Kind, start in the file and in memory, size in the file and in memory.
SEGMENTS = [(LOAD, 0x1000, 0x10000, 0x400, 0xd00), (NOTE, 0x1000, 0x10000, 0x10, 0x10),
            (STACK, 0x1000, 0x10000, 0x400, 0xd00)]
SYMBOLS = [('__start_percpu_restart', 'percpu_restart', 0x10100), ('__stop_percpu_restart', 'percpu_restart', 0x10140),
           ('percpu__entry0', 'percpu_restart', 0x10100), ('percpu__entry12', 'percpu_restart', 0x10138),
           ('__PERCPU_first', '.percpu', 0x10200), ('__PERCPU_elsewhere', UNDEFINED, 0),
           ('__PERCPU_number', ABSOLUTE, 5), ('other', '.data', 0x10140), ('percpu__entry_none', UNDEFINED, 0)]
# The template at VMA 0, in a segment of its own.
ZERO_SECTIONS = {**SECTIONS, '.percpu': (PROGBITS, ALLOC, 0, 0x1200, 0x200),
                 '.empty': (PROGBITS, ALLOC, 0x100, 0x1300, 0), '.debug': (NOBITS, 0, 0, 0, 0x10)}
ZERO_SEGMENTS = [(LOAD, 0x1000, 0x10000, 0x200, 0x200), (LOAD, 0x1200, 0, 0x200, 0x200),
                 (LOAD, 0x1400, 0x10400, 0, 0x900)]


def elf(wide, sections, segments, symbols, endian=1):
    names, strings, table = b'\0', b'\0', [(0, 0, 0, 0)]
    order = [*sections, '.symtab', '.strtab', '.shstrtab']
    for name, where, value in symbols:
        table.append((len(strings), order.index(where) + 1 if isinstance(where, str) else where, value, 1))
        strings += name.encode() + b'\0'
    packed = b''.join(struct.pack('<IBBHQQ', name, 0, 0, index, value, size) if wide else
                      struct.pack('<IIIBBH', name, value, size, 0, 0, index) for name, index, value, size in table)
    offsets = []
    for name in order:
        offsets.append(len(names))
        names += name.encode() + b'\0'
    header, phsize, shsize = (64, 56, 64) if wide else (52, 32, 40)
    at = header + phsize * len(segments)
    rows = [(0, 0, 0, 0, 0, 0)] + [(*row, 0) for row in sections.values()]
    for kind, content, link in ((SYMTAB, packed, len(order) - 1), (STRTAB, strings, 0), (STRTAB, names, 0)):
        rows.append((kind, 0, 0, at, len(content), link))
        at += len(content)
    data = b'\x7fELF' + bytes([2 if wide else 1, endian, 1]) + bytes(9)
    data += struct.pack('<HHIQQQIHHHHHH' if wide else '<HHIIIIIHHHHHH', 2, 0, 1, 0, header, at, 0, header, phsize,
                        len(segments), shsize, len(rows), len(rows) - 1)
    for kind, offset, vaddr, filesz, memsz in segments:
        data += struct.pack('<IIQQQQQQ', kind, 0, offset, vaddr, vaddr, filesz, memsz, 0) if wide else \
            struct.pack('<IIIIIIII', kind, offset, vaddr, vaddr, filesz, memsz, 0, 0)
    data += packed + strings + names
    for name, (kind, flags, addr, offset, size, link) in zip([0, *offsets], rows):
        data += struct.pack('<IIQQQQIIQQ' if wide else '<10I', name, kind, flags, addr, offset, size, link,
                            0, 0, 0)
    return data


class Tests(Tap):
    def __init__(self, work, names):
        super().__init__(names)
        self.file = work / 'image'

    def report(self, name, right, text):
        self.result(name, '' if right else text or 'it says nothing')

    def tool(self, data):
        self.file.write_bytes(data)
        return said([sys.executable, ROOT / 'tools/percpu-image.py', self.file])

    def says(self, title, *texts, zero=False, move=(), segments=None, symbols=(), without=None):
        """Exactly these lines, of an image with other sections, segments and more symbols; or nothing."""
        for wide in (True, False):
            name = f'{title}, {64 if wide else 32} bits'
            if not self.wanted(name):
                continue
            sections = {**(ZERO_SECTIONS if zero else SECTIONS), **dict(move)}
            if segments is None:
                segments = ZERO_SEGMENTS if zero else SEGMENTS
            known = [symbol for symbol in (*SYMBOLS, *symbols) if symbol[0] != without]
            text, status = self.tool(elf(wide, sections, segments, known))
            lines = sorted(line.split(': ', 1)[-1] for line in text.splitlines())
            right = len(lines) == len(texts) and status == bool(texts) and \
                all(line.startswith(text) for line, text in zip(lines, sorted(texts)))
            self.report(name, right, f'status {status}\n{text}')

    def refuses(self, name, data, expected):
        if self.wanted(name):
            text, status = self.tool(data)
            self.report(name, status == 1 and expected in text and 'Traceback' not in text, text)


def all_tests(test):
    load, *others = SEGMENTS
    kind, offset, vaddr, filesz, memsz = load
    none = '{} is in 0 segments that are loaded'

    test.says('nothing is wrong')
    test.says('nothing is wrong at VMA 0', zero=True)
    test.says('no areas', move={'.percpu_areas': (NOBITS, ALLOC, 0x90000, 0x1400, 0)})
    test.says('more bytes than memory', 'a segment has more bytes in the file than in memory',
              segments=[load, (LOAD, 0x1400, 0x20000, 0x20, 0x1f)])
    test.says('as many bytes as memory', segments=[load, (LOAD, 0x1400, 0x20000, 0x20, 0x20)])
    test.says('no segment', none.format('.percpu'), none.format('.percpu_areas'), segments=others)
    test.says('two segments', '.percpu is in 2 segments that are loaded',
              segments=[load, (LOAD, 0x1200, 0x10200, 0x200, 0x200)])
    test.says('the last byte is not in the file', none.format('.percpu'),
              segments=[(kind, offset, vaddr, 0x3ff, memsz)])
    test.says('other bytes of the file', none.format('.percpu'),
              move={'.percpu': (PROGBITS, ALLOC, 0x10200, 0x1208, 0x1f0)})
    test.says('the last byte is not in memory', none.format('.percpu_areas'),
              segments=[(kind, offset, vaddr, filesz, 0xbff)])
    test.says('it ends with the segment', segments=[(kind, offset, vaddr, filesz, 0xc00)])
    test.says('it begins before the segment', none.format('.percpu_areas'),
              segments=[(kind, offset, vaddr, filesz, filesz), (LOAD, 0x1401, 0x10401, 0, 0x8ff)])
    for name, other in (('DYNAMIC', DYNAMIC), ('INTERP', INTERP), ('NOTE', NOTE), ('TLS', TLS)):
        test.says(f'in PT_{name}', f'.percpu is in the PT_{name} segment, too',
                  f'.percpu_areas is in the PT_{name} segment, too',
                  segments=[load, (other, offset, vaddr, filesz, memsz)])
    test.says('a variable elsewhere', 'variable lost is in .data, not in .percpu',
              symbols=[('__PERCPU_lost', '.data', 0x10140)])
    taken = 'entries of restartable sequences in {}, not in their table: {}: '
    test.says('entries elsewhere', taken.format('.data', 2), taken.format('.text', 1),
              symbols=[('percpu__entry3', '.data', 0x10140), ('percpu__entry4', '.data', 0x10150),
                       ('percpu__entry5', '.text', 0x100f0)])
    test.says('no table', taken.format('percpu_restart', 2), without='__stop_percpu_restart')
    test.says('something else in the segment at VMA 0', ".data is at 0x140, in the template's segment", zero=True,
              move={'.data': (PROGBITS, ALLOC, 0x140, 0x1340, 0xc0)})
    good = elf(True, SECTIONS, SEGMENTS, SYMBOLS)
    test.refuses('a big-endian file', elf(True, SECTIONS, SEGMENTS, SYMBOLS, endian=2), 'not a little-endian one')
    test.refuses('no ELF file', b'MZ' + good[2:], 'not an ELF file')


def main():
    with workspace() as work:
        tests = Tests(work, sys.argv[1:])
        all_tests(tests)
    return tests.end()


if __name__ == '__main__':
    sys.exit(main())
