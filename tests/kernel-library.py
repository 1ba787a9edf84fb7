#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a kernel gets that links the library: what it must provide, what it is spared, which flags are
refused. docs/linking.md says so in tables, which this reads. TAP.

usage: kernel-library.py TARGET gcc|clang

Nothing is run. Needs the target's compiler and linkers, and LLVM's ar, nm, size and objdump.
"""
import contextlib
import fnmatch
import os
import re
import shlex
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tools import FREESTANDING, ROOT, Tap, needs, said, workspace

HERE = ROOT / 'tests'
FLAGS = f'-std=gnu17 -Wall -Wextra -Werror {FREESTANDING}'
BARE, SINGLE = '-DPERCPU_PLATFORM_BARE', '-DPERCPU_PLATFORM_SINGLE'
ALL = f'{BARE} -DPERCPU_DEBUG -DPERCPU_PREEMPT -DPERCPU_RESTART -DPERCPU_ZERO_VMA -DPERCPU_CALL'

RV64, RV32 = '-mabi=lp64 -mcmodel=medany', '-mabi=ilp32 -mcmodel=medany -DPERCPU_RISCV_M_MODE'
SOFT64, SOFT32 = '-march=rv64imac_zicsr_zifencei', '-march=rv32imac_zicsr_zifencei'
HARD64, HARD32 = '-march=rv64gc', '-march=rv32gc'
NEON = '-mfloat-abi=softfp -mfpu=neon'

# Of a target: compilers; the ABI; what files are restricted to, and what they may use without; flags
# that nothing tells, with what tools/check-code calls it; GNU ld.
TARGETS = {
    'x86_64': ({'gcc': 'gcc', 'clang': 'clang --target=x86_64-unknown-none-elf'},
               '-mcmodel=kernel', '-mgeneral-regs-only', '', ('-mno-red-zone', 'red-zone'), 'ld.bfd'),
    'aarch64': ({'gcc': 'aarch64-linux-gnu-gcc -mno-outline-atomics',
                 'clang': 'clang --target=aarch64-none-elf'},
                '', '-mgeneral-regs-only -mstrict-align', '', ('-ffixed-x18', 'x18'),
                'aarch64-linux-gnu-ld'),
    'arm': ({'gcc': 'arm-none-eabi-gcc', 'clang': 'clang --target=armv7a-none-eabi'},
            '-march=armv7-a', '-mfloat-abi=soft -mno-unaligned-access', NEON, ('-ffixed-r9', 'r9'),
            'arm-none-eabi-ld'),
    'riscv64': ({'gcc': 'riscv64-linux-gnu-gcc', 'clang': 'clang --target=riscv64-none-elf'},
                RV64, SOFT64, HARD64, ('-ffixed-x18', 's2'), 'riscv64-linux-gnu-ld -m elf64lriscv'),
    # clang warns of 8-byte atomics there.
    'riscv32': ({'gcc': 'riscv64-linux-gnu-gcc',
                 'clang': 'clang --target=riscv32-none-elf -Wno-atomic-alignment'},
                RV32, SOFT32, HARD32, ('-ffixed-x18', 's2'), 'riscv64-linux-gnu-ld -m elf32lriscv'),
    'loongarch64': ({'clang': 'clang --target=loongarch64-none-elf -Wno-ignored-optimization-argument'},
                    '-mabi=lp64s', '-mfpu=none', '-mfpu=64', None, None),
}
target, compiler = sys.argv[1:]
compilers, abi, restricted, free, untold, BFD = TARGETS[target]
if free in (HARD64, HARD32) and compiler == 'clang': # which vectorises, and uses no scalar ones
    free += 'v'
needs(compilers[compiler], 'ld.lld', 'llvm-ar', 'llvm-nm', 'llvm-objdump', 'llvm-size', *([BFD] if BFD else []))
CC = f'{compilers[compiler]} {FLAGS}'
LINKERS = ([BFD] if BFD else []) + ['ld.lld']

tap = Tap()
result = tap.result
stack = contextlib.ExitStack()
work = stack.enter_context(workspace())
pool = ThreadPoolExecutor(os.cpu_count() or 2)


def run(line):
    output, status = said(shlex.split(line))
    return status, output


def must(line):
    status, output = run(line)
    if status:
        print('\n# '.join([f'Bail out! {line}', *output.splitlines()[:30]]))
        sys.exit(1)
    return output


def compile_all(name, flags, sources):
    """A folder of objects, named after the sources."""
    out = work / name
    out.mkdir(exist_ok=True)
    objects = [out / (source.name + '.o') for source in sources]
    list(pool.map(must, [f'{CC} {abi} {flags} -I{ROOT}/include -c -o {o} -x c {s}'
                         for s, o in zip(sources, objects)]))
    return objects


SOURCES = [p for p in sorted(ROOT.glob('src/**/*.c'))]
KERNELS = [ROOT / 'src' / f for f in ('alloc.c', 'areas.c', 'calls.c', 'common.c', 'error.c', 'existing.c',
                                      'fence.c', 'heap.c', 'info.c', 'panic.c', 'query.c', 'remote.c', 'report.c',
                                      'restart.c', 'up.c', 'platform/bare.c',
                                      'platform/single.c')] # others compile to nothing


def library(name, flags, sources=SOURCES):
    """An archive, and its objects."""
    objects = compile_all(name, flags, sources)
    archive = work / name / 'libpercpu.a'
    archive.unlink(missing_ok=True)
    must(f'llvm-ar rcs {archive} {" ".join(map(str, objects))}')
    return archive, objects


def source(name, text):
    file = work / name
    file.write_text(text)
    return file


def undefined(objects):
    """Names that objects use and do not define, without those of the linker script."""
    used, defined = set(), set()
    for line in must(f'llvm-nm {" ".join(map(str, objects))}').splitlines():
        match = re.match(r'(?:[0-9a-f]+)?\s+([A-Za-z])\s+(\S+)$', line)
        if match:
            (used if match[1] in 'Uw' else defined).add(match[2])
    # The script's, and near variables that operations.inc declares only.
    return {s for s in used - defined if not re.match(r'_percpu_|__(start|stop)_percpu_|__PERCPU_', s)}


def section(title):
    """Rows of the first table under a title of docs/linking.md."""
    text = (ROOT / 'docs/linking.md').read_text().split(f'### {title}\n', 1)[1]
    table = re.search(r'(?:^\|.*\n)+', text, re.M)[0]
    return [[cell.strip() for cell in row.strip('| ').split(' | ')] for row in table.splitlines()[2:]]


def named(cell):
    return re.findall(r'`([^`]+)`', cell)


def script(name, *macros):
    out = work / name
    must(f'{CC} -E -P -undef -x assembler-with-cpp -DBARE_LOAD=0x100000 -DBARE_OFFSET=0 -DBARE_MMU=0 '
         f'-DBARE_CPUS=4 {" ".join(macros)} {HERE}/bare/kernel.lds.S -o {out}')
    return out


def link(linker, lds, out, *inputs):
    return run(f'{linker} -nostdlib -static -z max-page-size=4096 --build-id=none -L{ROOT}/ld -T {lds} '
               f'-o {out} {" ".join(map(str, inputs))}')


NATURAL = script('natural.lds')
ZERO = script('zero.lds', '-DPERCPU_ZERO_VMA')

# -- What it must provide ----------------------------------------------------------------------------

GCC = compiler == 'gcc'
NEEDS = [name for row in section('What the library needs of a kernel') for name in named(row[0])]


def needs_of(flags, is_user):
    """Patterns of what there must be."""
    needs = set()
    if 'PREEMPT' in flags:
        needs |= {'percpu_preempt_disable', 'percpu_preempt_enable'}
    if 'PERCPU_CALL' in flags: # a user pulls fence.c
        needs |= {'percpu_call_cpu'}
    if '-moutline-atomics' in flags:
        needs |= {'__aarch64_*'}
    if '-msave-restore' in flags:
        needs |= {'__riscv_save_*', '__riscv_restore_*'}
    if '-march=rv' in flags and 'ia_' in flags:
        needs |= {'__mul*i3'}
    if '-fstack-protector' in flags:
        needs |= {'__stack_chk_fail', '__stack_chk_guard'}
    return needs


def compare(who, objects, patterns, optional=()):
    seen = undefined(objects)
    matched = {p for p in patterns if fnmatch.filter(seen, p)}
    more = {s for s in seen if not any(fnmatch.fnmatch(s, p) for p in [*patterns, *optional])}
    wrong = [f'{who} needs {s}' for s in sorted(more)]
    wrong += [f'{who} does not need {p}' for p in sorted(patterns - matched)]
    wrong += [f'docs/linking.md does not name {p}' for p in sorted(patterns) if p not in NEEDS]
    return '\n'.join(wrong), seen


def check_needs():
    variants = [f'{o} {BARE}' for o in ('-O0', '-O2', '-Oz')]
    variants += [f'-O2 {ALL}', f'-O0 {SINGLE}', f'-Os {SINGLE}', f'-O2 -fno-builtin -ffunction-sections -fdata-sections {BARE}']
    variants += [f'-O2 -fstack-protector-all {BARE}'] if target != 'x86_64' else []
    variants += {'aarch64': [f'-O2 -moutline-atomics {BARE}'], 'arm': [f'-Oz -mthumb {BARE}'],
                 'riscv64': [f'-Os -msave-restore {BARE}', f'-O2 {SOFT64.replace("imac", "ia")} {BARE}'],
                 'riscv32': [f'-Os {SOFT32.replace("imac", "ia")} {BARE}']}.get(target, [])
    # A variable on the stack that the compiler sets may become a call.
    variants += [f'-Oz -ftrivial-auto-var-init=zero {BARE}']
    for i, flags in enumerate(variants):
        name = f'needs{i}'
        flags = f'{restricted} {flags} -Wno-unused-command-line-argument'
        archive, objects = library(name, flags, SOURCES if i == 0 else [HERE / 'library.c'])
        # All operations by -O0, -O2, and in all configurations.
        inputs = [HERE / 'compile/everything.inc', HERE / 'compile/operations.inc']
        users = compile_all(name, flags, inputs if i in (0, 1) or ALL in flags else inputs[:1])
        optional = ['memset', '__aeabi_memclr*', '__aeabi_memset*'] if 'auto-var' in flags else []
        of_library, seen = compare('the library', objects, needs_of(flags, False), optional)
        of_users, more = compare('a user', [*users, archive], needs_of(flags, True), optional)
        title = flags.replace(restricted, '').replace('-Wno-unused-command-line-argument', '').strip()
        result(f'needs: {title}', of_library + of_users)
        provided = [f'--defsym={s}=0' for s in sorted(seen | more)]
        linker = LINKERS[i % len(LINKERS)]
        status, output = link(linker, ZERO if 'ZERO' in flags else NATURAL, work / 'out', users[0], '--whole-archive',
                              archive, *provided)
        result(f'links without a C library, {linker.split()[0]}: {title}', output if status else '')


# -- What it is spared -------------------------------------------------------------------------------

MINIMAL = '''
#include <percpu/alloc.h>
#include <percpu/percpu.h>
static PERCPU_DEFINE(uint32_t, count);
int kernel(void);
int kernel(void)
{
#ifdef ALLOCATES
    if (!percpu_alloc(int))
        return 1;
#endif
#ifdef FENCES
    if (percpu_fence() != 0 || percpu_or_all(count, 0) != 0)
        return 1;
#endif
#ifdef SAYS
    (void)percpu_strerror(-1);
#endif
    if (percpu_init_in_place() < 0 || percpu_init_reg(0) != 0)
        return 1;
    percpu_inc(count);
    percpu_write(count, percpu_read(count) + 1);
    return percpu_sum(count) == 2 && percpu_area_num() > 1;
}
#ifdef FENCES
int percpu_call_cpu(size_t cpu, void (*f)(void *), void *arg) { f(arg); return (int)cpu; }
#endif
#ifdef PANICS
void percpu_panic(const char *message) { (void)message; }
#endif
'''


def check_parts():
    minimal = source('minimal.c', MINIMAL)
    # Which files docs/linking.md says are needed, by what.
    rows = {name: row[1] for row in section('Which files a kernel needs') for name in named(row[0])}
    listed = {f'{p.relative_to(ROOT / "src")}' for p in ROOT.glob('src/**/*.c')}
    result('docs/linking.md names each file', ', '.join(sorted(listed ^ set(rows))))
    included = set(re.findall(r'#include "../src/(.*)"', (HERE / 'library.c').read_text()))
    result('tests/library.c includes each file', ', '.join(sorted(listed ^ included)))
    core = {platform: {f for f, need in rows.items() if f'always on `{platform}`' in need or need == 'always'}
            for platform in ('bare', 'single')}
    sizes = []
    libraries = {kind: library(f'parts{i}', f'-O2 -fno-function-sections {restricted} {kind}', KERNELS)
                 for i, kind in enumerate((BARE, f'{BARE} -DPERCPU_RESTART', f'{BARE} -DPERCPU_CALL', SINGLE))}
    for title, kind, users, more in (
            ('bare, own percpu_panic()', BARE, '-DPANICS', set()),
            ('bare', BARE, '', {'panic.c'}),
            ('bare, PERCPU_RESTART', f'{BARE} -DPERCPU_RESTART', '-DPANICS', {'restart.c'}),
            ('bare, percpu_or_all()', f'{BARE} -DPERCPU_CALL', '-DPANICS -DFENCES', {'fence.c', 'remote.c'}),
            ('bare, percpu_strerror()', BARE, '-DPANICS -DSAYS', {'error.c'}),
            ('bare, percpu_alloc()', BARE, '-DPANICS -DALLOCATES', {'alloc.c', 'heap.c', 'query.c'}),
            ('bare, a user that is not optimised', BARE, '-DPANICS -O0', {'calls.c'}),
            ('single, own percpu_panic()', SINGLE, '-DPANICS', set())):
        archive, objects = libraries[kind]
        user = compile_all('parts-user', f'-O2 -fno-function-sections {restricted} {kind} {users}', [minimal])
        platform = 'single' if kind == SINGLE else 'bare'
        expected = {Path(f).name for f in core[platform] | more}
        for linker in LINKERS:
            status, output = link(linker, NATURAL, work / 'out', *user, archive, '--trace --trace')
            taken = set(re.findall(r'([a-z]+\.c)\.o', output)) - {'minimal.c'}
            result(f'no more than it uses, {linker.split()[0]}: {title}', output if status else
                   f'linked: {" ".join(sorted(taken))}' if taken != expected else '')
        text = sum(int(line.split()[0]) for line in must(
            'llvm-size ' + ' '.join(str(o) for o in objects if o.name[:-2] in expected)).splitlines()[1:])
        sizes.append(f'# {title}: {" ".join(sorted(expected))}: {text} bytes of code and constants at -O2')
        # The others left out altogether.
        status, output = link(LINKERS[-1], NATURAL, work / 'out', *user,
                              *(o for o in objects if o.name[:-2] in expected))
        result(f'the other files left out: {title}', output if status else '')
    print('\n'.join(sizes))


# -- Which flags are refused -------------------------------------------------------------------------

CALLS = '''
#include <percpu/percpu.h>
PERCPU_DEFINE(uint32_t, count);
int kernel(void);
int kernel(void) { percpu_inc(count); return (int)percpu_sum(count); }
void percpu_panic(const char *message) { (void)message; }
'''


def check_flags():
    calls, whole = source('calls.c', CALLS), [HERE / 'library.c']
    general, strict = restricted.split()[0], (restricted.split() + [''])[1]
    rows = [(general, free, 'general_regs_only')]
    if strict and (target == 'arm' or not GCC):
        other = free.replace('-mfloat-abi=softfp -mfpu=neon', '-mfloat-abi=soft')
        rows.append((restricted, f'{general} {other}', 'strict_align'))
    if target == 'arm':
        rows.append((general, '-mfloat-abi=hard -mfpu=neon -mno-unaligned-access', 'general_regs_only|VFP register'))
    if target == 'x86_64':
        rows.append((f'{general} -fcf-protection=branch', general, 'branch_targets'))
    if target == 'aarch64':
        rows.append((f'{restricted} -mbranch-protection=bti', restricted, 'branch_targets'))
    documented = [name for row in section('Flags that the compiler tells') for name in named(row[0])]
    for platform in (BARE, SINGLE):
        for i, (strict_flags, lax, text) in enumerate(rows if platform == BARE else rows[:1]):
            lib = {}
            for kind, flags in (('strict', strict_flags), ('lax', lax)):
                lib[kind] = library(f'{kind}{i}', f'-O2 {flags} {platform}', whole)[0]
                compile_all(f'{kind}{i}-user', f'-O2 {flags} {platform}', [calls])
            for linker in LINKERS if platform == BARE else LINKERS[-1:]:
                for kind, user, gc in (('strict', 'strict', ''), ('lax', 'lax', ''), ('strict', 'lax', ''),
                                       ('lax', 'strict', ''), ('lax', 'strict', '--gc-sections -e kernel')):
                    status, output = link(linker, NATURAL, work / 'out', work / f'{user}{i}-user/calls.c.o',
                                          lib[kind], gc)
                    said = {'strict': strict_flags, 'lax': lax or 'none of it'}
                    title = (f'{platform[18:].lower()}, {linker.split()[0]}: library {said[kind]}, '
                             f'user {said[user]} {gc}').strip()
                    if kind == 'lax' and user == 'strict':
                        result(f'refused: {title}', f'it linked {output}' if not status else
                               output if not re.search(text, output) else '')
                    elif target == 'arm' and 'hard' in lax and kind != user:
                        pass # GNU ld refuses what LLD takes and what is right
                    else:
                        result(f'links: {title}', output if status else '')
    for text in {text.split('|')[0] for *_, text in rows}:
        result(f'docs/linking.md names {text}',
               '' if f'percpu_built_with__{text}' in documented else 'it does not')
    # What another rule of the linker refuses.
    if target.startswith('riscv'):
        refused = [(f'{free} {"-mabi=lp64d" if target == "riscv64" else "-mabi=ilp32d"}', 'float')]
    elif target == 'loongarch64':
        refused = [('-mfpu=64 -mabi=lp64d', 'ABI')]
    else:
        refused = []
    for flags, text in refused:
        archive, _ = library('abi', f'-O2 {flags} {BARE}', whole)
        for linker in LINKERS:
            status, output = link(linker, NATURAL, work / 'out', work / 'lax0-user/calls.c.o', archive)
            result(f'refused: {linker.split()[0]}: library {flags}',
                   f'it linked {output}' if not status or not re.search(text, output) else '')


def check_code():
    """tools/check-code finds what the flag prevents, and nothing with it."""
    cases = [(restricted, free, 'fp', '-O2')]
    if untold:
        flag, what = untold
        cases += [(f'{restricted} {flag}', restricted, what, opt)
                  for opt in (('-O0', '-O2') if what == 'red-zone' else ('-O2',))]
    for flags, without, what, opt in cases:
        seen = []
        for some in (flags, without):
            archive, _ = library('code', f'{opt} {some} {BARE} -DPERCPU_RESTART', KERNELS)
            seen.append(run(f'env OBJDUMP=llvm-objdump {ROOT}/tools/check-code {what} {archive}'))
        wrong = seen[0][1] or (f'status {seen[0][0]}' if seen[0][0] else '')
        print(f'# {what} {opt}: {len(seen[1][1].splitlines())} functions without the flag')
        if seen[1][0] != (1 if seen[1][1] else 0) or not seen[1][1] and (what, opt, compiler) in MUST_FIND:
            wrong = f'{wrong}\nstatus {seen[1][0]}, found: {seen[1][1]}'
        result(f'check-code {what} {opt}', wrong)
    # What it cannot tell is not fine.
    none = compile_all('none', f'{restricted} {BARE}', [source('none.c', 'extern int none;\n')])[0]
    other = 'x18' if target != 'aarch64' else 's2'
    for why, what, file in (('no such file', 'fp', work / 'absent'), ('no object', 'fp', HERE / 'tools.py'),
                            ('no code', 'fp', none), ('no such register', other, archive)):
        status, output = run(f'env OBJDUMP=llvm-objdump {ROOT}/tools/check-code {what} {file}')
        result(f'check-code {what}, {why}: 2', '' if status == 2 else f'status {status}: {output}')


# Elsewhere it is the compiler's choice.
MUST_FIND = {('x18', '-O2', 'gcc'), ('x18', '-O2', 'clang'), ('red-zone', '-O2', 'gcc'),
             ('red-zone', '-O0', 'gcc'), ('red-zone', '-O0', 'clang'), ('fp', '-O2', 'clang')}

with stack:
    check_needs()
    check_parts()
    check_flags()
    check_code()
sys.exit(tap.end())
