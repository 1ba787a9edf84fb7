#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Options of compilers that change what the headers' code means or calls. TAP.

usage: compilers.py [NAME...]        the tests with these names; default: all
"""
import re
import sys

from tools import A64, FREESTANDING, ROOT, Failure, Tap, absent, run, said, workspace

HERE = ROOT / 'tests'
INCLUDE = f'-I{ROOT}/include'
GNU17 = ['-std=gnu17', INCLUDE]
BARE = [*FREESTANDING.split(), '-DPERCPU_PLATFORM_BARE']
HOSTS = {'gcc': 'gcc', 'clang': 'clang', 'clang-14': 'clang-14'}
PLATFORMS = {
    'bare': BARE,
    'bare, kernel': [*BARE, '-mcmodel=kernel', '-mno-red-zone', '-mgeneral-regs-only', '-DPERCPU_DEBUG'],
    'thread': ['-D_GNU_SOURCE', '-DPERCPU_PLATFORM_THREAD'],
    'rseq': ['-D_GNU_SOURCE', '-fPIE'],
    'rseq, mm_cid': ['-D_GNU_SOURCE', '-fno-pie', '-DPERCPU_RSEQ_MM_CID'],
    'single': ['-DPERCPU_PLATFORM_SINGLE'],
    'single, kernel': [*FREESTANDING.split(), '-DPERCPU_PLATFORM_SINGLE'],
}


# -- -masm=intel -------------------------------------------------------------------------------------

# Instructions that are the same in both dialects.
SAME = {'cli', 'sti', 'pause', 'rdmsr', 'wrmsr'}


def without_error(assembly):
    """-> GCC's asm statements whose instructions -masm=intel would take for others; how many refuse."""
    wrong, refusals = [], 0
    for text in re.findall(r'^# \d+ "[^"\n]+" 1\n(.*?)^# 0 "" 2$', assembly, re.S | re.M):
        lines = [line.strip() for line in text.splitlines()]
        code = [line for line in lines if line and line[0] not in '.#' and line not in SAME and
                not line.endswith(':')]
        refuses = lines[0].startswith('.error "percpu: not with -masm=intel')
        refusals += refuses
        if code and not refuses:
            wrong.append(' / '.join(lines))
    return wrong, refusals


def check_intel(folder, platform, language):
    """Every statement with operands refuses the dialect, and the assembler says so."""
    compiler, std = ('gcc', 'gnu17') if language == 'c' else ('g++', 'gnu++17')
    flags = ['-O2', *PLATFORMS[platform], INCLUDE, '-masm=intel']
    sources = [HERE / 'compile/everything.inc'] + (sorted((ROOT / 'src').glob('**/*.c')) if language == 'c' else [])
    count = 0
    for source in sources:
        run([compiler, f'-std={std}', *flags, '-x', language, '-S', source, '-o', folder / 's'])
        wrong, refusals = without_error((folder / 's').read_text(encoding='utf-8'))
        count += refusals
        if wrong:
            raise Failure(f'{source}:\n    ' + '\n    '.join(wrong))
    if platform != 'single' and count < 20:
        raise Failure(f'{count} statements only')
    text, status = said([compiler, f'-std={std}', *flags, '-x', language, '-c', sources[0], '-o', folder / 'o'])
    if status == 0 or 'percpu: not with -masm=intel' not in text:
        raise Failure(f'status {status}\n{text}')
    return f'{count} statements'


# -- The red zone ------------------------------------------------------------------------------------

def check_red_zone(folder, compiler, level):
    """Interrupts are masked without a write to the caller's variables."""
    flags = [*GNU17, level, *BARE, '-mgeneral-regs-only', '-fcf-protection=none', '-mred-zone']
    if compiler != 'gcc':
        flags.append('-fno-addrsig')  # GNU's assembler does not know that
    run([compiler, *flags, '-S', HERE / 'compilers/redzone.c', '-o', folder / 's'])
    text = (folder / 's').read_text(encoding='utf-8')
    masked = re.sub(r'^\s*(cli|sti)\s*$', '\tnop', text, flags=re.M)
    if masked == text:
        raise Failure('interrupts are not masked')
    (folder / 's.s').write_text(masked, encoding='utf-8')
    # The library is not linked, to whose symbols the header refers.
    symbols = set(re.findall(r'percpu_built_\w+', masked))
    run(['gcc', '-no-pie', '-fno-pie', *(f'-Wl,--defsym={s}=0' for s in symbols), '-o', folder / 'program',
         HERE / 'compilers/host.c', folder / 's.s'])
    return f'sum {run([folder / "program"]).strip()}'


# -- Guards ------------------------------------------------------------------------------------------

