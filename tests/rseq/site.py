#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What one more increment costs a position-independent program of rseq on disk and in memory. TAP.

usage: site.py

Links site.c with 16 and with 32 sites. Of the difference: two relocations a site, which the kernel's descriptor
needs, and at most BYTES in sections that are loaded. What debuggers read is in the file only, has the
addresses of the link, and goes where debugging information goes.
"""
import struct
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from links import LLD, linkers_of  # noqa: E402
from sequences import COMPILERS, FLAGS, relocations  # noqa: E402
from table import section_headers, sections  # noqa: E402
from tools import ROOT, Failure, Tap, absent, needs, run, workspace  # noqa: E402

SITES = 16, 32
# Bytes of a function with one increment, and what the loader needs.
BYTES = {'x86_64': 180, 'aarch64': 192, 'arm': 228, 'riscv64': 180, 'loongarch64': 208}
LOADED = 2  # SHF_ALLOC
TABLES = {'__rseq_cs_ptr_array': 8, '__rseq_exit_point_array': 16}
# Which is not the program's: padding behind a segment, and the unwinder's tables.
NOT_OF_SITES = ('.relro_padding', '.eh_frame', '.eh_frame_hdr')


def build(compiler, linker, sites, folder):
    obj, image = folder / f'object-{sites}', folder / f'image-{sites}'
    run([*compiler.split(), *FLAGS, '-O2', '-fPIE', '-falign-functions=1', f'-DSITES={sites}', f'-I{ROOT}/include',
         '-o', obj, HERE / 'site.c'])
    run([*linker.split(), '-pie', '-z', 'text', '-e', '0', '-o', image, obj])
    return image


def costs(image):
    """-> bytes that are loaded, relocations at run time."""
    loaded = {name: size for name, _, flags, _, _, size in section_headers(image)
              if flags & LOADED and name not in NOT_OF_SITES}
    return sum(loaded.values()), relocations(image)


def check_tables(image, sites):
    """Those of debuggers, in an image and in its separate debugging information."""
    flags = {name: flags for name, _, flags, *_ in section_headers(image)}
    content = {name: (address, content) for name, _, address, content in sections(image)}
    for name, entry in TABLES.items():
        if name not in flags or len(content[name][1]) != sites * entry:
            raise Failure(f'{name} is not {sites} entries')
        if flags[name] & LOADED:
            raise Failure(f'{name} is loaded')
    first, = content['__rseq_cs'][:1]
    listed = sorted(p for p, in struct.iter_unpack('<Q', content['__rseq_cs_ptr_array'][1]))
    if listed != [first + 32 * i for i in range(sites)]:
        raise Failure('the array of pointers is not the descriptors\'')
    separate = image.with_suffix('.debug')
    run(['llvm-objcopy', '--only-keep-debug', image, separate])
    after = {name: content for name, _, _, content in sections(separate)}
    if any(after.get(name) != content[name][1] for name in TABLES):
        raise Failure('separate debugging information lacks the tables of debuggers')


def check(target, compiler, linker, folder):
    images = [build(compiler, linker, sites, folder) for sites in SITES]
    for image, sites in zip(images, SITES):
        check_tables(image, sites)
    (fewer, before), (more, after) = map(costs, images)
    count = SITES[1] - SITES[0]
    note = f'{(more - fewer) / count:.0f} bytes, {(after - before) / count:g} relocations'
    if more - fewer > BYTES[target] * count or after - before != 2 * count:
        raise Failure(f'{note} a site: at most {BYTES[target]} and 2')
    return note


def main():
    needs(LLD, 'llvm-objcopy', 'llvm-readelf')
    tap = Tap()
    for target, compilers in COMPILERS.items():
        for compiler in compilers:
            linkers = list(linkers_of(target).values())
            for linker in linkers if target == 'x86_64' else linkers[:1]:
                name = f'{target}: {compiler.split(" -nostdlibinc")[0]}, {linker}'
                if absent(compiler, linker):
                    tap.result(name, missing=absent(compiler, linker))
                    continue
                with workspace() as folder:
                    tap.check(name, check, target, compiler, linker, folder)
    return tap.end()


if __name__ == '__main__':
    sys.exit(main())
