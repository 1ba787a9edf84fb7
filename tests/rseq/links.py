#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The tables of rseq's sequences through ld -r, --gc-sections and --icf. TAP.

usage: links.py

Links one function of sequences.c as programs are, also by ld -r first, which merges the sections of a file.
Then all must hold that sequences.py asks of an image: descriptors for the kernel, and for debuggers an array
of pointers to them, and of exits. The same where the arrays are not tied to the code has to go wrong.
"""
import re
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
TIED, LOOSE = r'\\"awo\?\\",%%progbits,\.Lpercpu_begin%=', r'\\"aw?\\",%%progbits'


def link(target, compiler, ways, include, folder):
    """-> what is wrong, and where."""
    linkers = {'lld': LLD} | ({'bfd': BFD[target]} if target in BFD else {})
    obj, merged, image = folder / 'object', folder / 'merged', folder / 'image'
    run([*compiler.split(), *FLAGS, *'-O2 -fno-pie -ffunction-sections -DONE_SIZE=32'.split(), f'-I{include}',
         '-o', obj, HERE / 'sequences.c'])
    for first, last, options in ways:
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
        run(['cp', '-r', ROOT / 'include', folder])
        header = folder / 'include/percpu/detail/platform/rseq.h'
        text, changes = re.subn(TIED, LOOSE, header.read_text())
        header.write_text(text)
        tap.result('the arrays are tied to the code', [] if changes == 2 else [f'{changes} are'])
        for target, compilers in COMPILERS.items():
            for compiler in compilers[:1] + compilers[-1:] * (len(compilers) > 1):
                try:
                    wrong = link(target, compiler, WAYS, ROOT / 'include', folder)
                except Failure as failure:
                    wrong = str(failure).splitlines()
                tap.result(f'{target}: {compiler.split(" -nostdlibinc")[0]}', wrong)
            try:
                wrong = link(target, compilers[-1], WAYS[-1:], folder / 'include', folder)
                found = any('the array of pointers' in text for text in wrong)
            except Failure as failure:
                wrong, found = str(failure).splitlines(), False
            tap.result(f'{target}: arrays that are not: it is found',
                       [] if found else ['nothing is wrong'] + wrong)
    return tap.end()


if __name__ == '__main__':
    sys.exit(main())
