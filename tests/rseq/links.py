#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The tables of rseq's sequences through ld -r, --gc-sections and --icf. TAP.

usage: links.py

Links one function of sequences.c as programs are, also by ld -r first, which merges the sections of a file.
Then all must hold that sequences.py asks of an image: descriptors for the kernel, and for debuggers an array
of pointers to them, and of exits.
"""
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from sequences import COMPILERS, ELSEWHERE, FLAGS, check  # noqa: E402
from tools import ROOT, Failure, Tap, needs, run, workspace  # noqa: E402

LLD = 'ld.lld'
BFD = {'x86_64': 'x86_64-linux-gnu-ld.bfd', 'aarch64': 'aarch64-linux-gnu-ld.bfd',
       'arm': 'arm-linux-gnueabihf-ld.bfd', 'riscv64': 'riscv64-linux-gnu-ld.bfd'}
GC = '--gc-sections -z start-stop-gc'
OPTIONS = ['-static', '-e', 'sequence_list_pop', '-Ttext=0x200000', *(f'--defsym={s}=0x100000' for s in ELSEWHERE)]
# The linker of -r, and of the program, and its options.
WAYS = ((None, 'bfd', GC), (None, 'lld', GC), ('bfd', 'bfd', GC), ('bfd', 'lld', GC), ('bfd', 'lld', f'{GC} --icf=all'),
        ('lld', 'bfd', GC), ('lld', 'lld', GC))
ALL = 50  # each operation of sequences.c has one


def link(target, compiler, folder):
    """-> what is wrong, and where."""
    linkers = {'lld': LLD} | ({'bfd': BFD[target]} if target in BFD else {})
    obj, merged, image = folder / 'object', folder / 'merged', folder / 'image'
    run([*compiler.split(), *FLAGS, *'-O2 -fno-pie -ffunction-sections -DONE_SIZE=32'.split(), f'-I{ROOT}/include',
         '-o', obj, HERE / 'sequences.c'])
    for first, last, options in WAYS:
        if not {first, last} <= {None, *linkers}:
            continue
        if first:
            run([*linkers[first].split(), '-r', '-o', merged, obj])
        run([*linkers[last].split(), *options.split(), *OPTIONS, '-o', image, merged if first else obj])
        wrong, starts = check(image, target)
        if len(starts) < ALL:
            wrong.append(f'{len(starts)} sequences: a file\'s stay together')
        if wrong:
            return [f'{first} -r, {last} {options}:'] + wrong
    return []


def main():
    needs(LLD, *BFD.values())
    tap = Tap()
    with workspace() as folder:
        for target, compilers in COMPILERS.items():
            for compiler in compilers[:1] + compilers[-1:] * (len(compilers) > 1):
                try:
                    wrong = link(target, compiler, folder)
                except Failure as failure:
                    wrong = str(failure).splitlines()
                tap.result(f'{target}: {compiler.split(" -nostdlibinc")[0]}', wrong)
    return tap.end()


if __name__ == '__main__':
    sys.exit(main())
