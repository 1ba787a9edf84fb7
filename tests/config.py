#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The configuration that an object file names, so that parts which are built differently do not link:
of each setting, architecture and restriction of the compiler. TAP.

usage: config.py [TEST...]     default: all

tests/link.sh, tests/link-<architecture>.sh and tests/kernel-library.py link such parts.
"""
import re
import sys

from tools import ROOT, Tap, absent, said, workspace

BARE = '-ffreestanding -fno-pic -fno-pie -fno-stack-protector -DPERCPU_PLATFORM_BARE'
SINGLE = BARE.replace('BARE', 'SINGLE')
X86, A64 = 'gcc', 'aarch64-linux-gnu-gcc'
ARM = 'arm-none-eabi-gcc -march=armv7-a'
ARM_M = 'arm-none-eabi-gcc -march=armv7-m -mthumb'
OWN = '-DPERCPU_OWN_REGISTER -Itests/bare/own'
RV64 = 'riscv64-linux-gnu-gcc -mabi=lp64 -mcmodel=medany'
RV32 = 'riscv64-linux-gnu-gcc -mabi=ilp32 -mcmodel=medany'
CLANG = {name: f'clang --target={name}-none-elf' for name in ('x86_64', 'aarch64', 'armv7a', 'riscv64')}
LOONG = 'clang --target=loongarch64-none-elf'
SOFT = '-march=rv64imac_zicsr_zifencei'
REGS, STRICT, TARGETS = (f'percpu_built_with__{name}' for name in
                         ('general_regs_only', 'strict_align', 'branch_targets'))
ONE = '__single__cpus_1'
# Compiler, flags, what follows percpu_built_as, restrictions.
USERS = (
    (X86, '', '__rseq__cpus_8192'),
    (X86, '-DPERCPU_PLATFORM_THREAD', '__thread__cpus_8192'),
    (X86, '-DPERCPU_PLATFORM_SINGLE', ONE),
    (X86, BARE, '__bare__cpus_64'),
    (X86, '-ffreestanding -fno-pic', '__bare__cpus_64'),
    (X86, '-U__linux__', '__thread__cpus_8192'),
    (X86, '-DPERCPU_MAX_CPUS=7', '__rseq__cpus_7'),
    (X86, '-DPERCPU_DEBUG', '__rseq__cpus_8192__debug'),
    (X86, '-DPERCPU_RSEQ_MM_CID', '__rseq__cpus_8192__mm_cid'),
    (X86, f'{BARE} -DPERCPU_ZERO_VMA', '__bare__cpus_64__zero_vma'),
    (X86, f'{BARE} -DPERCPU_PREEMPT', '__bare__cpus_64__preempt'),
    (X86, f'{BARE} -DPERCPU_PREEMPT_STATE', '__bare__cpus_64__preempt_state'),
    (X86, f'{BARE} -DPERCPU_PREEMPT_IRQ', '__bare__cpus_64__preempt_irq'),
    (X86, f'{BARE} -DPERCPU_RESTART', '__bare__cpus_64__restart'),
    (X86, f'{BARE} -DPERCPU_RESTART -DPERCPU_PREEMPT -DPERCPU_ZERO_VMA -DPERCPU_DEBUG',
     '__bare__cpus_64__zero_vma__preempt__restart__debug'),
    (X86, f'{BARE} -mgeneral-regs-only', '__bare__cpus_64', REGS),
    (X86, f'{SINGLE} -mgeneral-regs-only', ONE, REGS),
    (X86, f'{BARE} -fcf-protection=branch', '__bare__cpus_64', TARGETS),
    (X86, f'{BARE} -fcf-protection=return', '__bare__cpus_64'),
    (X86, '-fcf-protection=branch', '__rseq__cpus_8192'), # programs are not asked
    (CLANG['x86_64'], f'{BARE} -mno-sse', '__bare__cpus_64', REGS),
    (A64, BARE, '__bare__cpus_64'),
    (A64, f'{BARE} -DPERCPU_ARM_EL2', '__bare__cpus_64__el2'),
    (A64, f'{BARE} -DPERCPU_ARM_EL3', '__bare__cpus_64__el3'),
    (A64, f'{BARE} -DPERCPU_ARM_X18 -ffixed-x18', '__bare__cpus_64__x18'),
    (A64, f'{BARE} -mgeneral-regs-only -mstrict-align', '__bare__cpus_64', REGS), # GCC does not tell
    (A64, f'{BARE} -mbranch-protection=bti', '__bare__cpus_64', TARGETS),
    (CLANG['aarch64'], f'{BARE} -mstrict-align', '__bare__cpus_64', STRICT),
    (CLANG['aarch64'], BARE, '__bare__cpus_64'),
    (ARM, f'{BARE} -mfloat-abi=soft', '__bare__cpus_64', REGS),
    (ARM, f'{BARE} -mfloat-abi=soft -DPERCPU_ARM_TPIDRPRW', '__bare__cpus_64__tpidrprw', REGS),
    (ARM, f'{BARE} -mfloat-abi=softfp -mfpu=neon -mno-unaligned-access', '__bare__cpus_64', STRICT),
    (ARM_M, f'{BARE} {OWN}', '__bare__cpus_64__own'),
    (ARM_M, f'{BARE} {OWN} -DOWN_CPU', '__bare__cpus_64__own_cpu'),
    (CLANG['armv7a'], f'{BARE} -mfloat-abi=soft -mno-unaligned-access', '__bare__cpus_64', REGS, STRICT),
    (RV64, f'{BARE} {SOFT}', '__bare__cpus_64__gp', REGS),
    (RV64, f'{BARE} {SOFT} -DPERCPU_RISCV_TP', '__bare__cpus_64__tp', REGS),
    (RV64, f'{BARE} {SOFT} -DPERCPU_RISCV_M_MODE', '__bare__cpus_64__m_mode_gp', REGS),
    (RV64, f'{BARE} -march=rv64gc', '__bare__cpus_64__gp'),
    (CLANG['riscv64'], f'{BARE} -march=rv64imacv -mabi=lp64', '__bare__cpus_64__gp'),
    (LOONG, f'{BARE} -msoft-float', '__bare__cpus_64', REGS),
    (LOONG, BARE, '__bare__cpus_64'),
)
# Compiler, flags, the largest template at VMA 0.
LIMITS = (
    (X86, BARE, None),
    (A64, BARE, 0x10000),
    (ARM, f'{BARE} -mfloat-abi=soft', 0x10000),
    (RV64, f'{BARE} {SOFT}', 0x7ffff000),
    (RV32, f'{BARE} -march=rv32imac_zicsr_zifencei', 0x7ffff000),
    (LOONG, f'{BARE} -msoft-float', 0x80000000),
)
tap = Tap(sys.argv[1:])


def test(name, command, judge):
    """judge() returns what is wrong."""
    if tap.wanted(name):
        lacking = absent(command, 'llvm-nm', 'llvm-readelf')
        tap.result(name, '' if lacking else judge(), missing=lacking)


def objects(work, command):
    """-> symbols of a file of the user's and of the library's as name to kind and value; or what is wrong."""
    found, source = [], work / 'x.c'
    source.write_text('#include <percpu/percpu.h>\n')
    for define in ([], ['-DPERCPU__DEFINE_CONFIG']):
        output, status = said([*command.replace('-Itests', f'-I{ROOT}/tests').split(), *define, '-std=gnu17', '-O1', f'-I{ROOT}/include', '-c', '-o',
                            work / f'x{len(define)}.o', source])
        if status:
            return output
        symbols, _ = said(['llvm-nm', work / f'x{len(define)}.o'])
        found.append({name: (kind, int(value or '0', 16)) for value, kind, name in
                      re.findall(r'^([0-9a-f]*) +(\w) (\S+)$', symbols, re.MULTILINE)})
    return found


def built(work, compiler, flags, suffix, restrictions):
    found = objects(work, f'{compiler} {flags}')
    if isinstance(found, str):
        return found
    expected = {f'percpu_built_as{suffix}', *restrictions}
    for symbols, kinds in zip(found, ('U', 'R')):
        names = {name for name, (kind, _) in symbols.items() if name.startswith('percpu_built') and kind in kinds}
        if names != expected:
            return f'{kinds}: {sorted(names)}, not {sorted(expected)}'
    headers, _ = said(['llvm-readelf', '-SW', work / 'x0.o'])
    kept = re.findall(r'(?:percpu_config|percpu_for_programs)\s+PROGBITS.* (\w+) +\d+ +\d+ +\d+$', headers,
                      re.MULTILINE)
    if not kept or any(set(flags) != set('AR') for flags in kept):
        return f'flags of sections: {kept}'
    symbols, _ = said(['llvm-readelf', '-sW', work / 'x0.o', work / 'x1.o'])
    if not all('HIDDEN' in line for line in symbols.splitlines() if 'percpu_built' in line):
        return symbols
    return ''


def limit(work, compiler, flags, value):
    found = objects(work, f'{compiler} {flags} -DPERCPU_ZERO_VMA')
    if isinstance(found, str):
        return found
    is_ = [symbols.get('__percpu_zero_vma_limit', (None, None))[1] for symbols in found]
    return '' if is_ == [None, value] else f'of a user, of the library: {is_}'


def main():
    with workspace() as work:
        for compiler, flags, suffix, *restrictions in USERS:
            test(f'{compiler} {flags}'.strip(), compiler,
                 lambda: built(work, compiler, flags, suffix, restrictions))
        for compiler, flags, value in LIMITS:
            test(f'{compiler} {flags}, reach at VMA 0', compiler, lambda: limit(work, compiler, flags, value))
    return tap.end()


if __name__ == '__main__':
    sys.exit(main())
