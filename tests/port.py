#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A port that has nothing but its register and the interrupt mask: it is complete, all else being
derived, and what it lacks is an error that names it and is the last thing that the compiler says; so
is a marker that was forgotten. TAP.

usage: port.py [complete | refused | unmarked | no_wait [NAME...]]      NAME: of a test

The ports are those of two targets, of 64 and 32 bits, in a copy of the sources: of their headers only
irq.h and cpu.h are left. Their folder has the name of a macro that compilers predefine.
"""
import re
import shutil
import sys
import tempfile
from pathlib import Path

from mutants import PARTS, ROOT, Config, Failure, Tree, run
from tools import absent

NAME = 'linux'  # GNU C: #define linux 1; a freestanding compiler is told so below
HEADERS = ('IRQ', 'CPU')
# Of a target: its macro, its folder of headers, what its headers need of the selector.
PORTS = {
    'x86_64': ('__x86_64__', 'x86_64', '#define PERCPU__X86_ATT ""\n'),
    'riscv32': ('__riscv', 'riscv', '#define PERCPU__RISCV_BASE "gp"\n'
                '#define PERCPU__RISCV_STATUS "mstatus"\n#define PERCPU__RISCV_IE 8\n'),
}
CLANG = {'x86_64': '--target=x86_64-none-elf', 'riscv32': '--target=riscv32-none-elf'}
TESTS = ('t_access.c', 't_init.c', 't_irq.c', 't_list.c', 't_remote.c', 't_reset.c', 't_update.c', 't_with.c')
WARNINGS = '-Wall -Wextra -Wconversion -Wsign-conversion -Wshadow -Wundef -Werror'.split()
BEHIND = 'percpu/detail/see-the-error-above'

wanted = sys.argv[2:]
number = failed = 0


def result(name, wrong='', skip=''):
    """One test; `wrong` is empty, or says what is."""
    global number, failed
    number += 1
    failed += bool(wrong)
    print(f'{"not " if wrong else ""}ok {number} - {name}' + (f' # SKIP missing: {skip}' if skip else ''), flush=True)
    for line in str(wrong).splitlines()[-30:]:
        print('#', line)


def port(folder, target, headers=HEADERS, more='', parts=('include',)):
    """Sources with one port only, which has these headers and what MORE defines in the selector."""
    macro, arch, needs = PORTS[target]
    shutil.rmtree(folder, ignore_errors=True)
    for part in parts:
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns('mutants', '__pycache__'))
    detail = folder / 'include/percpu/detail'
    (detail / 'arch' / arch).rename(detail / 'arch' / NAME)
    for header in (detail / 'arch' / NAME).glob('*.h'):
        header.write_text(header.read_text().replace(f'arch/{arch}/', f'arch/{NAME}/'))
    config = detail / 'config.h'
    text = config.read_text()
    first = text.index('#if', text.index('Architecture: the selector'))
    last = text.index('#elif defined(PERCPU_PLATFORM_BARE)', first)
    lines = ''.join(f'#define PERCPU__ARCH_{h} "percpu/detail/arch/{NAME}/{h.lower()}.h"\n' for h in headers)
    config.write_text(f'{text[:first]}#if defined({macro})\n{lines}{needs}{more}{text[last:]}')
    return detail


def edit(header, old, new=''):
    text = header.read_text()
    if old not in text:
        raise Failure(f'{header.name} has no {old}')
    header.write_text(text.replace(old, new))


def compilers(target):
    config = Config('bare', target, [])
    clang = [f for f in config.flags if not f.startswith(('-fno-tree', '-march', '-mno-relax'))]
    march = ['-march=rv32ima'] if target == 'riscv32' else []
    return {'gcc': (config.cc, config.flags), 'clang': (['clang', CLANG[target]], clang + march)}


def compile_one(root, target, source, test, flags=()):
    """By each compiler, as C and as C++ -> title, missing program, output, status. TEST: the name.

    Of GCC's cross compilers only that of C is used, and operations.inc is in C."""
    for name, (command, options) in compilers(target).items():
        for language, standard in ('c', 'gnu17'), ('c++', 'gnu++17'):
            if language == 'c++' and (command == ['riscv64-linux-gnu-gcc'] or source.name == 'operations.inc'):
                continue
            title = f'{test}: {target}, {name}, {language}'
            if wanted and title not in wanted:
                continue
            if absent(command[0]):
                yield title, command[0], '', 0
                continue
            options = [f for f in options if not f.startswith('-std=')]
            output, status = run([*command, *options, f'-std={standard}', *flags, f'-D{NAME}=1', *WARNINGS,
                                  f'-I{root}/include', '-x', language, '-c', '-o', '/dev/null', source])
            yield title, '', output, status


