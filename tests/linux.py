#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The tests of rseq under a real kernel on another architecture, in QEMU. TAP.

usage: linux.py aarch64|arm

Builds static programs, boots Debian's kernel with them once, and looks at what each printed: tests by clang
with delays in the sequences, by gcc without, and a mutant that stores no descriptor, in which each kind of
test has to fail. tools/fetch-kernel fetches the kernel.
"""
import re
import shutil
import sys
from pathlib import Path

from tools import ROOT, Failure, Tap, needs, run, workspace

HERE = Path(__file__).resolve().parent

# Emulation is slow: fewer threads, CPUs (CPUS), signals (TEST_RSEQ_SIGNALS) and moves than elsewhere. So that
# many signals find a running thread, there are not many more threads than CPUs.
CPUS = '2'
FLAGS = ('-std=gnu17 -O2 -Wall -Wextra -Werror -pthread -D_GNU_SOURCE -DPERCPU_PLATFORM_RSEQ '
         f'-DHERD=4 -DEACH=8u -DMOVES=2 -I{HERE}/harness').split()
HARNESS = sorted(HERE.glob('harness/*.c'))
LIBRARY = [HERE / 'library.c']
COMMAND_LINE = 'console=ttyAMA0 quiet loglevel=1 panic=-1 rdinit=/init'
# QEMU takes interrupts between translation blocks, and looks for the next one anew behind each ISB.
DELAY = '-DPERCPU__RSEQ_DELAY="' + r'isb\n\t' * 6 + '"'

# A node for each CPU.
NODES = ' '.join(f'-object memory-backend-ram,id=m{n},size=128M -numa node,cpus={n},memdev=m{n}' for n in (0, 1))

# kernel, gcc, clang; on arm T32 and A32. Several nodes are aarch64's.
TARGETS = {
    'aarch64': ('arm64', 'aarch64-linux-gnu-gcc',
                'clang --target=aarch64-linux-gnu'),
    'arm': ('armhf', 'arm-linux-gnueabihf-gcc -mthumb',
            'clang --target=armv7a-linux-gnueabihf -marm'),
}
MUTATION = r'"str %\[c\], \[%\[rseq\], #8\]\\n"', r'"\\n"'
# Of the mutant: one of each line fails.
MUST_FAIL = (('rseq_no_update_is_lost',), ('rseq_no_update_from_elsewhere',),
             ('list_threads_keep_every_node', 'list_drain_keeps_every_node'))


def compiled(compiler, folder, sources, *flags, include=ROOT / 'include'):
    """-> the objects."""
    folder.mkdir()
    run([*compiler.split(), *FLAGS, *flags, f'-I{include}', '-c', *sources], cwd=folder)
    return sorted(folder.glob('*.o'))


def linked(compiler, output, parts):
    run([*compiler.split(), *FLAGS, f'-I{ROOT}/include', '-static', '-o', output, *parts])


def mutate(target, folder):
    """A copy of the headers in which sequences do not say that they run."""
    shutil.copytree(ROOT / 'include', folder / 'include')
    header = folder / f'include/percpu/detail/arch/{target}/rseq.h'
    text, count = re.subn(*MUTATION, header.read_text())
    if count != 1:
        raise Failure(f'the mutation fits {count} times, not once')
    header.write_text(text)
    return folder / 'include'


def archive(files):
    """An initramfs (Linux, Documentation/driver-api/early-userspace/buffer-format.rst, "newc")."""
    data = b''
    for inode, (name, mode, content) in enumerate([*files, ('TRAILER!!!', 0, b'')]):
        name = name.encode() + b'\0'
        numbers = (inode, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name), 0)
        data += b'070701' + b''.join(b'%08x' % n for n in numbers) + name
        data += b'\0' * (-len(data) % 4) + content
        data += b'\0' * (-len(data) % 4)
    return data


def boot(target, programs, folder):
    """Runs those programs, name: (signals, arguments), that were built. -> name: (status, output)."""
    arch, _, _ = TARGETS[target]
    kernel = ROOT / '.cache' / f'vmlinuz-{arch}'
    built = {name: folder / name for name in ('init', *programs) if (folder / name).exists()}
    if 'init' not in built:
        raise Failure('init was not built')
    words = ''.join(f'TEST_RSEQ_SIGNALS={programs[name][0]} /{name} {programs[name][1]}\n'
                    for name in built if name != 'init')
    (folder / 'initramfs').write_bytes(archive([
        *((name, 0o100755, file.read_bytes()) for name, file in built.items()), ('list', 0o100644, words.encode())]))
    output = run([ROOT / 'tools/qemu-run', f'{target}-linux', '--cpus', CPUS, '--no-trailer', '--append', COMMAND_LINE,
                  f'--qemu=-initrd {folder}/initramfs' + (f' {NODES}' if 'numa' in programs else ''), kernel])
    found = re.findall(r'^== \S+ /(\S+).*\n((?:.*\n)*?)== status (\d+)$', output.replace('\r', ''),
                       re.MULTILINE)
    return {name: (int(status), text) for name, text, status in found}


def main():
    if len(sys.argv) != 2 or sys.argv[1] not in TARGETS:
        sys.exit(__doc__)
    target = sys.argv[1]
    arch, gcc, clang = TARGETS[target]
    needs(gcc, clang, f'qemu-system-{"aarch64" if target == "aarch64" else "arm"}')
    if not (ROOT / '.cache' / f'vmlinuz-{arch}').exists():
        print(f'1..0 # SKIP missing: vmlinuz-{arch}')
        return 0
    herds = [HERE / 't_rseq.c', HERE / 't_list.c']
    others = [HERE / 't_areas.c', *LIBRARY]
    # A signal that is pending is not sent again: of the mutant's hundreds have to arrive.
    programs = {'clang': (400, '-rseq_debug'), 'gcc': (400, '-rseq_debug -from_elsewhere'),
                'cancelled': (0, ''), 'overcommit': (0, ''), 'mutant': (1500, ' '.join(name for line in MUST_FAIL for name in line))}
    if target == 'aarch64':
        programs |= {'numa': (400, ''), 'no-numa': (400, '')}
    ran, tap = {}, Tap()
    check = tap.check

    def build_clang():
        objects = compiled(clang, work / 'common', others)
        linked(clang, work / 'clang', [
            *objects, *compiled(clang, work / 'delayed', [*herds, HERE / 't_update.c'], DELAY), *HARNESS])

    def build_gcc():
        linked(gcc, work / 'gcc', compiled(gcc, work / 'plain', [HERE / 't_rseq.c', *others]) + HARNESS)

    def build_cancelled():
        linked(clang, work / 'cancelled', compiled(clang, work / 'cancellation', [
            HERE / 'rseq/cancelled.c', *LIBRARY], DELAY, '-DTHREADS=300', '-fexceptions', '-fasynchronous-unwind-tables'))

    def build_overcommit():
        linked(gcc, work / 'overcommit', compiled(gcc, work / 'commitment', [HERE / 'rseq/overcommit.c', *LIBRARY]))

    def build_mutant():
        mutants = compiled(clang, work / 'mutants', herds, DELAY, include=mutate(target, work))
        linked(clang, work / 'mutant', [*mutants, *(work / 'common').glob('*.o'), *HARNESS])

    def build_numa():
        """And one in which initial values are copied by who starts."""
        linked(clang, work / 'numa', [HERE / 'rseq/numa.c', *LIBRARY])
        source = ROOT / 'src/platform/rseq_module.c'
        text, count = re.subn('no_file = false;', 'no_file = true;', source.read_text())
        if count != 1:
            raise Failure(f'the mutation fits {count} times, not once')
        (work / 'rseq_module.c').write_text(text.replace('"process.h"', f'"{ROOT}/src/platform/process.h"'))
        linked(clang, work / 'no-numa', [HERE / 'rseq/numa.c', work / 'rseq_module.c', *(f for f in ROOT.glob('src/**/*.c') if f != source)])

    def is_on_nodes():
        status, text = ran.get('numa', (None, 'it did not run to its end\n'))
        if status != 0:
            raise Failure(f'{text}status {status}')

    def is_on_one_node():
        status, text = ran.get('no-numa', (None, 'it did not run to its end\n'))
        if not status or not re.search('^not ok .*numa_initial_values', text, re.MULTILINE):
            raise Failure(f'{text}status {status}')

    def passes(name):
        status, text = ran.get(name, (None, 'it did not run to its end\n'))
        counts = re.search(r'^# end: (\d+) passed, 0 failed$', text, re.MULTILINE)
        if status != 0 or not counts or counts[1] == '0':
            raise Failure(f'{text}status {status}')
        if 'restartable sequences' not in text:
            raise Failure(f'{text}there were no sequences')
        return f'{counts[1]} passed'

    def is_right(name):
        status, text = ran.get(name, (None, 'it did not run to its end\n'))
        if status != 0 or 'right' not in text:
            raise Failure(f'{text}status {status}')

    def one_fails(names):
        """On a busy host perhaps not at once."""
        seen = ran
        for attempt in range(1, 7):
            if attempt > 1:
                seen = boot(target, {'mutant': (programs['mutant'][0], ' '.join(names))}, work)
            status, text = seen.get('mutant', (None, 'it did not run to its end\n'))
            if status and re.search(f'^not ok .*({"|".join(names)})', text, re.MULTILINE):
                return f'in run {attempt}'
        raise Failure(f'{text}status {status}')

    with workspace() as work:
        check('init is built', lambda: run([*gcc.split(), '-O2', '-static', '-o', work / 'init',
                                            HERE / 'rseq/init.c']))
        check(f'{clang}: tests with delays are built', build_clang)
        check(f'{gcc}: tests are built', build_gcc)
        check('threads to be cancelled are built', build_cancelled)
        check('a program for vm.overcommit_memory=2 is built', build_overcommit)
        check('a mutant is built: no descriptor is stored', build_mutant)
        if 'numa' in programs:
            check('a program for several nodes is built, and one that copies initial values', build_numa)
        check('Linux boots and runs them', lambda: ran.update(boot(target, programs, work)))
        check(f'{clang}: the tests pass', lambda: passes('clang'))
        check(f'{gcc}: the tests pass', lambda: passes('gcc'))
        check('threads that are cancelled in a sequence run their cleanups', lambda: is_right('cancelled'))
        check('vm.overcommit_memory=2: what is charged is what is used, and fork() works', lambda: is_right('overcommit'))
        if 'numa' in programs:
            check("each area is on its CPU's node", is_on_nodes)
            check('copies are on one node', is_on_one_node)
        for names in MUST_FAIL:
            check(f'the mutant fails in {" or ".join(names)}', lambda: one_fails(names))
    return tap.end()


if __name__ == '__main__':
    sys.exit(main())
