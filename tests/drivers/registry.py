# SPDX-License-Identifier: MIT
"""The list of cases, and how one is added.

Each case is a function that returns the bytes of a file. Its decorator says
what comes of it: the error and words that the reasons have to contain, or 'OK'.
`fault` is the fault of other loaders that the case holds; `run` the
error in the kernel, where init() runs, if it is another one; `params`, `after`
(drivers that are installed before) and `lines` (how many reasons) what else
belongs to it.
"""
import struct
from collections import namedtuple

Case = namedtuple('Case', 'name build error words fault run params after lines')
CASES = []


def case(error, *words, fault=None, run=None, params='', after=(), lines=None):
    def add(function):
        name = function.__name__.strip('_')
        assert name not in (c.name for c in CASES), name
        CASES.append(Case(name, function, error, words, fault, run or error,
                          params, after, lines))
        return function
    return add


def family(error, *words, **options):
    """A function that yields (name, bytes, further words...)."""
    def add(function):
        for name, data, *more in function():
            made = bytes(data)
            CASES.append(Case(f'{function.__name__.strip("_")}-{name}',
                              lambda made=made: made, error,
                              (*words, *more), options.get('fault'),
                              options.get('run') or error,
                              options.get('params', ''),
                              options.get('after', ()), options.get('lines')))
        return function
    return add


# mov $ERROR, %rax; ret: what init returns where the loader did something wrong
def fail_if_not_equal(code, value):
    """endbr64; rax = computed by @code; return 0 if it is @value, else -5."""
    check = bytes.fromhex('48b9') + struct.pack('<Q', value % 2**64)   # mov, %rcx
    check += bytes.fromhex('4839c8')                # cmp %rcx, %rax
    check += bytes.fromhex('7503')                  # jne 1f
    check += bytes.fromhex('31c0c3')                # xor %eax, %eax; ret
    check += bytes.fromhex('48c7c0fbffffffc3')      # 1: mov $-5, %rax; ret
    return bytes.fromhex('f30f1efa') + code + check
