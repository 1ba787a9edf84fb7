#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The tests of rseq under a real kernel on another architecture, in QEMU. TAP.

usage: linux.py aarch64|arm

Builds static programs, boots Debian's kernel with them once, and looks at what each printed: the whole
suite by gcc, with delays in its sequences, and by clang; and a mutant that stores no descriptor, in which
updates have to be lost. tools/fetch-kernel fetches the kernel.
"""
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path.insert(0, str(HERE / 'rseq'))
import sequences  # noqa: E402

FLAGS = ('-std=gnu17 -O2 -Wall -Wextra -Werror -static -pthread -D_GNU_SOURCE -DPERCPU_PLATFORM_RSEQ '
         '-DHERD=8').split()  # of 20,000, and 24 threads: emulation is slow
# QEMU takes interrupts between translation blocks: branches make some.
DELAY = r'-DPERCPU__RSEQ_DELAY=".rept 8\n\tb 7f\n7:\n\t.endr\n\t"'
COMMAND_LINE = 'console=ttyAMA0 quiet loglevel=1 panic=-1 rdinit=/init TEST_RSEQ_SIGNALS=300'

# kernel, gcc, clang, the mutant's compiler. arm: T32, A32, T32.
TARGETS = {
    'aarch64': ('arm64', 'aarch64-linux-gnu-gcc', 'clang-19 --target=aarch64-linux-gnu',
                'clang-19 --target=aarch64-linux-gnu'),
    'arm': ('armhf', 'arm-linux-gnueabihf-gcc -mthumb', 'clang-19 --target=armv7a-linux-gnueabihf -marm',
            'clang-19 --target=armv7a-linux-gnueabihf -mthumb'),
}
MUTANT_TEST = 'rseq_no_update_is_lost'
MUTATION = r'"str %\[c\], \[%\[rseq\], #8\]\\n"', r'"\\n"'


class Failure(Exception):
    pass


def run(command, stdin=None):
    try:
        done = subprocess.run(command, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    except OSError as error:
        raise Failure(f'cannot run {command[0]}: {error.strerror}') from error
    output = done.stdout.decode(errors='replace').replace('\r', '')
    if done.returncode != 0:
        raise Failure(f'{" ".join(map(str, command))}\n{output}')
    return output


def build(compiler, output, tests, *flags, include=ROOT / 'include'):
    run([*compiler.split(), *FLAGS, *flags, f'-I{include}', f'-I{HERE}/harness', '-o', output, *tests,
         *HERE.glob('harness/*.c'), *ROOT.glob('src/*.c'), *ROOT.glob('src/platform/*.c')])


def mutate(target, folder):
    """A copy of the headers in which sequences do not say that they run."""
    run(['cp', '-r', ROOT / 'include', folder])
    header = folder / f'include/percpu/detail/arch/{target}_rseq.h'
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
    """Runs programs, name: (file, arguments). -> name: (status, output)."""
    kernel = ROOT / '.cache' / f'vmlinuz-{TARGETS[target][0]}'
    if not kernel.exists():
        raise Failure(f'there is no {kernel}: tools/fetch-kernel {TARGETS[target][0]}')
    words = ''.join(f'/{name} {arguments}'.strip() + '\n' for name, (_, arguments) in programs.items())
    executables = [(name, 0o100755, file.read_bytes()) for name, (file, _) in programs.items()]
    executables += [('init', 0o100755, (folder / 'init').read_bytes())]
    (folder / 'initramfs').write_bytes(archive([*executables, ('list', 0o100644, words.encode())]))
    output = run([ROOT / 'tools/qemu-run', f'{target}-linux', '--no-trailer', '--append', COMMAND_LINE,
                  f'--qemu=-initrd {folder}/initramfs', kernel])
    found = re.findall(r'^== /(\S+).*\n((?:.*\n)*?)== status (\d+)$', output, re.MULTILINE)
    return {name: (int(status), text) for name, text, status in found}


def main():
    if len(sys.argv) != 2 or sys.argv[1] not in TARGETS:
        sys.exit(__doc__)
    target = sys.argv[1]
    _, gcc, clang, other = TARGETS[target]
    every = sorted(HERE.glob('t_*.c'))
    herd = [HERE / 't_rseq.c', HERE / 't_areas.c']
    results = []

    def check(title, function):
        """One test: it fails when the function raises Failure."""
        try:
            note, wrong = function() or '', ''
        except (Failure, sequences.Failure) as failure:
            note, wrong = '', str(failure)
        results.append(not wrong)
        print(f'{"not ok" if wrong else "ok"} {len(results)} - {title}{note and ": " + note}')
        for line in wrong.splitlines()[-60:]:
            print(f'# {line}')
        sys.stdout.flush()

    with tempfile.TemporaryDirectory() as work:
        work = Path(work)
        programs = {'gcc': (work / 'gcc', ''), 'clang': (work / 'clang', ''),
                    'mutant': (work / 'mutant', MUTANT_TEST)}
        ran = {}

        def sound(name):
            wrong, starts = sequences.check(programs[name][0], target)
            if wrong:
                raise Failure('\n'.join(wrong))
            return f'{len(starts)} sequences'

        def passes(name):
            status, text = ran.get(name, (None, 'it did not end'))
            counts = re.search(r'^# end: (\d+) passed, 0 failed$', text, re.MULTILINE)
            if status != 0 or not counts or 'ok ' not in text:
                raise Failure(f'{text}status {status}')
            if 'restartable sequences' not in text:
                raise Failure(f'{text}there were no sequences')
            return f'{counts[1]} passed'

        def loses_updates():
            status, text = ran.get('mutant', (None, 'it did not end'))
            if not status or not re.search(f'^not ok .*{MUTANT_TEST}', text, re.MULTILINE):
                raise Failure(f'{text}status {status}')

        check('init is built', lambda: run([*gcc.split(), '-O2', '-static', '-o', work / 'init',
                                            HERE / 'rseq/init.c']))
        check(f'{gcc}: the suite with delays is built', lambda: build(gcc, work / 'gcc', every, DELAY))
        check(f'{clang}: the suite is built', lambda: build(clang, work / 'clang', every))
        check('a mutant is built: no descriptor is stored', lambda: build(
            other, work / 'mutant', herd, DELAY, include=mutate(target, work)))
        check('the sequences of the first are sound', lambda: sound('gcc'))
        check('Linux boots and runs them', lambda: ran.update(boot(target, programs, work)))
        check(f'{gcc}: the suite passes', lambda: passes('gcc'))
        check(f'{clang}: the suite passes', lambda: passes('clang'))
        check('the mutant loses updates', loses_updates)
    print(f'1..{len(results)}')
    print(f'# end: {sum(results)} passed, {len(results) - sum(results)} failed')
    return not all(results)


if __name__ == '__main__':
    sys.exit(main())
