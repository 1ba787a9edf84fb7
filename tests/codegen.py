#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Count the instructions of each operation in the disassembly, and compare with the limits. TAP.

usage: codegen.py [--compiler C] [--document FILE] [TARGET...]     default: every target and compiler
       codegen.py --table FILE

Each function of codegen.c is compiled with -O2, bare ones are linked with ld/percpu.ld or
ld/percpu-vma0.ld. The return is not counted, address formation is. A line per compiler and variant
shows the counts, "!" marks those above the limit. Without a compiler or one of its tools its tests are
reported as skipped.

--document FILE: FILE's tables have to show these counts, when the compiler is of the version that they
are about (DOCUMENTED). --table FILE writes the tables into FILE,
between its two marker comments, when all is well.
"""
import argparse
import os
import re
import sys
from pathlib import Path

from tools import A64, ARM, CROSS, FREESTANDING, ROOT, Failure, Tap, absent, compilers, run, workspace

HERE = ROOT / 'tests'

BARE = f'{FREESTANDING} -DPERCPU_PLATFORM_BARE'
A64_ZERO = {'read': 3, 'read_raw': 3, 'read_member': 3, 'write': 3, 'write_raw': 3,
            'write_constant': 4, 'current_ptr': 3, 'near_read': 2, 'near_write': 2}
A64_RESTART = {'add': 6, 'add_return': 6, 'near_add': 6}
A64_ZERO_RESTART = {**A64_ZERO, 'add': 5, 'add_return': 5, 'near_add': 4}
RISCV = '-mcmodel=medany'
RV64 = '-march=rv64ima_zicsr_zifencei -mabi=lp64'
RV32 = '-march=rv32ima_zicsr_zifencei -mabi=ilp32'
RISCV_NEAR = {'near_read': 1, 'near_write': 1}
RISCV_RESTART = {'read_at': 3, 'add': 5, 'add_return': 5, 'near_add': 5}
LA64_ZERO = {'read_member': 3, 'near_read': 1, 'near_write': 1}
LA64_RESTART = {'add': 5, 'add_return': 5, 'near_add': 5}
X86 = '-mno-red-zone -mgeneral-regs-only -fcf-protection=none'

# A limit per function, others for a variant behind its address; "must": what each of its
# accesses looks like; "must not": what no function with restartable sequences contains. The linker's script gets LOAD, the address to link at; None: the object file
# is disassembled as it is. docs/performance.md has a section for each target here.
TARGETS = {
    'x86_64': {
        'compilers': {'gcc': 'gcc', 'clang': 'clang --target=x86_64-linux-gnu'},
        'linkers': {'bfd': 'ld.bfd', 'lld': 'ld.lld'},
        'objdump': 'objdump -d --no-show-raw-insn',
        'return': r'ret',
        'nothing': r'nop|xchg\s+%ax,%ax|data16|cs nop|endbr64|int3|^\.',
        'must': r'%gs:',
        'variants': {
            'natural VMA': (f'{BARE} {X86}', '0x100000'),
            'VMA 0': (f'{BARE} {X86} -DPERCPU_ZERO_VMA', '0x100000'),
            'natural VMA, high half': (f'{BARE} {X86} -mcmodel=kernel', '0xffffffff80100000'),
            'VMA 0, high half': (f'{BARE} {X86} -mcmodel=kernel -DPERCPU_ZERO_VMA',
                                 '0xffffffff80100000'),
        },
        'limits': {
            'read': 1, 'read_raw': 1, 'read_member': 1, 'read_at': 1,
            'write': 1, 'write_raw': 1, 'write_constant': 1,
            'current_ptr': 2, 'remote_ptr_raw': 3,
            'add': 1, 'add_return': 3,
            'near_read': 1, 'near_write': 1, 'near_add': 1,
        },
        'no access': ('remote_ptr_raw',),
    },
    'aarch64': {
        'compilers': compilers('aarch64'),
        'linkers': {'bfd': CROSS['aarch64'][2], 'lld': 'ld.lld'},
        'objdump': 'aarch64-linux-gnu-objdump -d --no-show-raw-insn',
        'return': r'ret',
        'nothing': r'nop|udf|\.',
        'must': r'tpidr_el1',
        'must not': r'^(ld|st)a?l?x|^(cas|swp)|^ld(add|clr|eor|set)|daif',
        'variants': {
            'natural VMA': (f'{BARE} {A64}', '0x40200000'),
            'VMA 0': (f'{BARE} {A64} -DPERCPU_ZERO_VMA', '0x40200000', A64_ZERO),
            'natural VMA, high half': (f'{BARE} {A64}', '0xffffffff80200000'),
            'VMA 0, high half': (f'{BARE} {A64} -DPERCPU_ZERO_VMA', '0xffffffff80200000', A64_ZERO),
            'natural VMA, restart': (f'{BARE} {A64} -DPERCPU_RESTART', '0x40200000', A64_RESTART),
            'VMA 0, restart': (f'{BARE} {A64} -DPERCPU_ZERO_VMA -DPERCPU_RESTART', '0x40200000',
                               A64_ZERO_RESTART),
        },
        'limits': {
            'read': 4, 'read_raw': 4, 'read_member': 4, 'read_at': 2,
            'write': 4, 'write_raw': 4, 'write_constant': 5,
            'current_ptr': 4, 'remote_ptr_raw': 6, 'near_read': 4, 'near_write': 4,
        },
        'no access': ('remote_ptr_raw',),
    },
    'riscv64': {
        'compilers': compilers('riscv64', RV64),
        'linkers': {'bfd': CROSS['riscv64'][2], 'lld': 'ld.lld'},
        'objdump': 'riscv64-linux-gnu-objdump -d --no-show-raw-insn',
        'return': r'ret',
        'nothing': r'nop|unimp|\.',
        'must': r'\bgp\b',
        'must not': r'^(lr|sc|amo\w+)\.|^csr',
        'variants': {
            'natural VMA': (f'{BARE} {RISCV}', '0x80200000'),
            'natural VMA, restart': (f'{BARE} {RISCV} -DPERCPU_RESTART', '0x80200000',
                                     RISCV_RESTART),
            'VMA 0, high half': (f'{BARE} {RISCV} -DPERCPU_ZERO_VMA',
                                 '0xffffffff80200000', RISCV_NEAR),
            'VMA 0, high half, restart': (
                f'{BARE} {RISCV} -DPERCPU_ZERO_VMA -DPERCPU_RESTART',
                '0xffffffff80200000', {**RISCV_NEAR, **RISCV_RESTART, 'near_add': 3}),
        },
        'limits': {
            'read': 3, 'read_raw': 3, 'read_member': 3, 'read_at': 2,
            'write': 3, 'write_raw': 3, 'write_constant': 4,
            'current_ptr': 3, 'remote_ptr_raw': 7, 'near_read': 3, 'near_write': 3,
        },
        'no access': ('remote_ptr_raw',),
    },
    'loongarch64': {
        'compilers': {'clang': 'clang --target=loongarch64-none-gnusf -msoft-float'},
        'linkers': {'lld': 'ld.lld'},
        'objdump': 'llvm-objdump -d --no-show-raw-insn',
        'return': r'ret',
        'nothing': r'nop',
        'must': r'\$r21',
        'must not': r'^(ll|sc|am\w+)\.|^csr',
        'variants': {
            'natural VMA': (BARE, '0x200000'),
            'VMA 0': (f'{BARE} -DPERCPU_ZERO_VMA', '0x200000', LA64_ZERO),
            'natural VMA, high half': (BARE, '0x9000000000200000'),
            'VMA 0, high half': (f'{BARE} -DPERCPU_ZERO_VMA', '0x9000000000200000', LA64_ZERO),
            'natural VMA, restart': (f'{BARE} -DPERCPU_RESTART', '0x200000', LA64_RESTART),
            'VMA 0, high half, restart': (f'{BARE} -DPERCPU_ZERO_VMA -DPERCPU_RESTART',
                                          '0x9000000000200000',
                                          {**LA64_ZERO, **LA64_RESTART, 'near_add': 3}),
        },
        'limits': {
            'read': 3, 'read_raw': 3, 'read_member': 4, 'read_at': 1,
            'write': 3, 'write_raw': 3, 'write_constant': 4,
            'current_ptr': 3, 'remote_ptr_raw': 7, 'near_read': 3, 'near_write': 3,
        },
        'no access': ('remote_ptr_raw',),
    },
}

# A32, and T32 the same again.
ARM_ZERO = {name: 3 for name in ('read', 'read_raw', 'read_member', 'write', 'write_raw',
                                 'current_ptr', 'near_read', 'near_write')}
ARM_ZERO['write_constant'] = 4
ARM_RESTART = {'add': 6, 'add_return': 6, 'near_add': 6}
ARM_ZERO_RESTART = {**ARM_ZERO, 'add': 5, 'add_return': 5, 'near_add': 5}
TARGETS['arm'] = {
    'compilers': compilers('arm', ARM),
    'linkers': {'bfd': CROSS['arm'][2], 'lld': 'ld.lld'},
    'objdump': 'arm-none-eabi-objdump -d --no-show-raw-insn',
    'return': r'bx lr',
    'nothing': r'nop|bmi\.n|\.',
    'must': r'mrc 15, 0, r\d+, cr13, cr0, \{[34]\}',
    'must not': r'^(ld|st)rex|^cps|^m[rs][sr]\b',
    'variants': {f'{name}{mode}': (f'{BARE} {mode_flag} {flags}', '0x40200000', *lower)
                 for mode, mode_flag in (('', '-marm'), (', T32', '-mthumb'))
                 for name, flags, *lower in (
                     ('natural VMA', ''),
                     ('natural VMA, restart', '-DPERCPU_RESTART', ARM_RESTART),
                     ('TPIDRPRW', '-DPERCPU_ARM_TPIDRPRW'),
                     ('VMA 0', '-DPERCPU_ZERO_VMA', ARM_ZERO),
                     ('VMA 0, restart', '-DPERCPU_ZERO_VMA -DPERCPU_RESTART', ARM_ZERO_RESTART))},
    'limits': {
        'read': 4, 'read_raw': 4, 'read_member': 4, 'read_at': 2,
        'write': 4, 'write_raw': 4, 'write_constant': 5,
        'current_ptr': 4, 'remote_ptr_raw': 6, 'near_read': 4, 'near_write': 4,
    },
    'no access': ('remote_ptr_raw',),
}

# A load and an addition more for the address; remote access loads where the table is.
X86_SHARED = {name: 3 for name in ('read', 'read_raw', 'write', 'write_raw', 'write_constant', 'add',
                                   'near_read', 'near_write', 'near_add')}
X86_SHARED |= {'read_member': 4, 'current_ptr': 5, 'remote_ptr_raw': 4, 'add_return': 5}

TARGETS['host'] = {
    **TARGETS['x86_64'],
    'variants': {
        'thread, PIE': ('-fPIE -fcf-protection=none -DPERCPU_PLATFORM_THREAD', None),
        'thread, no PIE': ('-fno-pie -fcf-protection=none -DPERCPU_PLATFORM_THREAD', None),
        'thread, shared library': ('-fPIC -fcf-protection=none -DPERCPU_PLATFORM_THREAD', None,
                                   X86_SHARED),
    },
}


def variants(target, more, load=None):
    """Those of a target with more flags, where the program lies low."""
    return {name: (f'{flags} {more}', load or at, *lower)
            for name, (flags, at, *lower) in TARGETS[target]['variants'].items()
            if 'high half' not in name or load}


TARGETS['aarch64-el2'] = {
    **TARGETS['aarch64'],
    'must': r'tpidr_el2',
    'variants': variants('aarch64', '-DPERCPU_ARM_EL2'),
}
TARGETS['aarch64-el3'] = {
    **TARGETS['aarch64'],
    'must': r'tpidr_el3',
    'variants': variants('aarch64', '-DPERCPU_ARM_EL3'),
}
# One less each: no instruction copies the register.
TARGETS['aarch64-x18'] = {
    **TARGETS['aarch64'],
    'must': r'\bx18\b',
    'variants': {name: (flags, at, {function: limit - 1 for function, limit in (lower or [{}])[0].items()})
                 for name, (flags, at, *lower) in variants('aarch64', '-ffixed-x18 -DPERCPU_ARM_X18').items()},
    'limits': {name: limit - (name != 'remote_ptr_raw')
               for name, limit in TARGETS['aarch64']['limits'].items()},
}
# Only GNU ld reaches VMA 0 from here with addresses that the compiler makes.
TARGETS['riscv64-m'] = {
    **TARGETS['riscv64'],
    'linkers': {'bfd': TARGETS['riscv64']['linkers']['bfd']},
    'must': r'\btp\b',
    'variants': {name.replace(', high half', ''): variant for name, variant in variants(
        'riscv64', '-mno-relax -DPERCPU_RISCV_M_MODE -DPERCPU_RISCV_TP', '0x80000000').items()},
}
# The same instructions, half as wide.
TARGETS['riscv32'] = {
    **TARGETS['riscv64'],
    'compilers': compilers('riscv32', RV32),
    'linkers': {'bfd': CROSS['riscv32'][2], 'lld': 'ld.lld'},
    'variants': {name.replace(', high half', ''): variant for name, variant in variants(
        'riscv64', '-mno-relax -DPERCPU_RISCV_M_MODE', '0x80000000').items()},
}

# The tables' columns: what stands above, and the function.
COLUMNS = {
    'read': 'read', 'member': 'read_member', 'at': 'read_at', 'write': 'write',
    'const': 'write_constant', 'near read': 'near_read', 'near write': 'near_write',
    'add': 'add', 'near add': 'near_add', 'add_return': 'add_return', 'current': 'current_ptr',
    'remote': 'remote_ptr_raw',
}
# Whose figures docs/performance.md has. Every version keeps within the limits.
DOCUMENTED = {'gcc': '12', 'clang': '19'}
BEGIN = '<!-- begin: written by tests/codegen.py --table -->'
END = '<!-- end: written by tests/codegen.py --table -->'

SCRIPT = '''
SECTIONS
{
    . = LOAD;
    .text : { *(.text .text.*) }
    .rodata : { *(.rodata .rodata.*) }
    .data : { *(.data .data.*) }
    percpu_restart : { *(percpu_restart) }
    PERCPU_CPU_NUM = 4;
    PERCPU_LMA_OFFSET = 0;
    INCLUDE FRAGMENT
    .bss : { *(.bss .bss.*) }
    /DISCARD/ : { *(.eh_frame .note.* .comment) }
}
'''


def functions(target, text):
    """Name to instructions, without padding after the return."""
    found, name = {}, None
    for line in text.splitlines():
        label = re.match(r'[0-9a-f]+ <(\w+)>:', line)
        if label:
            name = label[1]
            found[name] = []
            continue
        code = re.match(r'\s*[0-9a-f]+:\s+(\S.*)', line)
        if code and name and not re.match(target['nothing'], code[1]):
            found[name].append(re.sub(r'\s+', ' ', code[1].strip()))
    return found


def build(target, compiler, linker, flags, load, work):
    obj = work / 'codegen.o'
    run(compiler.split() + ['-std=gnu17', '-O2', '-Wall', '-Wextra', '-Werror', f'-I{ROOT}/include']
        + flags.split() + ['-c', '-o', str(obj), str(HERE / 'codegen.c')])
    if load is None:
        return obj
    fragment = 'percpu-vma0.ld' if 'PERCPU_ZERO_VMA' in flags else 'percpu.ld'
    script, image = work / 'codegen.lds', work / 'codegen.elf'
    script.write_text(SCRIPT.replace('LOAD', load).replace('FRAGMENT', fragment))
    # What the library defines, at addresses like its own.
    stubs = work / 'stubs.o'
    names = run(['nm', '-u', str(obj)]).split()
    (work / 'stubs.S').write_text(
        '.bss\n' + ''.join(f'.globl {n}\n.hidden {n}\n{n}: .skip 8\n' for n in names
                           if n != 'U' and not n.startswith('_percpu_')))
    run(compiler.split() + ['-c', '-o', str(stubs), str(work / 'stubs.S')])
    run(linker.split() + ['-nostdlib', '-static', '-e', 'f_read', f'-L{ROOT}/ld', '-T', str(script),
                          '-o', str(image), str(obj), str(stubs)])
    return image


def check(target, limits, code, restarts):
    """The counts, and what is wrong. With restartable sequences nothing is atomic or masks interrupts."""
    counts, wrong = {}, []
    for name, body in code.items():
        if restarts and any(re.search(target['must not'], i) for i in body):
            wrong.append(f'{name}: an atomic instruction, or interrupts masked:\n    '
                         + '\n    '.join(body))
    for name, limit in limits.items():
        body = code.get('f_' + name)
        if not body:
            wrong.append(f'{name}: no such function in the disassembly')
            continue
        returns = [i for i in body if re.match(target['return'], i)]
        counts[name] = len(body) - len(returns)
        if len(returns) != 1 or not re.match(target['return'], body[-1]):
            wrong.append(f'{name}: does not end in one return:\n    ' + '\n    '.join(body))
        elif counts[name] > limit:
            wrong.append(f'{name}: {counts[name]} instructions, at most {limit} wanted:\n    '
                         + '\n    '.join(body))
        elif name not in target['no access'] and not any(re.search(target['must'], i)
                                                         for i in body):
            wrong.append(f'{name}: no access to the current CPU:\n    ' + '\n    '.join(body))
    for name in ('read', 'write'):
        if counts.get(name) != counts.get(name + '_raw'):
            wrong.append(f'{name}_raw and {name} differ, the document says that they do not')
    return counts, wrong


def major(command):
    return run([*command.split(), '-dumpversion']).strip().partition('.')[0]


def count(name, cc_name, results):
    """Check one target with one compiler; returns its rows for the document."""
    label = cc_name if cc_name == 'gcc' else f'clang-{major(TARGETS[name]["compilers"][cc_name])}'
    target, rows = TARGETS[name], []
    for variant, (flags, load, *lower) in target['variants'].items():
        limits = {**target['limits'], **(lower[0] if lower else {})}
        found = {}
        for ld_name, linker in target['linkers'].items() if load else [('', '')]:
            title = f'{name}, {label}{", " if ld_name else ""}{ld_name}, {variant}'
            counts = {}
            with workspace() as work:
                try:
                    image = build(target, target['compilers'][cc_name], linker, flags, load, work)
                    text = run(target['objdump'].split() + [str(image)])
                    counts, wrong = check(target, limits, functions(target, text),
                                          '-DPERCPU_RESTART' in flags)
                except Failure as failure:
                    wrong = [str(failure)]
            results.result(title, wrong)
            print(f'# {title}: ' + ', '.join(f'{n} {c}{"!" if c > limits[n] else ""}'
                                             for n, c in counts.items()))
            for function, n in counts.items():
                found.setdefault(function, set()).add(n)
        cells = ['-'.join(map(str, sorted({min(found[f]), max(found[f])}))) if f in found else ''
                 for f in COLUMNS.values()]
        rows.append('| ' + ' | '.join([f'{variant}, {label}', *cells]) + ' |')
    return rows


def tables(path):
    """The document's rows: those of a target, in its order; and the text around the tables."""
    before, begin, rest = path.read_text().partition(BEGIN)
    inside, end, after = rest.partition(END)
    if not begin or not end:
        raise Failure(f'{path} does not have the two marker comments')
    found, name = {}, None
    for line in inside.splitlines():
        if line.startswith('### '):
            name = line[4:]
            found[name] = []
        elif re.match(r'\| [^|]', line):
            found[name].append(line)
    return found, (before, after)