def complete(work):
    """Every operation compiles and works."""
    for target in PORTS:
        root = work / target
        port(root, target, parts=PARTS)
        for source in 'everything.inc', 'operations.inc':
            for flags in [], ['-DPERCPU_PREEMPT', '-DPERCPU_DEBUG'], ['-O0']:
                if source == 'operations.inc' and flags:
                    continue
                for title, missing, output, status in compile_one(root, target, root / 'tests/compile' / source,
                                                                  ' '.join([source, *flags]), flags):
                    result(title, output if status else '', missing)
        for flags, files in ([], TESTS), (['--singlestep'], ('t_irq.c',)), (['--singlestep'], ('race/race.c',)):
            title = f'{target}: {" ".join([*flags, *files])}'
            config = Config('bare', target, [f'-D{NAME}=1'])
            missing = absent(config.cc[0], f'qemu-system-{target}')
            if missing:
                result(title, skip=missing[0])
                continue
            try:
                program = Tree(root, work / f'{target}-objects').program(config, files)
                output, status = run([root / 'tools/qemu-run', target, *flags, program])
                result(title, output if status else '')
            except Failure as failure:
                result(title, str(failure))


def refused(work):
    """What a port lacks."""
    root = work / 'refused'
    source = work / 'refused.c'
    source.write_text('#include <percpu/percpu.h>\nstatic PERCPU_DEFINE(int, x);\nvoid f(void);\n'
                      'void f(void) { percpu_inc(x); }\n')

    def check(title, target, names, flags=()):
        for name, missing, output, status in compile_one(root, target, source, title, flags):
            errors = [line for line in output.splitlines() if re.search('(error|warning): ', line)]
            good = status and len(errors) == 2 and all(n in errors[0] for n in names) and BEHIND in errors[1]
            result(name, '' if good or missing else f'exit status {status}\n{output}', missing)

    for function, header in (('percpu__reg_read', 'cpu.h'), ('percpu__reg_write', 'cpu.h'),
                             ('percpu__irq_save', 'irq.h'), ('percpu__irq_restore', 'irq.h')):
        marker = f'#define {function} {function}\n'
        detail = port(root, 'x86_64')
        edit(detail / f'arch/{NAME}' / header, marker)
        check(f'{function} has no marker', 'x86_64', [f'{function}()'])
        detail = port(root, 'x86_64')
        body = detail / f'arch/{NAME}' / header
        edit(body, marker)
        edit(body, f' {function}(', f' percpu__other_{function}(')
        check(f'{function} is missing', 'x86_64', [f'{function}()'])
    for header in HEADERS:
        port(root, 'x86_64', [h for h in HEADERS if h != header])
        check(f'the selector has no PERCPU__ARCH_{header}', 'x86_64', [f'PERCPU__ARCH_{header}'])
    port(root, 'x86_64')
    check('PERCPU_RESTART, the selector has no PERCPU__ARCH_LIST', 'x86_64', ['PERCPU__ARCH_LIST'],
          ['-DPERCPU_RESTART'])
    port(root, 'x86_64', (*HEADERS, 'LIST'))
    check('PERCPU_RESTART, no sequences', 'x86_64', ['PERCPU_RESTART', 'PERCPU__SEQUENCES'], ['-DPERCPU_RESTART'])
    port(root, 'riscv32', (*HEADERS, 'LIST'))
    check('PERCPU_RESTART, no sequences', 'riscv32', ['PERCPU_RESTART', 'PERCPU__SEQUENCES'], ['-DPERCPU_RESTART'])
    port(root, 'x86_64', HEADERS, '#define PERCPU__ARCH_USER_REGISTER 1\n')
    check('a register for programs, the selector has no PERCPU__ARCH_ACCESS', 'x86_64', ['PERCPU__ARCH_ACCESS'])


