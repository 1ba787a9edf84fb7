#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Check where a linked kernel's per-CPU sections are: what no linker script can ask.

usage: percpu-image.py IMAGE

The template, .percpu, has to be in one segment that is loaded, with its bytes, and in none of
another kind; .percpu_areas, too. At VMA 0 nothing else may be in the template's segment. Variables have
to be in .percpu and entries of restartable sequences in their table, as far as the image has symbols.
Says what is wrong, and exits with 1 when anything is. ELF, 32 and 64 bits, little-endian.
"""
import mmap
import struct
import sys
from collections import Counter

KINDS = {1: 'LOAD', 2: 'DYNAMIC', 3: 'INTERP', 4: 'NOTE', 7: 'TLS'}
SYMTAB, NOBITS, ALLOC = 2, 8, 2
UNDEFINED, RESERVED = 0, 0xff00 # section indices of a symbol that are none


class Image:
    def __init__(self, data):
        if data[:4] != b'\x7fELF' or data[5] != 1:
            sys.exit('percpu-image.py: not an ELF file, or not a little-endian one')
        wide = data[4] == 2
        header = struct.unpack_from('<HHIQQQIHHHHHH' if wide else '<HHIIIIIHHHHHH', data, 16)
        _, _, _, _, phoff, shoff, _, _, phsize, phnum, shsize, shnum, shstr = header
        self.segments, self.sections = [], []
        for i in range(phnum):
            fields = struct.unpack_from('<IIQQQQQQ' if wide else '<IIIIIIII', data, phoff + i * phsize)
            kind, offset, vaddr, filesz, memsz = \
                [fields[j] for j in ((0, 2, 3, 5, 6) if wide else (0, 1, 2, 4, 5))]
            self.segments.append({'kind': KINDS.get(kind, ''), 'offset': offset, 'vaddr': vaddr,
                                  'filesz': filesz, 'memsz': memsz})
        for i in range(shnum):
            name, kind, flags, addr, offset, size, link = \
                struct.unpack_from('<IIQQQQI' if wide else '<IIIIIII', data, shoff + i * shsize)
            self.sections.append({'name': name, 'kind': kind, 'nobits': kind == NOBITS, 'addr': addr,
                                  'size': size, 'alloc': flags & ALLOC, 'offset': offset, 'link': link})

        def name_at(table, offset):
            start = self.sections[table]['offset'] + offset
            return data[start:data.find(b'\0', start)].decode()

        for section in self.sections:
            section['name'] = name_at(shstr, section['name'])
        self.symbols = [] # name, index of section, value
        for table in self.sections:
            if table['kind'] == SYMTAB:
                content = data[table['offset']:table['offset'] + table['size']]
                for fields in struct.iter_unpack('<IBBHQQ' if wide else '<IIIBBH', content):
                    self.symbols.append((name_at(table['link'], fields[0]), fields[3 if wide else 5],
                                         fields[4 if wide else 1]))


def inside(section, segment):
    """Has the segment all of the section, and its bytes where it has any?"""
    start = section['addr'] - segment['vaddr']
    if start < 0 or start + section['size'] > segment['memsz']:
        return False
    return section['nobits'] or (section['offset'] - segment['offset'] == start and
                                 start + section['size'] <= segment['filesz'])


def errors(image):
    for segment in image.segments:
        if segment['kind'] == 'LOAD' and segment['filesz'] > segment['memsz']:
            yield 'a segment has more bytes in the file than in memory'
    for section in image.sections:
        if section['name'] not in ('.percpu', '.percpu_areas') or not section['size']:
            continue
        kinds = [s['kind'] for s in image.segments if s['kind'] and inside(section, s)]
        if kinds.count('LOAD') != 1:
            yield f"{section['name']} is in {kinds.count('LOAD')} segments that are loaded"
        for kind in set(kinds) - {'LOAD'}:
            yield (f"{section['name']} is in the PT_{kind} segment, too: a section before it names "
                   'that in the script, and this one none')
    for name, index, _ in image.symbols:
        if name.startswith('__PERCPU_') and UNDEFINED < index < RESERVED:
            if image.sections[index]['name'] != '.percpu':
                yield (f"variable {name[9:]} is in {image.sections[index]['name']}, not in .percpu: a "
                       'wildcard of the script took it')
    values = {name: value for name, index, value in image.symbols if index != UNDEFINED}
    table = range(values.get('__start_percpu_restart', 0), values.get('__stop_percpu_restart', 0))
    taken = Counter(image.sections[index]['name'] for name, index, value in image.symbols
                    if name.startswith('percpu__entry') and UNDEFINED < index < RESERVED and value not in table)
    for section, number in taken.items():
        yield (f'entries of restartable sequences in {section}, not in their table: {number}: a wildcard of '
               'the script took them')
    for template in image.sections:
        if template['name'] != '.percpu' or template['addr'] != 0:
            continue
        for section in image.sections:
            if section is not template and section['alloc'] and section['size'] and any(
                    s['kind'] == 'LOAD' and inside(template, s) and inside(section, s)
                    for s in image.segments):
                yield f"{section['name']} is at {section['addr']:#x}, in the template's segment"


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with open(sys.argv[1], 'rb') as file:
        found = list(errors(Image(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))))
    for error in found:
        print(f'{sys.argv[1]}: {error}')
    sys.exit(bool(found))


main()