def table(rows):
    """The document's part between the markers."""
    text = BEGIN + '\n'
    for name, lines in rows.items():
        text += f'\n### {name}\n\n| | {" | ".join(COLUMNS)} |\n|---|{"---|" * len(COLUMNS)}\n'
        text += '\n'.join(lines) + '\n'
    return text + '\n' + END


def main():
    parser = argparse.ArgumentParser(usage=__doc__, add_help=False)
    parser.add_argument('--compiler')
    parser.add_argument('--document', type=Path)
    parser.add_argument('--table', type=Path)
    parser.add_argument('targets', nargs='*')
    args = parser.parse_args()
    for name in args.targets:
        if name not in TARGETS:
            raise Failure(f'there is no target {name}; there are {", ".join(TARGETS)}')
    results, rows = Tap(), {}
    for name in args.targets or TARGETS:
        rows[name] = []
        for compiler in TARGETS[name]['compilers']:
            if args.compiler not in (None, compiler):
                continue
            command = TARGETS[name]['compilers'][compiler]
            lacking = absent(command, *TARGETS[name]['linkers'].values(), TARGETS[name]['objdump'])
            if lacking:
                results.result(f'{name}, {compiler}', missing=lacking)
                continue
            lines = count(name, compiler, results)
            rows[name] += lines
            title = f'{args.document.name if args.document else ""}: {name}, {compiler}'
            if args.document and major(command) != DOCUMENTED[compiler]:
                results.result(title, skip=f'other version: {major(command)}, it is about {DOCUMENTED[compiler]}')
            elif args.document:
                has, _ = tables(args.document)
                label = compiler if compiler == 'gcc' else f'{compiler}-{DOCUMENTED[compiler]}'
                has = [line for line in has.get(name, []) if f', {label} |' in line]
                results.result(title, [] if has == lines else
                            ['it has:', *has, 'these are the counts:', *lines])
    if args.document:
        has, _ = tables(args.document)
        results.result(f'{args.document.name}: every target and no other',
                    [] if list(has) == list(TARGETS) else [f'not {", ".join(TARGETS)}'])
    if args.table and not results.failed:
        for name, target in TARGETS.items():
            for compiler, command in target['compilers'].items():
                if absent(command) or major(command) != DOCUMENTED[compiler]:
                    raise Failure(f'--table: the document is about {compiler} {DOCUMENTED[compiler]}')
        _, (before, after) = tables(args.table)
        args.table.write_text(before + table(rows) + after)
    return results.end()


os.environ['LC_ALL'] = 'C'
try:
    sys.exit(main())
except Failure as error:
    sys.exit(f'codegen.py: {error}')