# Of an architecture: clang's flags for it.
MARKERS = {
    'x86_64': '--target=x86_64-none-elf -mno-red-zone -mgeneral-regs-only -fno-pic',
    'aarch64': '--target=aarch64-none-elf -mgeneral-regs-only -fno-pic',
    'arm': '--target=armv7a-none-eabi -mfloat-abi=soft -fno-pic',
    'riscv': '--target=riscv64-none-elf -march=rv64imac_zicsr_zifencei -mabi=lp64 -mcmodel=medany -ffixed-x3',
    'loongarch64': '--target=loongarch64-none-gnusf -msoft-float -fno-pic',
}
MANDATORY = ('percpu__reg_read', 'percpu__reg_write', 'percpu__irq_save', 'percpu__irq_restore')
MARKER = re.compile(r'^#define (percpu__\w+) \1$|^#define (PERCPU__UPDATES) \(', re.MULTILINE)


def said_with(root, header, text, arguments):
    """What clang says of a file with a copy of the headers, in which one has another text."""
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(ROOT / 'include', root)
    (root / header.relative_to(ROOT / 'include')).write_text(text)
    return run(['clang', '-ffreestanding', '-fno-stack-protector', '-DPERCPU_PLATFORM_BARE', '-O2', f'-I{root}',
                '-fsyntax-only', *arguments])[0]


def unmarked(work):
    """A function whose marker was forgotten: the compiler names it, in a line that says UNMARKED."""
    source = work / 'unmarked.c'
    source.write_text('#include <percpu/percpu.h>\n')
    root = work / 'unmarked'
    for arch, flags in MARKERS.items():
        files = [ROOT / f'include/percpu/detail/arch/{arch}' / name for name in ('cpu.h', 'access.h')]
        for file in files:
            for marker in (match[0] or match[1] for match in MARKER.findall(file.read_text())):
                title = f'{arch}: {marker} is not marked'
                if marker in MANDATORY or wanted and title not in wanted:
                    continue
                if absent('clang'):
                    result(title, skip='clang')
                    continue
                edited = re.sub(rf'^#define {marker}\b.*$', '', file.read_text(), flags=re.MULTILINE)
                output = said_with(root, file, edited, [*flags.split(), source])
                name = 'percpu__add_8' if marker == 'PERCPU__UPDATES' else marker
                result(title, '' if re.search(rf"redefinition of '{name}'\n.*UNMARKED", output) else output or 'nothing')


def no_wait(work):
    """A port with sequences without the text of percpu_restart_selftest()."""
    root = work / 'no-wait'
    for arch, flags in MARKERS.items():
        header = ROOT / f'include/percpu/detail/arch/{arch}/restart.h'
        title = f'{arch}: PERCPU__RESTART_WAIT is missing'
        if arch == 'x86_64' or wanted and title not in wanted: # it has none for kernels
            continue
        if absent('clang'):
            result(title, skip='clang')
            continue
        edited = header.read_text().replace('#define PERCPU__RESTART_WAIT ', '#define PERCPU__RESTART_NO_WAIT ')
        output = said_with(root, header, edited, [*flags.split(), '-DPERCPU_RESTART', ROOT / 'src/restart.c'])
        result(title, '' if "this port's restart.h has no PERCPU__RESTART_WAIT" in output else output or 'nothing')


def main():
    with tempfile.TemporaryDirectory() as folder:
        for part in (complete, refused, unmarked, no_wait):
            if sys.argv[1:2] in ([], [part.__name__]):
                part(Path(folder))
    print(f'1..{number}\n# end: {number - failed} passed, {failed} failed')
    return failed > 0


if __name__ == '__main__':
    sys.exit(main())
