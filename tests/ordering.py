#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What no run of a program shows, in the code that compilers make: memory order, which x86_64 and
emulators have without asking; masks against misspeculation; what the compiler must not move or leave
out. TAP.

usage: ordering.py [NAME...]        the tests with these names; default: all

Environment: CC, AARCH64_CC; CLANG and LLVM_OBJDUMP are tools/toolchain.py's.
"""
import functools
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / 'rseq'))
from sequences import whole  # noqa: E402
from tools import absent, needs  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent


class Failure(Exception):
    pass


def run(command):
    try:
        done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False)
    except OSError as error:
        raise Failure(f'{command[0]}: {error.strerror}') from error
    if done.returncode != 0:
        raise Failure(f'{" ".join(map(str, command))}\n{done.stdout}')
    return done.stdout


@functools.cache
def functions(compiler, flags, source):
    """-> name of each function, without what compilers append, to its instructions."""
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / 'o'
        run([*compiler.split(), '-std=gnu17', *flags.split(), f'-I{ROOT}/include', '-c', '-o', made,
             ROOT / source])
        text = run(['llvm-objdump', '-d', '--no-show-raw-insn', made])
    found, body = {}, []
    for line in text.splitlines():
        if label := re.match(r'[0-9a-f]+ <(\w+)[^>]*>:', line):
            body = found.setdefault(label[1], [])
        elif code := re.match(r'\s*[0-9a-f]+:\s+(\S.*)', line):
            text = re.sub(r'\s+', ' ', code[1].strip()).lower()
            if body and body[-1] == 'lock':  # a prefix
                body.pop()
                text = f'lock {text}'
            body.append(text)
    return found


# -- Memory order ------------------------------------------------------------------------------------

# What the functions of a file contain, at least. Inlined ones are not: each has its own.
#   A acquire, S sequentially consistent load; R release, T sequentially consistent store; X acquire,
#   Y acquire and release exchange or addition, Z release exchange; F fence; B a barrier of acquire or release order; behind a stroke: by clang,
#   which merges some
WATCH = {'add_bytes': 'YS', 'entry_of': 'AY', 'percpu__watch_begin': 'SS', 'percpu__watch_end': 'FS',
         'percpu__watch_freed': 'TT', 'percpu__watch_write': 'Y', 'percpu__watch_written': 'Y',
         'table': 'Y'}
AREAS = {'check_late': 'TS', 'init_areas': 'R', 'make_area': 'R', 'percpu__check_current': 'A', 'percpu__has_area': 'AA',
         'percpu_area_num': 'A', 'percpu_fini': 'R', 'percpu_init_cpu_with': 'RRR/RR', 'percpu_init_reg': 'A'}
QUERY = {'percpu__alloc_tell': 'T', 'percpu__dynamic_memory': 'S'}
LOCK = {'percpu__lock_give': 'ZR', 'percpu__lock_take': 'XA'}
ORDERS = {
    'areas.c bare': {**AREAS, 'percpu__init_leave': 'R', 'try_start': 'X'},
    'areas.c thread': {**AREAS, **LOCK},
    'query.c bare': QUERY,
    'query.c thread': QUERY,
    'platform/thread_module.c thread': {'add_module': 'R', 'initial_of': 'A'},
    'common.c bare': {'percpu__next_cpu': 'AA'},
    'common.c thread': {'percpu__next_cpu': 'AA'},
    'alloc.c bare': {'give_lock': 'R', 'take_lock': 'X'},
    'alloc.c rseq': LOCK,
    'platform/rseq.c rseq': {'join_process': 'R', 'lock_state': 'X'},
    'platform/rseq_module.c rseq': {'percpu__module_of': 'A', 'percpu__place_module': 'R'},
    'platform/rseq_thread.c rseq': {'find_record': 'AA', 'percpu__note_owner': 'T', 'take_record': 'AYX'},
    'platform/rseq_block.c rseq': {
        'free_if_ownerless': 'Y', 'give_back_slowly': 'Z', 'is_taken_as_other': 'Y', 'percpu__take_area': 'F'},
    'platform/rseq_block.c cid': {'percpu__give_back_area': 'F'},
    'platform/rseq_list.c rseq': {'lock_lists': 'X', 'unlock_lists': 'Z', 'push': 'Z', 'pop': 'AXY', 'take_all': 'X'},
    'platform/watch.c rseq': WATCH,
    'platform/thread.c thread': {
        'exit_key': 'AY', 'others_have_claims': 'S', 'percpu__reg_claim': 'SRR',
        'percpu__reg_release_all': 'T', 'percpu__reg_reopen': 'R', 'release_claim': 'R', 'take_claim': 'Y'},
    'platform/modules.c rseq': {'percpu__first_allocator': 'AY'},
    '../tests/ordering.c bare': {'f_remote': 'A', 'f_write_release': 'B', 'f_read_acquire': 'AB'},
    '../tests/ordering.c thread': {'f_remote': 'A', 'f_write_release': 'B', 'f_read_acquire': 'AB'},
    '../tests/ordering.c rseq': {'f_write_release': 'B', 'f_read_acquire': 'B', 'f_close': 'Y', 'f_open': 'Y'},
}
# An instruction, and the kinds that have one.
A64 = {r'lda(p|)rb? ': 'AS', r'stlrb? ': 'RT', r'ldaxrb? ': 'XY', r'stlxrb? ': 'YZ', r'dmb ': 'FB'}
A64_CLANG = {r'ldarb? ': 'S', **A64}  # with FEAT_LRCPC
X86 = {r'(xchg\w* .*\()|lock ': 'TXYZ', r'(mfence|lock )': 'F'}
WAYS = (
    (os.environ.get('AARCH64_CC', 'aarch64-linux-gnu-gcc'), '-march=armv8-a -mno-outline-atomics', A64),
    ('clang --target=aarch64-linux-gnu', '-march=armv8-a+rcpc -mno-outline-atomics', A64_CLANG),
    (os.environ.get('CC', 'gcc'), '', X86),
)


def check_orders(file, function, kinds):
    """-> the compilers that there are not."""
    name, platform = file.split()
    for compiler, flags, instructions in WAYS:
        if absent(compiler):
            continue
        chosen = {'cid': 'RSEQ -DPERCPU_RSEQ_MM_CID'}.get(platform, platform.upper())
        flags = (f'-O1 -fno-inline -D_GNU_SOURCE -DPERCPU_DEBUG -DPERCPU_PLATFORM_{chosen} '
                 f'{"-ffreestanding" if platform == "bare" else ""} {flags}')
        if name == '../tests/ordering.c':
            flags = flags.replace('-DPERCPU_DEBUG', '')
        gcc, _, clang = kinds.partition('/')
        here = clang if clang and compiler.startswith('clang') else gcc
        found = functions(compiler, flags, f'src/{name}').get(function)
        if found is None:
            raise Failure(f'{compiler}: there is no function {function}()')
        for instruction, of in instructions.items():
            if of == 'F' and 'F' not in here or instructions is X86 and of == 'F' and \
                    function in ('percpu__take_area', 'percpu__give_back_area'):  # no instruction there
                continue
            wanted = sum(kind in of for kind in here)
            there = sum(bool(re.search(instruction, text)) for text in found)
            if there < wanted:
                raise Failure(f'{compiler}: {function}() has {there} of {wanted} {instruction}:\n    '
                              + '\n    '.join(found))
    return absent(*(way[0] for way in WAYS))


# -- What compilers leave out ------------------------------------------------------------------------

BARE = '-ffreestanding -fno-pic -fno-stack-protector'
PLATFORMS = {
    'bare': f'{BARE} -DPERCPU_PLATFORM_BARE',
    'restart': f'{BARE} -DPERCPU_PLATFORM_BARE -DPERCPU_RESTART',
    'thread': '-D_GNU_SOURCE -DPERCPU_PLATFORM_THREAD',
    'single': '-D_GNU_SOURCE -DPERCPU_PLATFORM_SINGLE',
    'rseq': '-D_GNU_SOURCE -DPERCPU_PLATFORM_RSEQ',
}
ARM = '-march=armv7-a+fp -marm'
# Compilers; platforms; what reads the per-CPU register; what makes a mask of a sign, or selects by one.
HOSTED = ('bare', 'restart', 'thread', 'single', 'rseq')
MASK = {
    'x86_64': r'^sarq? |^cmovn?sq? ',
    'aarch64': r'asr .*#(63|0x3f)|^cs(etm|el) .*, (ge|lt|pl|mi)$',
    'arm': r'asr .*#31|^(mov|movw|add)(ge|lt|pl|mi) ',
    'riscv64': r'^srai .*(63|0x3f)$|^slti ',
    'riscv32': r'^srai .*(31|0x1f)$|^slti ',
    'loongarch64': r'^srai\.d .*63$|^slti ',
}
TARGETS = {
    'x86_64': (('gcc', 'clang --target=x86_64-linux-gnu'), ('bare', 'thread', 'single', 'rseq'),
               r'%gs:'),
    'aarch64': (('aarch64-linux-gnu-gcc -mno-outline-atomics',
                 'clang --target=aarch64-linux-gnu -mno-outline-atomics'), HOSTED, r'tpidr_el1'),
    'arm': ((f'arm-linux-gnueabihf-gcc {ARM}', f'clang --target=armv7a-linux-gnueabihf {ARM}'), HOSTED,
            r'^mrc '),
    'riscv64': (('riscv64-linux-gnu-gcc', 'clang --target=riscv64-linux-gnu'), HOSTED, r'\bgp\b'),
    'riscv32': (('riscv64-linux-gnu-gcc -march=rv32ima_zicsr_zifencei -mabi=ilp32',
                 'clang --target=riscv32-none-elf -march=rv32ima_zicsr_zifencei -mabi=ilp32'),
                ('bare', 'restart'), r'\bgp\b'),
    'loongarch64': (('clang --target=loongarch64-linux-gnu -nostdlibinc '
                     '-isystem /usr/aarch64-linux-gnu/include',), HOSTED, r'\$r21'),
}


def count(body, pattern):
    return sum(bool(re.search(pattern, text)) for text in body)


VALUE = r'\b(328|0x148)\b'


def compares(body):
    """Is there a comparison after the store, and the test of whether it stored?"""
    last = max((i for i, text in enumerate(body) if re.match(r'st[rlx]|teq', text)), default=0)
    return count(body[last:], r'^(cmp|cmn|tst|subs|ands|cbn?z)\b')


def check_code(target, platform, what):
    compilers, _, register = TARGETS[target]
    for compiler in compilers:
        if absent(compiler):
            continue
        code = functions(compiler, f'-O2 {PLATFORMS[platform]}', 'tests/ordering.c')
        body, wrong = code[what], None
        if what.removesuffix('_sequence') in ('f_push', 'f_pop', 'f_take_all') and count(body, VALUE) < 2:
            wrong = 'one access to the node\'s other member, not one before and one after'
        elif what in ('f_reg', 'f_relax', 'f_read', 'f_write', 'f_update') and count(body, VALUE) < 2:
            wrong = f'{count(body, VALUE)} accesses where there are two in the source'
        elif what == 'f_reg' and target == 'x86_64' and not count(body, r'\$0x155\b'):
            wrong = 'the first of the two accesses is missing'
        elif what.startswith('f_flags') and not compares(body):
            wrong = 'the flags of a subtraction before it are used'
        elif what == 'f_irq' and count(body, VALUE) < 3:
            wrong = f'{count(body, VALUE)} accesses where there are three in the source'
        elif what == 'f_irq' and target == 'aarch64' and not count(body, r'daifset, #(0x)?3$'):
            wrong = 'FIQ is not masked'
        elif what == 'f_remote':
            if not count(body, MASK[target]):
                wrong = 'a wrong prediction may use any index'
        elif what.endswith('twice'):
            pattern = register if platform in ('bare', 'restart') else None
            if pattern and count(body, pattern) < 2:
                wrong = 'the register is read once for two accesses'
        if wrong:
            raise Failure(f'{compiler}: {wrong}:\n    ' + '\n    '.join(body))
    return absent(*compilers)


# -- What a sequence that begins again needs ----------------------------------------------------------

# Registers in the words of assemblers; instructions that write none.
REGISTERS = {
    'x86_64': r'%\w+',
    'aarch64': r'\b[wx]\d+\b',
    'arm': r'\b(?:r\d+|ip|fp|sl|sb|lr|r1[0-5])\b',
    'riscv64': r'\b(?:ra|tp|gp|[ast]\d+)\b',
    'riscv32': r'\b(?:ra|tp|gp|[ast]\d+)\b',
    'loongarch64': r'\$\w+',
}
WRITES_NONE = {
    'x86_64': r'cmp|test|j',
    'aarch64': r'str|cmp|tst|cbn?z|b',
    'arm': r'str(?!exd)|cmp|tst|teq|b(?!ic)',
    'riscv64': r's[bhwd] |b|j',
    'riscv32': r's[bhwd] |b|j',
    'loongarch64': r'stx?\.|b',
}


def effects(target, text):
    """-> the registers that an instruction reads, and those that it writes."""
    text = re.sub(r'\s+', ' ', text)
    operation, _, operands = text.partition(' ')
    words = re.findall(r'(?:[^,([]|\([^)]*\)|\[[^]]*\])+', operands)
    found = [re.findall(REGISTERS[target], word) for word in words]
    known = whole if target in ('x86_64', 'aarch64') else str
    found = [[known(register) for register in registers] for registers in found]
    every = {register for registers in found for register in registers}
    if re.match(WRITES_NONE[target], text):
        return every, set()
    if target == 'x86_64':
        writes = set(found[-1]) if words[-1].strip().startswith('%') else set()
        sources = {register for registers in found[:-1] for register in registers}
        return sources if writes and operation.startswith(('mov', 'lea')) else every, writes
    outputs = 2 if operation == 'ldrexd' else 1
    if operation.startswith('mrc'):
        return set(), every
    writes = {r for registers in found[:outputs] for r in registers}
    reads = {r for registers in found[outputs:] for r in registers}
    return reads | (writes if operation == 'movt' or len(words) == 2 and operation == 'add' else set()), writes


def sequences_of(text):
    """The instructions of each sequence in assembly; labels are as in the headers."""
    elsewhere, body = False, None
    for line in text.splitlines():
        line = line.strip()
        while label := re.match(r'([\w.$%=]+):\s*', line):
            line = line[label.end():]
            if not elsewhere and re.match(r'\.Lpercpu_begin', label[1]):
                body = []
            elif not elsewhere and re.match(r'\.Lpercpu_(commit|end)', label[1]) and body:
                yield body
                body = None
        if re.match(r'\.(push|pop)section', line):
            elsewhere = line.startswith('.push')
        elif body is not None and not elsewhere and re.match(r'\w', line):
            body.append(line)


def check_inputs(compiler, target, flags):
    """-> the number of sequences, and a sequence that changes what it begins with."""
    text = run([*compiler.split(), *flags, '-S', '-o', '-', ROOT / 'tests/rseq/sequences.c'])
    found = list(sequences_of(text))
    for body in found:
        inputs, written = set(), set()
        for line in body:
            reads, writes = effects(target, line)
            inputs |= reads - written
            if line == body[-1] and not line.startswith('strexd'):
                break  # it has been done
            written |= writes
        if inputs & written:
            return len(found), [' '.join(sorted(inputs & written)) + ' is read and then changed:', *body]
    return len(found), []


def check_outputs(compiler, flags):
    """-> the number of statements, and one of which an output may be where an input is."""
    text = run([*compiler.split(), *flags, '-Xclang', '-disable-llvm-passes', '-S', '-emit-llvm', '-o', '-',
                ROOT / 'tests/rseq/sequences.c'])
    count = 0
    for template, constraints in re.findall(r'\basm (?:\w+ )*"((?:[^"\\]|\\.)*)", "([^"]*)"', text):
        template = re.sub(r'\\([0-9A-F]{2})', lambda code: chr(int(code[1], 16)), template)
        for body in sequences_of(template.replace('${:uid}', '%=')):
            count += 1
            outputs = [kind for kind in constraints.split(',') if kind.startswith('=')]
            for n, kind in enumerate(outputs):
                if not re.match(r'=[&*]', kind) and any(re.search(rf'\$({n}\b|{{{n}:)', line) for line in body[:-1]):
                    return count, [f'output {n} may be where an input is: {constraints}', *body]
    return count, []


def check_sequences(target, platform, size):
    """Sequences may begin again at each instruction: what they begin with stays."""
    compilers = TARGETS[target][0]
    flags = ['-std=gnu17', '-O2', *PLATFORMS[platform].split(), f'-DONE_SIZE={size}', f'-I{ROOT}/include']
    if not absent(compilers[0]):
        there, wrong = check_inputs(compilers[0], target, flags)
        if wrong or there < 12:
            raise Failure('\n    '.join(wrong or [f'there are {there} sequences']))
    if not absent(compilers[-1]):
        there, wrong = check_outputs(compilers[-1], flags)
        if wrong or there < 12:
            raise Failure('\n    '.join(wrong or [f'there are {there} sequences']))
    return absent(compilers[0], compilers[-1])


def is_for(what, target, platform):
    """Is the function in ordering.c, and the question one?"""
    bare = platform in ('bare', 'restart')
    if what.startswith('f_flags'):  # others have none, or all compilers know that assembly changes them
        return bare and target in (('aarch64', 'arm') if what in ('f_flags', 'f_flags_64') else ('arm',))
    if what in ('f_irq', 'f_reg', 'f_relax') or what.endswith('twice'):
        return bare
    if what in ('f_read', 'f_write', 'f_update'):  # compilers' own accesses elsewhere
        return bare or platform == 'rseq'
    return platform == 'rseq' if what.endswith('_sequence') else what != 'f_remote' or platform != 'single'


def tests():
    """Name to function and arguments."""
    found = {}
    for file, table in ORDERS.items():
        for function, kinds in table.items():
            name = f'{file.replace("../tests/ordering.c", "percpu.h")}: {function}() has its order'
            found[name] = check_orders, (file, function, kinds)
    titles = {'f_push': 'a push is a barrier', 'f_pop': 'a pop is a barrier',
              'f_take_all': 'a take_all is a barrier',
              'f_push_sequence': 'a push is a barrier, the sequence',
              'f_pop_sequence': 'a pop is a barrier, the sequence',
              'f_take_all_sequence': 'a take_all is a barrier, the sequence',
              'f_remote': 'a CPU\'s number is masked',
              'f_irq': 'interrupts off and on are barriers',
              'f_reg': 'a write of the register is a barrier', 'f_relax': 'a hint to wait is a barrier',
              'f_read': 'a read comes after writes by a pointer',
              'f_write': 'a write comes before reads by a pointer',
              'f_update': 'an update comes before reads by a pointer',
              'f_flags': 'an update changes the flags',
              'f_flags_64': 'an update of 8 bytes changes the flags',
              'f_flags_write': 'a write of 8 bytes changes the flags',
              'f_flags_store': 'a remote write of 8 bytes changes the flags',
              'f_twice': 'two reads are two', 'f_at_twice': 'two reads by a pointer are two',
              'f_current_twice': 'two pointers are two'}
    for target, (_, platforms, _) in TARGETS.items():
        for platform in platforms:
            for what, title in titles.items():
                if not is_for(what, target, platform):
                    continue
                found[f'{target} {platform}: {title}'] = check_code, (target, platform, what)
            sizes = (32,) if target == 'riscv32' else (32, 64)
            for size in sizes if platform in ('restart', 'rseq') else ():
                found[f'{target} {platform}: a sequence of {size} bits keeps what it begins with'] = \
                    check_sequences, (target, platform, size)
    return found


def main():
    needs('llvm-objdump')
    known = tests()
    names = sys.argv[1:] or list(known)

    def test(name):
        """-> what is wrong, what was missing"""
        if name not in known:
            return 'there is no such test', []
        function, arguments = known[name]
        try:
            return '', function(*arguments)
        except Failure as failure:
            return str(failure), []

    failed = 0
    print(f'1..{len(names)}', flush=True)
    with ThreadPoolExecutor(2) as pool:
        for n, (name, (wrong, missing)) in enumerate(zip(names, pool.map(test, names)), 1):
            failed += bool(wrong)
            print(f'{"not ok" if wrong else "ok"} {n} - {name}'
                  + (f' # SKIP missing: {" ".join(missing)}' if missing else ''))
            for line in wrong.splitlines()[:40]:
                print(f'# {line}')
            sys.stdout.flush()
    print(f'# end: {len(names) - failed} passed, {failed} failed')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
