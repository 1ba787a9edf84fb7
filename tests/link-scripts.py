#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the linker-script fragments refuse, and where they put what they take: both linkers. TAP.

usage: link-scripts.py [TEST...]     default: all

Objects are written in assembly, with the sections and symbols that the library and its users make.
Environment: AS, BFD, LLD, NM, READELF.
"""
import os
import re
import sys

from tools import ROOT, Failure, Tap, needs, run, said, workspace

AS, NM, READELF = (os.environ.get(name, name.lower()) for name in ('AS', 'NM', 'READELF'))
LINKERS = {'bfd': os.environ.get('BFD', 'ld.bfd'), 'lld': os.environ.get('LLD', 'ld.lld')}

# Sections of a kernel: name, symbol, bytes, alignment.
SECTIONS = (
    ('.percpu.var.small', 'small', 1, 1),
    ('.percpu.var.large', 'large', 64, 256),
    ('.percpu.var.wide', 'wide', 8, 8),
    ('.percpu', 'plain', 3, 1),
    ('.percpu.other', 'other', 1, 1),
    ('.percpu..isolated', 'alone', 4, 4),
    ('.percpu..near', 'near', 5, 1),
    ('.percpu..behind', 'behind', 1, 1),
    ('.data', 'data', 1, 1),
)
SIZE = 333 # of the template


def source(sections=SECTIONS):
    return '''
    .globl _start, zeroed
_start: .quad _percpu_start, _percpu_end, _percpu_load_start, _percpu_load_end, _percpu_template
    .quad _percpu_align, _percpu_reserve, _percpu_number_0
    .quad small, large, wide, plain, other, alone, near, data, driver, zeroed
    .weak small, large, wide, plain, other, alone, near, data, driver
    .bss
zeroed: .skip 8
''' + ''.join(f'''
    .section {section}, "aw", %progbits
    .balign {align}
    .globl {name}
{name}: .skip {size}, 0x55
''' for section, name, size, align in sections)


SCRIPT = '''
ENTRY(_start)
SECTIONS
{
    . = 0x%x;
    .text : AT(ADDR(.text) - 0x%x) { *(.text) }
    .data : AT(ADDR(.data) - 0x%x) { *(.data) }
    %s
    .bss : { *(.bss) }
    %s
}
'''
AT, OFFSET = 0x40100000, 0x40000000
NUM, LMA = 'PERCPU_CPU_NUM = 3;', 'PERCPU_LMA_OFFSET = 0x%x;' % OFFSET
ONE_PIECE = {name: f'INCLUDE {name}' for name in ('percpu.ld', 'percpu-vma0.ld')}
TEMPLATE = '.percpu : { INCLUDE percpu-template.ld }'
AREAS = '.areas (NOLOAD) : { INCLUDE percpu-areas.ld }'
PIECES = {'pieces': f'{TEMPLATE} {AREAS}'}
EVERY = {**ONE_PIECE, **PIECES}
END = 'INCLUDE percpu-end.ld'


class Image:
    def __init__(self, path):
        found = re.findall(r'^([0-9a-f]+) (\w) (\S+)$', run([NM, path]), re.MULTILINE)
        self.symbols = {name: int(value, 16) for value, _, name in found}
        self.numbers = {name for _, kind, name in found if kind == 'A'}
        self.sections = {}
        for name, kind, address, size in re.findall(
                r'^ *\[ *\d+\] (\S+) +(\w+) +([0-9a-f]+) [0-9a-f]+ ([0-9a-f]+)',
                run([READELF, '-SW', path]), re.MULTILINE):
            self.sections[name] = kind, int(address, 16), int(size, 16)
        self.loads = [tuple(int(word, 16) for word in words) for words in re.findall(
            r'^ *LOAD +0x\w+ 0x(\w+) 0x(\w+) 0x\w+ 0x(\w+)', run([READELF, '-lW', path]), re.MULTILINE)]

    def __getattr__(self, name):
        if name not in self.symbols:
            raise Failure(f'there is no {name}')
        return self.symbols[name]

    def load_address(self, section):
        _, address, _ = self.sections[section]
        for start, load, size in self.loads:
            if start <= address < start + size:
                return address - start + load
        raise Failure(f'{section} is in no segment')


class Tests(Tap):
    def __init__(self, work, names):
        super().__init__(names)
        self.work, self.made = work, {}

    def object(self, source):
        if source not in self.made:
            made = self.work / f'{len(self.made)}.o'
            made.with_suffix('.s').write_text(source)
            run([AS, '-o', made, made.with_suffix('.s')])
            self.made[source] = made
        return self.made[source]

    def link(self, ld, script, *flags, sections=SECTIONS, more=''):
        """-> what the linker says, its status"""
        (self.work / 'script').write_text(SCRIPT % (AT, OFFSET, OFFSET, *script))
        return said([LINKERS[ld], '-nostdlib', '-static', '-z', 'max-page-size=4096', '--build-id=none',
                     *flags, f'-L{ROOT}/ld', '-T', self.work / 'script', '-o', self.work / 'out',
                     self.object(source(sections) + more)])

    def refused(self, title, text, inside, *flags, after='', linkers=('bfd', 'lld'), **how):
        for ld in linkers:
            if self.wanted(name := f'{title}: refused, {ld}'):
                output, status = self.link(ld, (inside, after), *flags, **how)
                right = status and text in output
                self.result(name, [] if right else [f'status {status}', output])

    def links(self, title, inside, *flags, judge, after='', linkers=('bfd', 'lld'), **how):
        """judge(image) yields what is wrong."""
        for ld in linkers:
            if not self.wanted(name := f'{title}, {ld}'):
                continue
            output, status = self.link(ld, (inside, after), *flags, **how)
            try:
                wrong = [output] if status else list(judge(Image(self.work / 'out')))
            except Failure as failure:
                wrong = [str(failure)]
            self.result(name, wrong)

    # -- What is refused --------------------------------------------------------------------------

    def assigned_late(self):
        for name, fragment in EVERY.items():
            self.refused(f'{name}, PERCPU_RESERVE behind it', 'PERCPU_RESERVE has to be assigned',
                         f'{NUM} {LMA} {fragment} PERCPU_RESERVE = 4096;')
        for name in ('percpu.ld', 'pieces'):
            for value in ('0x200000', 'LOADADDR(.percpu) + 64'):
                self.refused(f'{name}, PERCPU_TEMPLATE behind it, {value}', 'PERCPU_TEMPLATE has to be assigned',
                             f'{NUM} {LMA} {EVERY[name]} PERCPU_TEMPLATE = {value};')

    def missing(self):
        for name, fragment in ONE_PIECE.items():
            self.refused(f'{name} without PERCPU_CPU_NUM', 'PERCPU_CPU_NUM', f'{LMA} {fragment}')
            self.refused(f'{name} without PERCPU_LMA_OFFSET', 'nonconstant expression for load base',
                         f'{NUM} {fragment}', linkers=['bfd'])
            self.refused(f'{name} without PERCPU_LMA_OFFSET', 'PERCPU_LMA_OFFSET', f'{NUM} {fragment}',
                         linkers=['lld'])

    def misplaced(self):
        self.refused('bytes before the template', 'the template does not begin its section',
                     f'{NUM} .percpu : {{ QUAD(0) INCLUDE percpu-template.ld }} {AREAS}')
        self.refused('percpu-vma0.ld elsewhere than at 0', 'the template is not at VMA 0',
                     f'{NUM} {LMA} INCLUDE percpu-vma0.ld', '--section-start=.percpu=0x3000')
        self.refused('percpu-vma0.ld and a section behind the template', 'was placed behind .percpu at VMA 0',
                     f'{NUM} {LMA} INCLUDE percpu-vma0.ld', '--section-start=.percpu=0x3000')
        for value in (1, 4, 7):
            self.refused(f'a template at {value} behind a multiple of 8', 'which is no multiple of 8',
                         f'{NUM} PERCPU_TEMPLATE = 0x200000 + {value}; {PIECES["pieces"]}')

    def kernel_end(self):
        for name, fragment in EVERY.items():
            self.refused(f"{name} behind the kernel's end", "the areas lie behind the kernel's end",
                         f'{NUM} {LMA} {END} {fragment}')
        self.refused("a template behind the kernel's end", "the template lies behind the kernel's end",
                     f'{NUM} PERCPU_TEMPLATE = . + 0x10000; {PIECES["pieces"]} {END}')
        self.refused('a template with its last byte there', "the template lies behind the kernel's end",
                     f'{NUM} PERCPU_TEMPLATE = 0x50000000 - 64; {PIECES["pieces"]} . = 0x50000000; {END}')
        for name, fragment in EVERY.items():
            self.links(f"{name} at the kernel's end", f'{NUM} {LMA} {fragment} _end = .; {END}',
                       judge=lambda i: [] if i._percpu_end <= i._end else ['it is behind'])

    def code(self):
        gp = '.globl percpu_riscv_base_gp\npercpu_riscv_base_gp = 1\n'
        gp_script, fragment = '__global_pointer$ = 0x1000;', f'{NUM} {LMA} {EVERY["percpu.ld"]}'
        for order, script in (('before', f'{gp_script} {fragment}'), ('behind', f'{fragment} {gp_script}')):
            self.refused(f'gp for the linker, {order} percpu.ld', 'take __global_pointer$ out', script, more=gp)
        self.links('gp for percpu, and nothing for the linker',
                   f'__global_pointer$ = 0; {fragment}', more=gp, judge=lambda i: [])
        limit = '.globl __percpu_zero_vma_limit\n__percpu_zero_vma_limit = %s\n'
        self.refused('code for VMA 0 with percpu.ld', 'link with percpu-vma0.ld',
                     fragment, more=limit % 0x10000)
        zero = f'{NUM} {LMA} {EVERY["percpu-vma0.ld"]}'
        self.refused('a template that the code does not reach', "larger than this architecture's code reaches",
                     zero, more=limit % (SIZE - 1))
        self.links('a template that the code just reaches', zero, more=limit % SIZE,
                   judge=lambda i: [] if i._percpu_load_end == SIZE else [f'{i._percpu_load_end}'])

    # -- Where things are -------------------------------------------------------------------------

    def places(self):
        def template(image):
            """Of the whole of SECTIONS."""
            order = {'near': 0, 'alone': 64, 'large': 256, 'wide': 320, 'small': 328, 'plain': 329, 'other': 332,
                     '_percpu_load_end': SIZE}
            for name, at in order.items():
                if image.symbols[name] - image._percpu_load_start != at:
                    yield f'{name}: {image.symbols[name]:#x}'
            if image.sections['.percpu'][0] != 'PROGBITS':
                yield 'the template has no bytes'
            addresses = {'_percpu_start', '_percpu_end', '_percpu_load_start', '_percpu_load_end'}
            wrong = image.numbers & addresses | {'_percpu_align', '_percpu_reserve', '_percpu_number_0'} - image.numbers
            if wrong:
                yield f'numbers or not: {wrong}'
            if image._percpu_number_0 != 0:
                yield f'0: {image._percpu_number_0}'

        def areas(image, align, reserve, size, num=3):
            is_ = (image._percpu_align, image._percpu_reserve, image._percpu_end - image._percpu_start)
            if is_ != (align, reserve, num * size):
                yield f'align, reserve, bytes: {is_}'
            if image._percpu_start % (max(align, 4096) if reserve else align):
                yield f'first area: {image._percpu_start:#x}'
            if image._percpu_start < image._percpu_template + image._percpu_load_end - image._percpu_load_start \
                    and image._percpu_end > image._percpu_template:
                yield 'the areas are in the template'

        def loaded(image, *sections):
            for name in sections:
                if name not in image.sections:
                    yield f'there is no {name}'
                elif image.load_address(name) != image.sections[name][1] - OFFSET:
                    yield f'{name} is loaded at {image.load_address(name):#x}'

        def natural(image):
            yield from template(image)
            yield from loaded(image, '.percpu', '.percpu_areas', '.bss')
            if image.sections['.percpu_areas'][0] != 'NOBITS':
                yield 'areas have bytes'
            if '_percpu_template' in image.numbers or image._percpu_template != image._percpu_load_start:
                yield 'the template is not where it is linked'
            if image.PERCPU_TEMPLATE != 0:
                yield f'PERCPU_TEMPLATE, which the script does not assign: {image.PERCPU_TEMPLATE:#x}'

        def zero(image):
            yield from template(image)
            yield from loaded(image, '.percpu_behind', '.percpu_areas', '.bss')
            if image.sections['.percpu_areas'][0] != 'NOBITS':
                yield 'areas have bytes'
            if image._percpu_load_start != 0 or image._percpu_template % 4096:
                yield f'{image._percpu_load_start:#x}, {image._percpu_template:#x}'
            if image.load_address('.percpu') != image._percpu_template - OFFSET:
                yield 'the template is not loaded there'
            if image.behind < image._percpu_template + SIZE:
                yield 'what is behind the template is in it'

        judges = {'percpu.ld': natural, 'percpu-vma0.ld': zero, 'pieces': template}
        few = [section for section in SECTIONS if section[1] in ('data', 'small', 'behind')]
        alone = [section for section in SECTIONS if section[1] in ('data', 'near', 'alone', 'small')]
        odd = '.odd : AT(0x10000) { BYTE(0) }' # is loaded at another distance
        large = [*SECTIONS, ('.percpu.var.page', 'page', 1, 8192)]
        for name, fragment in EVERY.items():
            def both(*sizes, judge=judges[name]):
                return lambda i: [*judge(i), *areas(i, *sizes)]
            self.links(f'{name}, where things are', f'{NUM} {LMA} {fragment}', judge=both(256, 0, 512))
            self.links(f'{name}, no areas', f'{LMA} PERCPU_CPU_NUM = 0; {fragment}', judge=both(256, 0, 512, 0))
            self.links(f'{name}, --gc-sections', f'{NUM} {LMA} {fragment}', '--gc-sections',
                       judge=both(256, 0, 512))
            for reserve, size in ((1, 4096), (4096 - 384, 4096), (4096 - 383, 8192)):
                self.links(f'{name}, {reserve} bytes of dynamic memory',
                           f'{NUM} {LMA} PERCPU_RESERVE = {reserve}; {fragment}', judge=both(256, reserve, size))
            if fragment != PIECES['pieces']:
                self.links(f'{name}, nothing is aligned', f'{NUM} {LMA} {fragment}', sections=few,
                           judge=lambda i: areas(i, 64, 0, 64))
                self.links(f'{name}, a line for what is isolated', f'{NUM} {LMA} {fragment}', sections=alone,
                           judge=lambda i: [] if i.alone // 64 not in (i.near // 64, i.small // 64)
                           else ['it is not'])
            self.links(f'{name}, alignment of two pages', f'{NUM} {LMA} PERCPU_RESERVE = 1; {fragment}',
                       sections=large, judge=lambda i: areas(i, 8192, 1, 16384))
        for name, fragment in ONE_PIECE.items():
            self.links(f'{name} behind a section that is loaded elsewhere', f'{odd} {NUM} {LMA} {fragment}',
                       judge=judges[name])
            for num in (3, 0):
                self.links(f'{name}, no variables, {num} areas', f'{odd} PERCPU_CPU_NUM = {num}; {LMA} {fragment}',
                           sections=(), judge=lambda i: loaded(i, '.percpu_areas', '.bss'))
        self.links('percpu.ld, nothing is aligned: a line of its own', f'{NUM} {LMA} {EVERY["percpu.ld"]}',
                   sections=few, judge=lambda i: [] if i._percpu_load_start % 64 == 0 else ['it is not'])

    def template_elsewhere(self):
        for value, offset in (('ADDR(.percpu) + 64', 64), ('LOADADDR(.percpu)', -OFFSET), ('0', 0)):
            self.links(f'a template that is read at {value}', f'{NUM} PERCPU_TEMPLATE = {value}; {PIECES["pieces"]}',
                       judge=lambda i, at=offset: [] if i._percpu_template == i._percpu_load_start + at
                       else [f'{i._percpu_template:#x}'])

    def not_named(self):
        """LLD puts sections that the script does not name behind others of the same kind."""
        for flags in ([], ['--gc-sections']):
            self.links(f'percpu-vma0.ld, a section that no script names{", " if flags else ""}{"".join(flags)}',
                       f'{NUM} {LMA} {EVERY["percpu-vma0.ld"]}', *flags,
                       sections=[*SECTIONS, ('drivers', 'driver', 8, 8)],
                       judge=lambda i: [] if i.driver >= AT else [f'{i.driver:#x}'])
        self.refused('percpu-vma0.ld, such a section and no .percpu..behind', 'was placed behind .percpu at VMA 0',
                     f'{NUM} {LMA} {EVERY["percpu-vma0.ld"]}', linkers=['lld'],
                     sections=[s for s in SECTIONS if s[1] != 'behind'] + [('drivers', 'driver', 8, 8)])


def main():
    needs(AS, NM, READELF, *LINKERS.values())
    with workspace() as work:
        tests = Tests(work, sys.argv[1:])
        tests.assigned_late()
        tests.missing()
        tests.misplaced()
        tests.kernel_end()
        tests.code()
        tests.places()
        tests.template_elsewhere()
        tests.not_named()
    return tests.end()


if __name__ == '__main__':
    sys.exit(main())