RV64 = ['-march=rv64imac_zicsr_zifencei', '-mabi=lp64', '-mcmodel=medany']
# Of a function: the instructions that write the hooks' counter, and those that write or read a variable.
KERNELS = {
    'x86_64': (['gcc', 'clang', 'clang-14'], ['-mno-red-zone', '-mgeneral-regs-only'], 'block',
               r'\t(?:add|sub|inc|dec|mov)l\t.*\bdepth\(%rip\)$', r'\t(?:add|mov|inc)q\t\S+, \S*\(%r..\)$'),
    'aarch64': (['aarch64-linux-gnu-gcc', 'clang --target=aarch64-none-elf'], A64.split(), 'read', r'\sstr\s+w',
                r'\sldr\s+x'),
    'riscv64': (['riscv64-linux-gnu-gcc', 'clang --target=riscv64-none-elf'], RV64, 'read', r'\ssw\s', r'\sld\s'),
}


def function(assembly, name):
    return re.search(rf'^{name}:(.*?)^\s*\.size\s+{name},', assembly, re.S | re.M)[1]


def check_hooks(folder, compiler, flags, name, counter, access):
    """The hooks' stores stay, and stay around what they guard."""
    run([*compiler.split(), *GNU17, '-O2', '-g0', *flags, *BARE, '-DPERCPU_PREEMPT', '-S', HERE / 'compilers/guards.c',
         '-o', folder / 's'])
    assembly = (folder / 's').read_text(encoding='utf-8')
    code = function(assembly, name)
    order = ''.join('c' if re.search(counter, line) else 'v' for line in code.splitlines()
                    if re.search(counter, line) or re.search(access, line))
    if not re.fullmatch(r'cv+c', order):
        raise Failure(f'{name}: {order}\n{code}')


def check_barriers(folder, compiler, platform):
    """What is written before, in and behind a block is written there."""
    flags = [flag for flag in PLATFORMS[platform] if flag != '-DPERCPU_DEBUG']
    run([compiler, *GNU17, '-O2', '-g0', *flags, '-S', HERE / 'compilers/guards.c', '-o', folder / 's'])
    code = function((folder / 's').read_text(encoding='utf-8'), 'block')
    stores = re.findall(r'movl\s+\$([1-4]), .*outside', code)
    if stores not in (['1', '3', '4'], ['1', '2', '3', '4']):
        raise Failure(f'stores {stores}\n{code}')


# -- Hooks and linkage -------------------------------------------------------------------------------

HOOKS = {'-finstrument-functions': '__cyg_profile', '-pg': r'mcount|__fentry__'}


def check_hook(folder, compiler, option, level):
    """The operations' own functions call no hook: it may count with them."""
    flags = [*GNU17, level, '-g0', *BARE, '-DPERCPU_DEBUG', option]
    if option == '-pg' and compiler == 'gcc':
        flags.append('-mfentry')
    calls = 0
    for source in (HERE / 'codegen.c', ROOT / 'src/calls.c'):
        run([compiler, *flags, '-S', source, '-o', folder / 's'])
        text = (folder / 's').read_text(encoding='utf-8')
        for name, code in re.findall(r'^(\w+):[^\n]*\n(.*?)^\s*\.size\s+\1,', text, re.S | re.M):
            count = len(re.findall(rf'call\w*\s+\*?\S*(?:{HOOKS[option]})', code))
            calls += count
            if count > (2 if name.startswith('f_') else 0):  # its entry, and its return
                raise Failure(f'{name} calls a hook {count} times\n{code}')
    if not calls:
        raise Failure('there are no calls of hooks')


# What calls a function in each function or access: the option, and the function.
SANITIZERS = {
    'gcc': {'-fsanitize-coverage=trace-pc': '__sanitizer_cov', '-fsanitize-coverage=trace-cmp,trace-pc': '__sanitizer_cov',
            '-fsanitize=kernel-address --param=asan-instrumentation-with-call-threshold=0': '__asan_',
            '-fsanitize=thread': '__tsan_'},
    'clang': {'-fsanitize-coverage=trace-pc': '__sanitizer_cov', '-fsanitize-coverage=func,trace-pc-guard':
              '__sanitizer_cov', '-fsanitize=kernel-address -mllvm -asan-instrumentation-with-call-threshold=0': '__asan_',
              '-fsanitize=thread': '__tsan_', '-fxray-instrument -fxray-instruction-threshold=1': 'xray_sled',
              '-fsanitize=kernel-memory': '__msan_'},
}
# What operations call with PERCPU_DEBUG.
CALLED = {'src/areas.c': ('percpu__check_current',), 'src/platform/bare.c': ('percpu__reg_valid',)}


