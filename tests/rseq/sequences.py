#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The restartable sequences of rseq in the disassembly, on every architecture. TAP.

usage: sequences.py [NAME...]       the tests with these names; default: all

Links sequences.c with each compiler, without a libc: on riscv64 and loongarch64, for which there is no
kernel to run them, this is how they are tested. Of each descriptor: the code stores its address for the
kernel, and the sequence starts with the load of the CPU's number; there is one store to the copy, and it is
the last instruction (a push writes to its node before); the abort handler is the beginning, in front of which
the signature is jumped over; branches lead to the end, or to the exit that debuggers are told of; cmpxchg_on
leaves at one place more than cmpxchg, where the CPU is another one. For the tests under
kernels, linux.py: there is a delay between any two instructions.
"""
import re
import struct
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE.parent / 'restart'))
from table import code, sections  # noqa: E402
from tools import Failure, Tap, absent, needs, run, workspace  # noqa: E402

ARM_GCC, ARM_CLANG = 'arm-linux-gnueabihf-gcc', 'clang --target=armv7a-linux-gnueabihf'  # hangs with -O0
# There is no libc for loongarch64; another's headers have what is needed.
LOONGARCH64 = 'clang --target=loongarch64-linux-gnu -nostdlibinc -isystem /usr/aarch64-linux-gnu/include'
COMPILERS = {
    'x86_64': ('gcc', 'clang --target=x86_64-linux-gnu'),
    'aarch64': ('aarch64-linux-gnu-gcc', 'clang --target=aarch64-linux-gnu'),
    'arm': (f'{ARM_GCC} -marm', f'{ARM_GCC} -mthumb', f'{ARM_CLANG} -marm', f'{ARM_CLANG} -mthumb'),
    'riscv64': ('riscv64-linux-gnu-gcc', 'clang --target=riscv64-linux-gnu'),
    'loongarch64': (LOONGARCH64,),
}
FLAGS = '-std=gnu17 -D_GNU_SOURCE -DPERCPU_PLATFORM_RSEQ -Wall -Wextra -Werror -c'.split()
CID = '-DPERCPU_RSEQ_MM_CID'
OPTIMISED, UNOPTIMISED = '-O2 -fno-pie', '-O0 -fPIE -DONE_SIZE=64'  # the latter by the first compiler only
# With -O0 operations are functions of their own: of one size write, add, and, or, xor, add_return,
# fetch_add, xchg, cmpxchg, cmpxchg_on; push, pop, take_all.
NOT_INLINE = 13
DELAYED = ('aarch64', 'arm')  # which linux.py runs
DELAY = r'-DPERCPU__RSEQ_DELAY="yield\n\t"'
ELSEWHERE = ('percpu__bias', 'percpu__rseq_offset', 'percpu__rseq_mask', 'percpu__rseq_cpus', 'percpu__limit',
             'percpu__slow', 'percpu__slow_on', 'percpu__slow_slot', 'percpu__list_slow', 'memcpy')
LINK = ['ld.lld', '-static', '-e', '0', '-Ttext=0x200000', *(f'--defsym={s}=0x100000' for s in ELSEWHERE)]

# Instructions in the words of llvm-objdump. N is a number. "load": of the CPU's number; "cid": of mm_cid and
# the sign of that; "store": the value, or None, the address's registers, and the offset, or None; "branch":
# where to.
N = r'(-?0x[0-9a-f]+|-?\d+)'
SYNTAX = {
    'x86_64': {
        'signature': 0x53053053,
        'load': r'movl 0x4\((?P<base>%\w+)\), (?P<to>%\w+)$',
        'cid': r'movl 0x4\((?P<base>%\w+)\), (?P<to>%\w+)\n'
               r'sarl \$0x1f, (?P=to)\norl 0x18\((?P=base)\), (?P=to)$',
        'store': rf'(?!cmp(?!xchg)|test|lea|nop|push)\w+ (?:(?P<value>\S+), )?(?P<offset>{N})?\((?P<at>[^)]*)\)$',
        'branch': rf'j\w+ {N}',
        'never': 'call|syscall|ret',
    },
    'aarch64': {
        'signature': 0xd428bc00,
        'load': r'ldr (?P<to>w\d+), \[(?P<base>x\d+), #0x4\]$',
        'cid': r'ldr (?P<sign>w\d+), \[(?P<base>x\d+), #0x4\]\n'
               r'ldr (?P<to>w\d+), \[(?P=base), #0x18\]\norr (?P=to), (?P=to), (?P=sign), asr #31$',
        'store': rf'st\w+ (?P<value>\w+), \[(?P<at>\w+)(?:, #(?P<offset>{N}))?\]$'
                 r'|stxr \w+, (?P<low>\w+), \[(?P<at2>\w+)\]$',
        'branch': rf'(?:b|b\.\w+|cbn?z \w+,) {N}',
        'never': 'bl|svc|ret|brk',
    },
    'arm': {
        'signature': 0xe7f5def3,
        'load': r'ldr(?:\.w)? (?P<to>\w+), \[(?P<base>\w+), #(?:0x)?4\]$',
        'cid': r'ldr(?:\.w)? (?P<sign>\w+), \[(?P<base>\w+), #(?:0x)?4\]\n'
               r'ldr(?:\.w)? (?P<to>\w+), \[(?P=base), #(?:0x18|24)\]\n'
               r'orr(?:\.w)? (?P=to), (?P=to), (?P=sign), asr #31$',
        'store': rf'str[bh]?(?:\.w)? (?P<value>\w+), \[(?P<at>\w+)(?:, #(?P<offset>{N}))?\]$'
                 r'|strexd? \w+, (?P<low>\w+),(?: \w+,)? \[(?P<at2>\w+)\]$',
        'branch': rf'b(?:eq|ne|hs|lo)?(?:\.[nw])? {N}',
        'never': 'bl|bx|svc|push|pop',
    },
    'riscv64': {
        'signature': 0xf1401073,
        'load': r'lwu (?P<to>\w+), 0x4\((?P<base>\w+)\)$',
        'cid': r'lw (?P<sign>\w+), 0x4\((?P<base>\w+)\)\nlwu (?P<to>\w+), 0x18\((?P=base)\)\n'
               r'srai (?P=sign), (?P=sign), 0x1f\nor (?P=to), (?P=to), (?P=sign)$',
        'store': rf's[bhwd] (?P<value>\w+), (?P<offset>{N})?\((?P<at>\w+)\)$'
                 r'|sc\.w \w+, (?P<low>\w+), \((?P<at2>\w+)\)$',
        'branch': rf'(?:j|b\w+ \w+,(?: \w+,)?) {N}',
        'never': 'jal|call|ecall|ret',
    },
    'loongarch64': {
        'signature': 0x002a0010,
        'load': r'ld\.wu (?P<to>\$\w+), (?P<base>\$\w+), 4$',
        'cid': r'ld\.w (?P<sign>\$\w+), (?P<base>\$\w+), 4\nld\.wu (?P<to>\$\w+), (?P=base), 24\n'
               r'srai\.d (?P=sign), (?P=sign), 31\nor (?P=to), (?P=to), (?P=sign)$',
        'store': rf'st\.\w+ (?P<value>\$\w+), (?P<at>\$\w+), (?P<offset>{N})$'
                 r'|sc\.w (?P<low>\$\w+), (?P<at2>\$\w+), 0$',
        'branch': rf'b\w* (?:\$\w+, )*{N}',
        'never': 'bl|jirl|syscall|ret',
    },
}


def whole(register):
    """The name of the whole of a register that has several: x86_64, aarch64."""
    names = re.fullmatch(r'%(?:[re]?([abcd])[xl]|[re]?(si|di|bp|sp)l?|(r\d+)[dwb]?)', register)
    if names:
        return '%r' + (f'{names[1]}x' if names[1] else names[2] or names[3][1:])
    return re.sub(r'^w(\d+)$', r'x\1', register)


def follow(values, text, at, after):
    """What an instruction that makes an address, or a part of one, puts where."""
    def number(i):
        return int(found[i], 0)

    if found := re.match(rf'leaq {N}\(%rip\), (%\w+)', text):
        values[found[2]] = after + number(1)
    elif found := re.match(rf'adrp? (\w+), {N}|movw (\w+), #{N}', text):
        values[found[1] or found[3]] = int(found[2] or found[4], 0)
    elif found := re.match(rf'movt (\w+), #{N}', text):
        values[found[1]] = values.get(found[1], 0) & 0xffff | number(2) << 16
    elif found := re.match(r'add (\w+), (?:\1, pc|pc, \1|pc)$', text):
        # In T32, where it has 2 bytes, the PC is 4 bytes on, not 8.
        values[found[1]] = values.get(found[1], 0) + at + (4 if after - at == 2 else 8) & 0xffffffff
    elif found := re.match(rf'auipc (\w+), {N}', text):
        values[found[1]] = at + (number(2) << 12) & 0xffffffff
    elif found := re.match(rf'pcalau12i (\$\w+), {N}', text):
        values[found[1]] = (at & ~0xfff) + (number(2) << 12)
    elif found := re.match(rf'addi?(?:\.d)? (\S+), (\S+), #?{N}', text):
        values[found[1]] = values.get(found[2], 0) + number(3)


def branch(target, at, text):
    """Where to, or None."""
    found = re.match(SYNTAX[target]['branch'], text)
    return found and int(found[1], 0) + (at if target == 'loongarch64' else 0)


def store(target, text):
    """-> (value, registers of the address, offset), or None."""
    found = re.match(SYNTAX[target]['store'], text)
    if not found:
        return None
    parts = found.groupdict()
    at = re.findall(r'[%$]?\w+', parts['at'] or parts.get('at2') or '')
    return parts['value'] or parts.get('low') or '', [whole(r) for r in at], int(parts['offset'] or '0', 0)


def check_sequence(target, descriptor, image, load, has_delays):
    """What is wrong with it."""
    address, (version_and_flags, start, length, abort) = descriptor
    instructions, index, exits, word_at = image
    syntax, commit = SYNTAX[target], start + length
    if address % 32 or version_and_flags:
        return 'the descriptor is not aligned, or not of version 0'
    if start not in index or commit not in index or abort not in index:
        return 'the descriptor leads between instructions'
    if word_at(abort - 4) != syntax['signature']:
        return 'the signature is missing'

    # The abort handler is `begin`, in the same function; what comes from before it jumps over the signature.
    begin = abort
    if not 0 <= start - abort <= 32:
        return f'the abort handler is not at the beginning, but at {abort:#x}'
    if target != 'x86_64':
        jump = next((i for i in range(index[abort] - 1, -1, -1) if instructions[i][0] < abort - 4), 0)
        if branch(target, *instructions[jump]) != begin:
            return f'{instructions[jump][1]}: goes into the signature'

    first = index[begin]
    body = instructions[first:index[commit]]
    loaded = index[start] - first
    texts = [text for _, text in body[loaded:]]
    if has_delays:
        if texts[1::2] != ['yield'] * (len(texts) // 2) or 'yield' in texts[::2]:
            return 'there is not a delay between any two instructions'
        texts = texts[::2]
    found = re.match(syntax[load], '\n'.join(texts), re.MULTILINE)
    if not found:
        return f'{texts[0]}: not the load of the CPU\'s number'
    cpu, area = whole(found['to']), whole(found['base'])
    committed = (store(target, body[-1][1]) or ('',))[0]

    values, told, stores, left = {}, False, 0, False
    for i, (at, text) in enumerate(body):
        follow(values, text, at, instructions[first + i + 1][0])
        if re.match(syntax['never'] + r'\b', text):
            return f'{text}: in a sequence'
        stored, to = store(target, text), branch(target, at, text)
        if stored and stored[1:] == ([area], 8):
            value = stored[0]
            value = int(value[1:], 0) if value[:1] == '$' and target == 'x86_64' else values.get(value)
            if value != address or i > loaded:
                return f'{text}: not this descriptor, or too late'
            told = True
        elif stored and stored[1:] == ([whole(committed)], 0):
            continue  # a push: what becomes the first node gets its next
        elif stored and (i != len(body) - 1 or cpu not in stored[1]):
            return f'{text}: not the last instruction, or not to the CPU\'s copy'
        stores += bool(stored) and stored[1:] != ([area], 8)
        if to is not None and to == exits.get(start) and i > loaded:
            left = True
        elif to is not None and not at < to <= commit and not commit < to <= commit + 24:
            return f'{text}: out of the sequence'
    if not told:
        return 'the kernel is not told of it'
    if stores != 1:
        return f'{stores} stores to the copy'
    if not left:
        return 'no way out for a thread without a CPU'
    if body[-1][1].startswith('strexd'):
        (_, test), (at, again) = instructions[index[commit]:index[commit] + 2]
        if not test.startswith('teq') or branch(target, at, again) != begin:
            return 'it does not begin again when nothing was stored'
    return None


def check(file, target, load='load', has_delays=False):
    """-> what is wrong, lines; the addresses of the sequences, with the number of branches in each."""
    file = Path(file)
    word = 4 if target == 'arm' else 8
    tables = {name: content for name, _, _, content in sections(file)}
    where = {name: address for name, _, address, _ in sections(file)}
    loaded = [(address, content) for _, kind, address, content in sections(file) if kind == 1 and address]

    def word_at(address):
        for base, content in loaded:
            if base <= address <= base + len(content) - 4:
                return struct.unpack_from('<I', content, address - base)[0]
        return None

    descriptors = [(where['__rseq_cs'] + i, struct.unpack_from('<4Q', tables['__rseq_cs'], i))
                   for i in range(0, len(tables['__rseq_cs']), 32)]
    listed = [p for p, in struct.iter_unpack('<Q', tables.get('__rseq_cs_ptr_array', b''))]
    exits = dict(struct.iter_unpack('<QQ', tables.get('__rseq_exit_point_array', b'')))
    instructions = [(at, re.sub(r'\s*(<[^>]*>|//.*|@.*|# .*)', '', text)) for at, text in code(file)]
    instructions += [(instructions[-1][0] + 4, '')] * 2  # behind the last
    index = {at: i for i, (at, text) in enumerate(instructions) if text}
    wrong = []
    if not descriptors:
        wrong.append('there are no descriptors')
    if sorted(listed) != [address for address, _ in descriptors]:
        wrong.append('the array of pointers is not the descriptors\'')
    for descriptor in descriptors:
        reason = check_sequence(target, descriptor, (instructions, index, exits, word_at), load, has_delays)
        if reason:
            start, end = descriptor[1][1], sum(descriptor[1][1:3])
            wrong.append(f'{descriptor[0]:#x}: {reason}')
            wrong += [f'    {at:#x} {text}' for at, text in instructions if start - 16 <= at < end + 8]
            break
    ends = {start: start + length for _, (_, start, length, _) in descriptors}
    return wrong, {start: sum(branch(target, at, text) is not None for at, text in instructions
                              if start <= at < end) for start, end in ends.items()}


def check_built(compiler, flags, target, include, folder):
    """Builds sequences.c. -> the image, and what check() answers."""
    image = folder / 'image'
    run([*compiler.split(), *FLAGS, *flags.split(), f'-I{include}', '-o', folder / 'object',
         HERE / 'sequences.c'])
    run([*LINK, '-o', image, folder / 'object'])
    return image, *check(image, target, 'cid' if CID in flags else 'load', DELAY in flags)


def check_all(compiler, flags, target, include, folder):
    """-> number of sequences; raises Failure. Each function of the source has one, or calls one."""
    image, wrong, starts = check_built(compiler, flags, target, include, folder)
    symbols = run(['llvm-nm', '--print-size', image])
    functions = re.findall(r'^(\w+) (\w+) T sequence_(\w+)', symbols, re.MULTILINE)
    branches = {}
    for at, size, name in functions if '-O0' not in flags else ():
        at, size = int(at, 16) & ~1, int(size, 16)
        branches[name] = max((n for start, n in starts.items() if at <= start < at + size), default=None)
        if branches[name] is None:
            wrong.append(f'{name}: the function at {at:#x} has no sequence')
            break
    wrong += [f'{name}: {branches[name]} branches' for name in branches if '_on_' in name
              and not wrong and branches[name] != branches[name.replace('_on_', '_', 1)] + 1]
    if not functions:
        wrong.append('there are no functions')
    if len(starts) < NOT_INLINE:
        wrong.append(f'there are {len(starts)} sequences')
    if wrong:
        raise Failure('\n'.join(wrong))
    return f'{len(starts)} sequences'


FEW = '-O2 -fPIE -DFEW'


def check_few(compiler, flags, target, folder):
    """Of one operation."""
    _, wrong, starts = check_built(compiler, flags, target, ROOT / 'include', folder)
    if wrong or not starts:
        raise Failure('\n'.join(wrong))
    return f'{len(starts)} sequences'


def main():
    needs('clang', 'ld.lld', 'llvm-nm', 'llvm-objdump')
    tap = Tap()

    def name(compiler):
        return compiler.split(' -nostdlibinc')[0]

    def test(title, compiler, function, *arguments):
        if sys.argv[1:] and title not in sys.argv[1:]:
            return
        if absent(compiler):
            tap.result(title, missing=absent(compiler))
            return
        with workspace() as folder:
            tap.check(title, function, *arguments, folder)

    for target, compilers in COMPILERS.items():
        for compiler in compilers:
            for flags in (OPTIMISED, UNOPTIMISED) if compiler == compilers[0] else (OPTIMISED,):
                test(f'{target}: {name(compiler)} {flags}', compiler, check_all, compiler, flags, target,
                     ROOT / 'include')
        flags = f'-Os -fPIE {CID} {DELAY if target in DELAYED else ""}'
        test(f'{target}: {name(compilers[-1])} {flags}', compilers[-1], check_all, compilers[-1], flags, target,
             ROOT / 'include')
        # What is wrong with one of them is wrong with all, and is found sooner.
        for title, more in (('', ''), (' by mm_cid', CID), *([(' with delays', DELAY)] if target in DELAYED else [])):
            test(f'{target}: an operation{title}', compilers[-1], check_few, compilers[-1], f'{FEW} {more}', target)
    return tap.end()


if __name__ == '__main__':
    sys.exit(main())