def check_sanitizer(folder, compiler, option, level):
    """The same of the hooks that kernels bring for sanitizers, coverage and XRay: a function that is exempt calls none
    through the library, and it compiles, inlined or not."""
    calls = 0
    for source in ('tests/compilers/hook.c', 'src/calls.c', *CALLED):
        run([compiler, *GNU17, level, '-g0', *BARE, '-DPERCPU_DEBUG', *option.split(), '-S', ROOT / source,
             '-o', folder / 's'])
        text = (folder / 's').read_text(encoding='utf-8')
        for name, code in re.findall(r'^(\w+):[^\n]*\n(.*?)^\s*\.size\s+\1,', text, re.S | re.M):
            if source in CALLED and name not in CALLED[source]:
                continue
            count = len(re.findall(SANITIZERS[compiler][option], code))
            calls += name == 'user' and count
            if count and name != 'user' and not name.startswith('_sub_I_'):  # GCC's own, of the start
                raise Failure(f'{source}: {name} calls a hook {count} times\n{code}')
    if not calls:
        raise Failure('there are no calls of hooks')


def check_linkage(folder, compiler, platform):
    run([*compiler.split(), '-std=gnu++17', '-O2', *PLATFORMS[platform], INCLUDE, '-c',
         HERE / 'compilers/extern_c.cpp', '-o', folder / 'o'])


# -- ThreadSanitizer ---------------------------------------------------------------------------------

def check_races(folder, compiler):
    """It reports no race of the library's untorn accesses, and that of a plain one."""
    sources = sorted((ROOT / 'src').glob('**/*.c'))
    for race in (False, True):
        run([compiler, *GNU17, '-O1', '-g', '-fsanitize=thread', '-D_GNU_SOURCE', '-pthread',
             *(['-DRACE'] if race else []), HERE / 'compilers/race.c', *sources, '-o', folder / 'program'])
        # GCC 12's does not know the addresses of 32 random bits.
        text = said(['setarch', '-R', folder / 'program'])[0]
        if not text.endswith(('1\n', 'warnings\n')) or ('data race' in text) != race:
            raise Failure(f'race: {race}\n{text}')


# -- Sequences are asm gotos with outputs --------------------------------------------------------------

def check_outputs(folder, compiler, flags):
    """Results are the sequences' own: GCC before 12.4 loses some, PR middle-end/113921."""
    sources = [HERE / 'compilers/outputs.c', *sorted((ROOT / 'src').glob('**/*.c'))]
    run([compiler, *GNU17, *flags, *PLATFORMS['rseq'], '-pthread', *sources, '-o', folder / 'program'])
    text, status = said([folder / 'program'])
    if (text, status) != ('right\n', 0):
        raise Failure(f'status {status}\n{text}')


def tests(folder):
    """-> name, the compilers, function and arguments"""
    for platform in PLATFORMS:
        for language, compiler in {'c': 'gcc', 'c++': 'g++'}.items():
            yield f'-masm=intel is refused: {language}, {platform}', compiler, check_intel, folder, platform, language
    for name, compiler in HOSTS.items():
        for level in ('-O1', '-O2'):
            yield f'the red zone is left alone: {name} {level}', compiler, check_red_zone, folder, compiler, level
    for target, (compilers, *how) in KERNELS.items():
        for compiler in compilers:
            yield f'hooks that are seen: {target} {compiler.split()[0]}', compiler, check_hooks, folder, compiler, *how
    for platform in PLATFORMS:
        for compiler in ('gcc', 'clang'):
            yield f'a block is a barrier: {compiler}, {platform}', compiler, check_barriers, folder, compiler, platform
    for compiler in ('gcc', 'clang'):
        for option in HOOKS:
            for level in ('-O0', '-O2'):
                yield f'no hooks: {compiler} {option} {level}', compiler, check_hook, folder, compiler, option, level
        for option in SANITIZERS[compiler]:
            for level in ('-O0', '-O2'):
                yield f'no hooks: {compiler} {option} {level}', compiler, check_sanitizer, folder, compiler, option, level
    for compiler in ('g++', 'clang++'):
        for platform in ('bare', 'rseq'):
            yield (f'inside of extern "C": {compiler}, {platform}', compiler, check_linkage, folder, compiler,
                   platform)
    for compiler in ('gcc', 'clang'):
        yield f'ThreadSanitizer: {compiler}', compiler, check_races, folder, compiler
    for compiler, flags in (('gcc', '-O1 -fno-tree-coalesce-vars'), ('gcc', '-O2 -fno-tree-coalesce-vars'),
                            ('clang', '-O2'), ('clang-14', '-O0')):
        yield f'results of sequences: {compiler} {flags}', compiler, check_outputs, folder, compiler, flags.split()


def main():
    tap = Tap(sys.argv[1:])
    with workspace() as folder:
        for name, compiler, function, *arguments in tests(folder):
            if not tap.wanted(name):
                continue
            missing = absent(compiler)
            if missing:
                tap.result(name, missing=missing)
            else:
                tap.check(name, function, *arguments)
    return tap.end()


if __name__ == '__main__':
    sys.exit(main())
